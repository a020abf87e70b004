import { expect, it } from 'vitest';
import { type Node, opened, rowsOf, toggledOpen } from './tree';

const node = (id: string, children = 0): Node<{ children: number }> => ({ id, item: { children } });
const TREE: Record<string, Node<{ children: number }>[]> = {
  a: [node('a1', 1), node('a2')],
  a1: [node('a1x')],
};
const ids = (open: string[]) =>
  rowsOf([node('a', 2), node('b', 3)], new Set(open), (id) => TREE[id]).map(
    (row) => `${' '.repeat(row.depth)}${row.id}${row.isWaiting ? '…' : ''}`,
  );

it('what is closed hides what is below it', () => expect(ids([])).toEqual(['a', 'b']));
it('what is open is followed by its children', () => {
  expect(ids(['a', 'a1'])).toEqual(['a', ' a1', '  a1x', ' a2', 'b']);
});
it('an open child of a closed parent waits for it', () => {
  expect(ids(['a1'])).toEqual(['a', 'b']);
});
it('children not yet known are waited for', () => expect(ids(['b'])).toEqual(['a', 'b…']));
it('a tree that contains itself ends', () => {
  const loop = [node('a', 1)];
  expect(rowsOf(loop, new Set(['a']), () => loop)).toHaveLength(1);
});
it('what is open is kept in the address', () => {
  expect(toggledOpen('a,b', 'b')).toBe('a');
  expect(toggledOpen('a', 'a')).toBeUndefined();
  expect(opened(toggledOpen('a', 'c'))).toEqual(['a', 'c']);
});
