import { describe, expect, it } from 'vitest';
import { extendTo, howMany, kept, NONE, toggleLoaded, toggleOne } from './selection';

const order = ['a', 'b', 'c', 'd', 'e'];
const ids = (chosen: { ids: ReadonlySet<string> }) => [...chosen.ids].sort();

describe('choosing rows', () => {
  it('one by one, and back', () => {
    const one = toggleOne(NONE, 'b');
    expect(ids(one)).toEqual(['b']);
    expect(ids(toggleOne(one, 'b'))).toEqual([]);
  });
  it('a stretch, in either direction', () => {
    expect(ids(extendTo(toggleOne(NONE, 'b'), 'd', order))).toEqual(['b', 'c', 'd']);
    expect(ids(extendTo(toggleOne(NONE, 'd'), 'b', order))).toEqual(['b', 'c', 'd']);
  });
  it('without a beginning is one row', () => {
    expect(ids(extendTo(NONE, 'c', order))).toEqual(['c']);
  });
  it('all that are loaded, and none again', () => {
    const all = toggleLoaded(toggleOne(NONE, 'a'), order);
    expect(ids(all)).toEqual(order);
    expect(ids(toggleLoaded(all, order))).toEqual([]);
  });
  it('forgets rows that left the list', () => {
    expect(ids(kept({ ids: new Set(['a', 'z']), all: false }, order))).toEqual(['a']);
  });
  it('counts all a query means', () => {
    expect(howMany({ ids: new Set(['a']), all: true }, 1200)).toBe(1200);
  });
});
