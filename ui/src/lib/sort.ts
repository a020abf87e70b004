// Rows that came whole, put in order on this side.

export type Value = number | string;

/**
 * By `value`, turned round by a leading minus of `sort`; rows alike in it
 * by `name`.
 */
export function sorted<T>(
  rows: readonly T[],
  sort: string,
  value: (row: T) => Value,
  name: (row: T) => string,
): T[] {
  const sign = sort.startsWith('-') ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    const order = typeof x === 'string' ? x.localeCompare(String(y)) : Number(x) - Number(y);
    return order * sign || name(a).localeCompare(name(b));
  });
}

/** What a column's `sort` stands for. */
export function columnOf(sort: string): string {
  return sort.replace(/^-/, '');
}
