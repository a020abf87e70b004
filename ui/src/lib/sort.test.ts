import { describe, expect, it } from 'vitest';
import { columnOf, sorted } from './sort';

const rows = [
  { name: 'b', size: 2 },
  { name: 'c', size: 10 },
  { name: 'a', size: 2 },
];
const names = (sort: string, value: (row: (typeof rows)[0]) => number | string) =>
  sorted(rows, sort, value, (row) => row.name).map((row) => row.name);

describe('rows', () => {
  it('are ordered by number, and by name where they are alike', () => {
    expect(names('size', (row) => row.size)).toEqual(['a', 'b', 'c']);
    expect(names('-size', (row) => row.size)).toEqual(['c', 'a', 'b']);
  });
  it('are ordered by word', () => {
    expect(names('-name', (row) => row.name)).toEqual(['c', 'b', 'a']);
  });
  it('are not moved themselves', () => {
    names('name', (row) => row.name);
    expect(rows.map((row) => row.name)).toEqual(['b', 'c', 'a']);
  });
  it('are ordered by the column an order names', () => {
    expect(columnOf('-size')).toBe('size');
    expect(columnOf('size')).toBe('size');
  });
});
