import { describe, expect, it } from 'vitest';
import { asked, inWords } from './wanted';

describe('a question for packages', () => {
  it('is a name alone', () => {
    expect(asked(' openssl ')).toEqual({ name: 'openssl' });
    expect(asked('@babel/core')).toEqual({ name: '@babel/core' });
    expect(asked('')).toEqual({ name: '' });
  });
  it('has comparisons, however they are set apart', () => {
    const range = { name: 'log4j-core', version: '>=2.0,<2.17' };
    expect(asked('log4j-core < 2.17')).toEqual({ name: 'log4j-core', version: '<2.17' });
    expect(asked('log4j-core >= 2.0, < 2.17')).toEqual(range);
    expect(asked('log4j-core>=2.0 <2.17')).toEqual(range);
    expect(asked('xz-utils=5.6.0')).toEqual({ name: 'xz-utils', version: '=5.6.0' });
    expect(asked('curl != 8.0')).toEqual({ name: 'curl', version: '!=8.0' });
  });
  it('may name one version', () => {
    expect(asked('xz-utils 5.6.0')).toEqual({ name: 'xz-utils', version: '=5.6.0' });
    expect(asked('golang.org/x/net v0.17.0').version).toBe('=0.17.0');
  });
  it('is said in words', () => {
    expect(inWords(asked('log4j-core >= 2.0 < 2.17'))).toBe('log4j-core from 2.0 and before 2.17');
    expect(inWords(asked('openssl'))).toBe('openssl');
  });
});
