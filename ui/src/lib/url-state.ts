// The URL is the state: plain `key=value` pairs, nothing quoted.

export type Search = Record<string, string>;

/** Reads a query string. Keys said twice keep their last value. */
export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text));
}

/** Writes a query string; empty values are left out. */
export function stringifySearch(search: Record<string, unknown>): string {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value === undefined || value === null || value === '' || value === false) continue;
    pairs.set(key, String(value));
  }
  // Commas and colons are legal in a query and are easier to read bare.
  const text = pairs
    .toString()
    .replaceAll('%2C', ',')
    .replaceAll('%3A', ':')
    .replaceAll('%2F', '/');
  return text === '' ? '' : `?${text}`;
}

/** Keeps only the named keys whose value is a non-empty string. */
export function pick<K extends string>(
  search: Record<string, unknown>,
  keys: readonly K[],
): Partial<Record<K, string>> {
  const kept: Partial<Record<K, string>> = {};
  for (const key of keys) {
    const value = search[key];
    if (value === undefined || value === null || value === '') continue;
    kept[key] = String(value);
  }
  return kept;
}

/** What every link inside the product carries on: whose things are shown. */
export const SCOPE_KEYS = ['environment', 'cluster', 'ns'] as const;

/** A comma-separated value as a list; only allowed words survive. */
export function list<T extends string>(value: string | undefined, allowed: readonly T[]): T[] {
  if (!value) return [];
  const words = value.split(',');
  return allowed.filter((word) => words.includes(word));
}

/** Adds or removes one word of a comma-separated value. */
export function toggle<T extends string>(
  value: string | undefined,
  word: T,
  allowed: readonly T[],
): string | undefined {
  const words = list(value, allowed);
  const next = words.includes(word)
    ? words.filter((other) => other !== word)
    : allowed.filter((other) => other === word || words.includes(other));
  return next.length > 0 ? next.join(',') : undefined;
}
