import { describe, expect, it } from 'vitest';
import {
  changesBetween,
  type DriftRule,
  faultsOf,
  fits,
  like,
  moved,
  reachOf,
  repositoryOf,
  sentence,
  tidied,
} from './drift';

const rule = (more: Partial<DriftRule> = {}): DriftRule => ({
  name: 'a rule',
  action: 'block',
  ...more,
});
const nginx = { cluster: 'prod', namespace: 'shop', pod: 'web-1', image: 'docker.io/nginx:1.29' };

describe('a pattern', () => {
  it('matches the whole text, a star any characters', () => {
    expect(like('nginx', 'nginx')).toBe(true);
    expect(like('nginx', 'nginx:1')).toBe(false);
    expect(like('*nginx*', 'docker.io/nginx:1.29')).toBe(true);
    expect(like('docker.io/*:1.29', 'docker.io/nginx:1.29')).toBe(true);
    expect(like('a*a', 'a')).toBe(false);
    expect(like('a*b*c', 'a-b-c')).toBe(true);
    expect(like('a*b*c', 'a-c-b')).toBe(false);
    expect(like('*', '')).toBe(true);
  });
  it('is quick on hostile patterns', () => {
    expect(like(`${'a*'.repeat(2000)}b`, 'a'.repeat(20_000))).toBe(false);
  });
});

describe('a rule', () => {
  it('fits where all it names fit', () => {
    expect(fits(rule(), nginx)).toBe('yes');
    expect(fits(rule({ namespaces: ['shop'], images: ['*nginx*'] }), nginx)).toBe('yes');
    expect(fits(rule({ namespaces: ['billing'], images: ['*nginx*'] }), nginx)).toBe('no');
    expect(fits(rule({ images: ['docker.io/nginx'] }), nginx)).toBe('yes');
    expect(repositoryOf('localhost:5000/shop/web')).toBe('localhost:5000/shop/web');
    expect(repositoryOf('nginx:1@sha256:abc')).toBe('nginx');
    expect(fits(rule({ namespaces: ['*'] }), { image: 'nginx' })).toBe('no');
    expect(fits(rule({ labels: ['tier=web'] }), nginx)).toBe('unknown');
    expect(fits(rule({ labels: ['tier=web'], pods: ['db-*'] }), nginx)).toBe('no');
  });
  it('says what it does', () => {
    expect(sentence(rule({ namespaces: ['shop'], allow: ['/tmp/agent'] }))).toBe(
      'In containers in the namespace shop, programs that are not in the image are stopped, and an alert tells of them. /tmp/agent may run all the same.',
    );
    expect(sentence(rule({ dry_run: true }))).toMatch(/^In every container.*would have been/);
    expect(sentence(rule({ action: 'ignore', allow: ['/a'] }))).toMatch(/nobody is told\.$/);
    expect(sentence(rule({ images: ['a', 'b', 'c', 'd', 'e'] }))).toContain('a, b, c or 2 others');
  });
  it('is checked before it is saved', () => {
    expect(faultsOf(rule(), [])).toEqual([]);
    expect(faultsOf(rule({ name: ' ' }), [])).toEqual(['Give it a name.']);
    expect(faultsOf(rule(), [rule()])).toEqual(['Another rule has this name.']);
    expect(faultsOf(rule({ allow: ['tmp/x'], labels: ['=web'] }), [])).toHaveLength(2);
  });
  it('is kept without what is empty, and dry only where it would stop', () => {
    expect(tidied(rule({ pods: [], images: [' nginx '], dry_run: true, action: 'alert' }))).toEqual(
      { name: 'a rule', action: 'alert', dry_run: false, images: ['nginx'] },
    );
  });
});

describe('a policy', () => {
  const rules = [
    rule({ name: 'labels', labels: ['tier=web'] }),
    rule({ name: 'shop', namespaces: ['shop'] }),
    rule({ name: 'all of nginx', images: ['*nginx*'] }),
  ];
  it('decides by the first rule that fits', () => {
    const redis = { image: 'redis:8' };
    const reach = reachOf(rules, [nginx, redis]);
    expect(reach.rules.map((each) => each.decides.length)).toEqual([0, 1, 0]);
    expect(reach.rules[0]?.perhaps).toEqual([nginx, redis]);
    expect(reach.rules[2]?.taken).toEqual([nginx]);
    expect(reach.rest).toEqual([redis]);
  });
  it('moves its rules', () => {
    expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
    expect(moved(['a', 'b', 'c'], 2, -1)).toEqual(['c', 'a', 'b']);
  });
  it('tells two versions apart', () => {
    const theirs = [rules[2] as DriftRule, { ...rules[1], action: 'alert' } as DriftRule, rule()];
    expect(changesBetween(rules, theirs)).toEqual({
      added: ['a rule'],
      removed: ['labels'],
      changed: ['shop'],
      isReordered: true,
    });
  });
});
