import { expect, it } from 'vitest';
import { isSeverity, spell, totalOf, worstOf } from './severity';

const counts = { critical: 0, high: 2, medium: 0, low: 5, info: 0, unknown: 1 };

it('counts are summed over all severities', () => expect(totalOf(counts)).toBe(8));
it('the worst is the first that occurs', () => expect(worstOf(counts)).toBe('high'));
it('nothing at all has no worst', () => expect(worstOf({})).toBeUndefined());
it('counts are spelled for those who do not see the bar', () => {
  expect(spell(counts)).toBe('2 high, 5 low, 1 unknown');
  expect(spell({})).toBe('none');
});
it('only our own words are severities', () => {
  expect(isSeverity('critical')).toBe(true);
  expect(isSeverity('severe')).toBe(false);
});
