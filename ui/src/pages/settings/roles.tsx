// Roles and where they hold: shown, and chosen.

import { Badge, Checkbox, MultiSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import type { Role, RoleBinding } from '../../api/settings';
import classes from './settings.module.css';
import { ROLES, roleLabel } from './words';

const EVERYWHERE = '*';

export function RoleTags({ roles }: { roles: RoleBinding[] }) {
  if (roles.length === 0) return <span className={classes.quiet}>no role</span>;
  return (
    <div className={classes.tags}>
      {roles.map((each) => (
        <Badge key={each.role + each.environments.join()} variant="light" tt="none">
          {roleLabel(each.role)}
          {!each.environments.includes(EVERYWHERE) && ` in ${each.environments.join(', ')}`}
        </Badge>
      ))}
    </div>
  );
}

/** Each role once: off, on everywhere, or on in some environments. */
export function RoleFields({
  roles,
  onChange,
}: {
  roles: RoleBinding[];
  onChange: (roles: RoleBinding[]) => void;
}) {
  const { data: environments } = useQuery(queries.environments());
  const choices = [
    { value: EVERYWHERE, label: 'All environments' },
    ...(environments ?? []).map((each) => ({ value: each.id, label: each.name })),
  ];
  const set = (role: Role, environments: string[] | undefined) => {
    const others = roles.filter((each) => each.role !== role);
    onChange(environments ? [...others, { role, environments }] : others);
  };
  return (
    <fieldset className={classes.checks}>
      <legend>Roles</legend>
      {ROLES.map((role) => {
        const held = roles.find((each) => each.role === role.id);
        return (
          <div key={role.id}>
            <Checkbox
              size="xs"
              label={role.label}
              description={role.doc}
              checked={held !== undefined}
              onChange={() => set(role.id, held ? undefined : [EVERYWHERE])}
            />
            {held && role.id !== 'platform_admin' && (
              <MultiSelect
                ml={26}
                mt={4}
                size="xs"
                aria-label={`Where they are ${role.label}`}
                data={choices}
                value={held.environments}
                onChange={(next) => {
                  const isNewlyAll =
                    next.includes(EVERYWHERE) && !held.environments.includes(EVERYWHERE);
                  const some = next.filter((each) => each !== EVERYWHERE);
                  set(role.id, isNewlyAll || some.length === 0 ? [EVERYWHERE] : some);
                }}
              />
            )}
          </div>
        );
      })}
    </fieldset>
  );
}
