// What a person fills in to add a registry or to change one, and what of
// it the server is told. Secrets go in and never come out: an empty one of
// a registry that is known stays as it is.

import type { RegistryDescription, RegistryKind, RegistryOptions } from '../../api/registries';

/** Credentials stay as they are. */
export const KEEP = 'keep';

export interface CredentialField {
  name: string;
  label: string;
  help?: string;
  isSecret?: boolean;
  isLong?: boolean;
  isOptional?: boolean;
}

/** What each sort of credentials has to be told; the order is the form's. */
export const CREDENTIALS: Record<string, { label: string; fields: CredentialField[] }> = {
  anonymous: { label: 'As nobody', fields: [] },
  basic: {
    label: 'A name and a password',
    fields: [
      { name: 'username', label: 'Name' },
      {
        name: 'password',
        label: 'Password',
        help: 'Or an access token, or a robot’s secret',
        isSecret: true,
      },
    ],
  },
  token: {
    label: 'A token, sent as it is',
    fields: [{ name: 'token', label: 'Token', isSecret: true }],
  },
  service_principal: {
    label: 'A service principal of Entra ID',
    fields: [
      { name: 'tenant', label: 'Tenant' },
      { name: 'client_id', label: 'Client', help: 'It needs the role AcrPull' },
      { name: 'client_secret', label: 'Client secret', isSecret: true },
    ],
  },
  refresh_token: {
    label: 'A refresh token of the registry’s own',
    fields: [{ name: 'token', label: 'Refresh token', isSecret: true }],
  },
  managed_identity: {
    label: 'The identity of the machine Seawall runs on',
    fields: [
      {
        name: 'client_id',
        label: 'Client',
        help: 'Where the machine has several identities',
        isOptional: true,
      },
    ],
  },
  aws: {
    label: 'AWS',
    fields: [
      {
        name: 'id',
        label: 'Access key',
        help: 'Empty: AWS’s usual chain (environment, web identity, role of the pod or machine)',
        isOptional: true,
      },
      { name: 'secret', label: 'Secret access key', isSecret: true, isOptional: true },
      { name: 'session_token', label: 'Session token', isSecret: true, isOptional: true },
    ],
  },
  service_account: {
    label: 'A service account of Google’s',
    fields: [{ name: 'json', label: 'Its JSON key', isSecret: true, isLong: true }],
  },
};

export interface Draft {
  name: string;
  kind: RegistryKind;
  address: string;
  credential: string;
  /** The fields of the credentials, by name. */
  given: Record<string, string>;
  repositories: string;
  tags: string;
  poll_minutes: string;
  recent_days: string;
  again_days: string;
  per_minute: string;
  concurrency: string;
  authorities: string;
  plain_http: boolean;
  allow_private: boolean;
  queue: string;
  endpoint: string;
}

const USUAL: RegistryOptions = {
  repositories: [],
  tags: 100,
  poll_minutes: 15,
  recent_days: 30,
  again_days: 7,
  per_minute: 60,
  concurrency: 2,
  authorities: null,
  plain_http: false,
  allow_private: false,
  queue: null,
  endpoint: null,
};

interface Known {
  name: string;
  kind: RegistryKind;
  address: string;
  options: RegistryOptions;
}

export function draftOf(registry?: Known): Draft {
  const options = { ...USUAL, ...registry?.options };
  return {
    name: registry?.name ?? '',
    kind: registry?.kind ?? 'distribution',
    address: registry?.address ?? '',
    credential: registry ? KEEP : 'anonymous',
    given: {},
    repositories: options.repositories.join('\n'),
    tags: String(options.tags),
    poll_minutes: String(options.poll_minutes),
    recent_days: String(options.recent_days),
    again_days: String(options.again_days),
    per_minute: String(options.per_minute),
    concurrency: String(options.concurrency),
    authorities: options.authorities ?? '',
    plain_http: options.plain_http,
    allow_private: options.allow_private,
    queue: options.queue ?? '',
    endpoint: options.endpoint ?? '',
  };
}

/** The same, of another kind: what only the old one had is left out. */
export function turned(draft: Draft, to: RegistryDescription): Draft {
  const isKnown = draft.credential === KEEP || to.credentials.includes(draft.credential);
  return {
    ...draft,
    kind: to.kind,
    credential: isKnown ? draft.credential : (to.credentials[0] ?? 'anonymous'),
    given: isKnown ? draft.given : {},
    queue: to.kind === 'amazon' ? draft.queue : '',
  };
}

export const lines = (text: string): string[] =>
  text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** The numbers, their names on the screen, and between what they must be. */
export const NUMBERS: [key: NumberKey, name: string, least: number, most: number][] = [
  ['tags', 'newest tags', 1, 10_000],
  ['poll_minutes', 'minutes between looks', 0, 10_080],
  ['recent_days', 'days an image counts as used', 1, 3650],
  ['again_days', 'days until it is read again', 1, 3650],
  ['per_minute', 'images a minute', 0, 100_000],
  ['concurrency', 'images at once', 1, 64],
];
export type NumberKey =
  | 'tags'
  | 'poll_minutes'
  | 'recent_days'
  | 'again_days'
  | 'per_minute'
  | 'concurrency';

const number = (text: string): number => (/^\d+$/.test(text.trim()) ? Number(text) : Number.NaN);

/** What keeps a draft from being sent; nothing where it is ready. */
export function faultOf(
  draft: Draft,
  kind: RegistryDescription | undefined,
  known?: Known,
): string | undefined {
  if (draft.name.trim() === '') return 'Give it a name.';
  const address = draft.address.trim();
  if (address === '' && !kind?.address) return 'Say where it is.';
  if (/^[a-z]+:\/\//i.test(address)) return 'Leave out http:// or https:// before the address.';
  if (/[/\s]/.test(address)) return 'An address is HOST or HOST:PORT, without a path.';
  if (kind && !kind.has_catalogue && lines(draft.repositories).length === 0)
    return `${kind.title} lists no repositories: name them.`;
  const wanted = CREDENTIALS[draft.credential]?.fields ?? [];
  const lacking = wanted.filter(
    (field) => !field.isOptional && (draft.given[field.name] ?? '').trim() === '',
  );
  if (lacking.length > 0) return `Still needed: ${lacking.map((each) => each.label).join(', ')}.`;
  const { id = '', secret = '' } = draft.given;
  if (draft.credential === 'aws' && (id.trim() === '') !== (secret.trim() === ''))
    return 'An access key and its secret go together.';
  if (known && address !== known.address && draft.credential === KEEP)
    return 'At another address it needs its credentials again.';
  for (const [key, name, least, most] of NUMBERS) {
    const value = number(draft[key]);
    if (!(value >= least && value <= most))
      return `The number of ${name} is ${least} to ${most.toLocaleString('en')}.`;
  }
  return undefined;
}

const filled = (text: string) => text.trim() || null;

export function optionsOf(draft: Draft): RegistryOptions {
  const authorities = filled(draft.authorities);
  const numbers = Object.fromEntries(NUMBERS.map(([key]) => [key, number(draft[key])]));
  return {
    ...(numbers as Record<NumberKey, number>),
    repositories: lines(draft.repositories),
    authorities: authorities && `${authorities}\n`,
    plain_http: draft.plain_http,
    allow_private: draft.allow_private,
    queue: filled(draft.queue),
    endpoint: filled(draft.endpoint),
  };
}

/** As whom it is asked; nothing where that stays as it is. */
export function credentialOf(draft: Draft): Record<string, unknown> | undefined {
  if (draft.credential === KEEP) return undefined;
  const fields = CREDENTIALS[draft.credential]?.fields ?? [];
  const given = Object.fromEntries(
    fields.flatMap((field) => {
      const value = filled(draft.given[field.name] ?? '');
      return value ? [[field.name, value]] : [];
    }),
  );
  if (draft.credential !== 'aws') return { type: draft.credential, ...given };
  return { type: 'aws', ...(given.id ? { key: given } : {}) };
}
