import { describe, expect, it } from 'vitest';
import { exactly, expiryOf, repositoryOf, type Scoped, scopeOf, sharedConditions } from './scope';

const finding = (id: string, more: Partial<Scoped> = {}): Scoped => ({
  id,
  kind: 'vulnerability',
  rule: 'CVE-2021-44228',
  package: { name: 'log4j-core' },
  image: { name: 'r.example:5000/shop/checkout:2.8.1' },
  asset: { id: 'a', cluster: 'prod-eu', namespace: 'shop' },
  ...more,
});

describe('scopes', () => {
  it('are built of what the finding is', () => {
    expect(scopeOf(sharedConditions([finding('1')]))).toBe(
      'cve:CVE-2021-44228 package:log4j-core image:r.example:5000/shop/checkout:2.8.1 ' +
        'repository:r.example:5000/shop/checkout ns:shop cluster:prod-eu',
    );
  });
  it('of several findings hold only what they share', () => {
    const other = finding('2', {
      image: { name: 'r.example:5000/shop/checkout:2.9.0' },
      asset: { id: 'b', cluster: 'prod-us', namespace: 'shop' },
    });
    expect(sharedConditions([finding('1'), other]).map((each) => each.field)).toEqual([
      'cve',
      'package',
      'repository',
      'ns',
    ]);
  });
  it('name rules for what is no vulnerability', () => {
    const alert = finding('3', { kind: 'alert', rule: 'shell-in-container', package: null });
    expect(scopeOf(sharedConditions([alert]).slice(0, 1))).toBe('rule:shell-in-container');
  });
  it('can be these findings alone', () => {
    expect(exactly([{ id: '7' }, { id: '8' }])).toBe('finding:7,8');
  });
});

it('a repository is the image without tag or digest', () => {
  expect(repositoryOf('r.example:5000/a/b@sha256:00')).toBe('r.example:5000/a/b');
  expect(repositoryOf('r.example:5000/a/b')).toBe('r.example:5000/a/b');
  expect(repositoryOf('nginx:1.27')).toBe('nginx');
});

it('an exemption ends with a day', () => {
  expect(expiryOf(30, Date.parse('2026-11-21T12:00:00Z'))).toBe('2026-12-21T23:59:59Z');
});
