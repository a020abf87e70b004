import { describe, expect, it } from 'vitest';
import { upgradeFor } from './upgrade';

describe('upgrade commands', () => {
  it.each([
    [
      'deb',
      'libssl3',
      '3.0.15-1~deb12u1',
      'RUN apt-get update && apt-get install -y --only-upgrade libssl3',
    ],
    ['apk', 'busybox', '1.36.1-r6', 'RUN apk add --no-cache --upgrade busybox'],
    ['npm', '@babel/core', '7.0.1', 'npm install @babel/core@7.0.1'],
    ['pypi', 'requests', '2.31.0', "pip install 'requests>=2.31.0'"],
    ['golang', 'golang.org/x/net', 'v0.17.0', 'go get golang.org/x/net@v0.17.0'],
    ['cargo', 'h2', '0.3.24', 'cargo update -p h2 --precise 0.3.24'],
    ['maven', 'org.yaml:snakeyaml', '2.0', 'org.yaml:snakeyaml:2.0'],
  ])('for %s packages name the package and version', (kind, name, version, command) => {
    expect(upgradeFor(kind, name, version)?.command).toBe(command);
  });

  it.each(['x; rm -rf ~', '$(id)', '`id`', '-rf', "a'b", 'a b', 'a\nb', ''])(
    'are not offered for a package called %j',
    (name) => {
      for (const kind of ['deb', 'npm', 'pypi', 'golang']) {
        expect(upgradeFor(kind, name, '1.0')).toBeUndefined();
        expect(upgradeFor(kind, 'ok', name)).toBeUndefined();
      }
    },
  );

  it('are not invented for unknown kinds', () => {
    expect(upgradeFor('generic', 'firmware', '2')).toBeUndefined();
  });
});
