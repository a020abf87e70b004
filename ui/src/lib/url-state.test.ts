import { describe, expect, it } from 'vitest';
import { list, parseSearch, pick, stringifySearch, toggle } from './url-state';

const WORDS = ['critical', 'high', 'low'] as const;

describe('the address', () => {
  it('reads back what it was given', () => {
    const search = { q: 'log4j & co', severity: 'critical,high', package: '@scope/name', sel: '0' };
    expect(parseSearch(stringifySearch(search))).toEqual(search);
  });
  it('keeps lists readable', () => {
    expect(stringifySearch({ severity: 'critical,high' })).toBe('?severity=critical,high');
  });
  it('leaves out what is empty', () => {
    expect(stringifySearch({ q: '', kind: undefined, fixable: false })).toBe('');
  });
  it('never turns a number into another type', () => {
    expect(parseSearch('?q=007')).toEqual({ q: '007' });
  });
  it('drops keys that are no state', () => {
    expect(pick({ q: 'x', evil: 'y', sort: '' }, ['q', 'sort'])).toEqual({ q: 'x' });
  });
});

describe('lists in the address', () => {
  it('keep only allowed words, in their order', () => {
    expect(list('low,nonsense,critical', WORDS)).toEqual(['critical', 'low']);
  });
  it('gain and lose a word by a click', () => {
    expect(toggle(undefined, 'high', WORDS)).toBe('high');
    expect(toggle('low', 'critical', WORDS)).toBe('critical,low');
    expect(toggle('low', 'low', WORDS)).toBeUndefined();
  });
});
