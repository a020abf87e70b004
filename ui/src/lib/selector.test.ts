import { describe, expect, it } from 'vitest';
import { readSelector, writeSelector } from './selector';

describe('label selectors', () => {
  it('are read as they are typed for kubectl', () => {
    expect(readSelector('team=a, tier in (web, api), env!=old, !legacy, app')).toEqual({
      value: {
        matchLabels: { team: 'a' },
        matchExpressions: [
          { key: 'tier', operator: 'In', values: ['web', 'api'] },
          { key: 'env', operator: 'NotIn', values: ['old'] },
          { key: 'legacy', operator: 'DoesNotExist' },
          { key: 'app', operator: 'Exists' },
        ],
      },
    });
    expect(readSelector('  ')).toEqual({});
    expect(readSelector('app.kubernetes.io/name==shop').value).toEqual({
      matchLabels: { 'app.kubernetes.io/name': 'shop' },
    });
  });

  it('keep both of two conditions on one label', () => {
    expect(readSelector('team=a, team=b').value).toEqual({
      matchLabels: { team: 'a' },
      matchExpressions: [{ key: 'team', operator: 'In', values: ['b'] }],
    });
  });

  it('name what is no condition', () => {
    for (const wrong of ['team=?', 'team>3', 'tier in web', 'tier in ()', 'a b', '-x'])
      expect(readSelector(wrong).fault, wrong).toMatch(/is no condition: write team=a/);
  });

  it('are written as they would be typed, and read back the same', () => {
    const text = 'team=a, tier in (web, api), env!=old, x notin (a, b), !legacy, app';
    expect(writeSelector(readSelector(text).value)).toBe(text);
    expect(writeSelector(undefined)).toBe('');
  });
});
