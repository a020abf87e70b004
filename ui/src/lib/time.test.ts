import { describe, expect, it } from 'vitest';
import { day, daysSince, duration, exact, relative } from './time';

const NOW = Date.parse('2026-11-21T12:00:00Z');

describe('relative dates', () => {
  it.each([
    ['2026-11-21T11:59:55Z', 'just now'],
    ['2026-11-21T11:59:00Z', '1 min ago'],
    ['2026-11-21T09:30:00Z', '2 h ago'],
    ['2026-11-20T11:00:00Z', '1 d ago'],
    ['2026-08-21T12:00:00Z', '3 mo ago'],
    ['2021-12-10T00:00:00Z', '4 y ago'],
    ['2026-11-21T15:00:00Z', 'in 3 h'],
  ])('%s is %s', (when, text) => expect(relative(when, NOW)).toBe(text));
  it('leave alone what is no date', () => expect(relative('soon', NOW)).toBe('soon'));
});

describe('exact dates', () => {
  it('are in universal time', () => {
    expect(exact('2026-11-21T13:00:00+01:00')).toBe('2026-11-21 12:00:00 UTC');
  });
  it('without a time stay days', () => expect(exact('2026-11-21')).toBe('2026-11-21'));
  it('have a day', () => expect(day('2026-11-21T23:59:59Z')).toBe('2026-11-21'));
});

describe('durations', () => {
  it.each([
    ['2026-11-21T12:00:00.000Z', '2026-11-21T12:00:00.850Z', '850 ms'],
    ['2026-11-21T12:00:00Z', '2026-11-21T12:00:03.2Z', '3.2 s'],
    ['2026-11-21T12:00:00Z', '2026-11-21T12:03:20Z', '3 min 20 s'],
    ['2026-11-21T12:00:00Z', '2026-11-21T14:05:00Z', '2 h 5 min'],
  ])('from %s to %s is %s', (from, to, text) => expect(duration(from, to)).toBe(text));
});

it('whole days are counted', () => expect(daysSince('2026-11-11T13:00:00Z', NOW)).toBe(9));
