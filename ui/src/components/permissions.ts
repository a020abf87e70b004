// What the reader may do. What they may not is shown, and says why not.

import { useQuery } from '@tanstack/react-query';
import { type Me, type Permission, settings } from '../api/settings';
import { useEnvironment } from './url';

export interface Permissions {
  /** Dismiss, assign, comment: absent where it is allowed, else why not. */
  decide: string | undefined;
  exempt: string | undefined;
  scan: string | undefined;
  configure: string | undefined;
  administer: string | undefined;
  /** Configure what all environments share. */
  everywhere: string | undefined;
}

const GIVER: Partial<Record<Permission, string>> = {
  triage: 'security admin',
  exempt: 'security admin',
  scan: 'security admin',
  configure: 'security admin',
  administer: 'platform admin',
};

/** Why something is not allowed here; nothing where it is. */
export function refusalOf(
  me: Me | undefined,
  permission: Permission,
  environment: string,
): string | undefined {
  // Until it is known, the server's refusal is soon enough.
  if (!me || me.everywhere.includes(permission)) return undefined;
  const here = me.environments.find((each) => each.environment === environment);
  if (here?.permissions.includes(permission)) return undefined;
  return `This needs the role ${GIVER[permission] ?? 'of an admin'}.`;
}

/** The server refuses what is not allowed; this only says so beforehand. */
export function usePermissions(): Permissions {
  const { data: me } = useQuery(settings.me());
  const environment = useEnvironment();
  const of = (permission: Permission) => refusalOf(me, permission, environment);
  return {
    decide: of('triage'),
    exempt: of('exempt'),
    scan: of('scan'),
    configure: of('configure'),
    administer: of('administer'),
    // No environment has this name: only what holds everywhere counts.
    everywhere: refusalOf(me, 'configure', ''),
  };
}
