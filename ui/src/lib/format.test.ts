import { describe, expect, it } from 'vitest';
import { bytes, count, dockerfileStep, imageName, percent, plural, shortDigest } from './format';

describe('numbers', () => {
  it('group their thousands', () => expect(count(1234567)).toBe('1,234,567'));
  it('agree with their noun', () => {
    expect(plural(1, 'image')).toBe('1 image');
    expect(plural(2, 'vulnerability', 'vulnerabilities')).toBe('2 vulnerabilities');
  });
  it('never show a small probability as none', () => {
    expect(percent(0.0004)).toBe('<0.1 %');
    expect(percent(0)).toBe('0.0 %');
  });
  it('never round a percentile up to all', () => expect(percent(0.9999)).toBe('99 %'));
});

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [31_400_000, '31.4 MB'],
    [999_999, '1.00 MB'],
    [2_000_000_000_000, '2.00 TB'],
  ])('%d bytes read %s', (value, text) => expect(bytes(value)).toBe(text));
});

describe('names', () => {
  it('split at the registry and the tag', () => {
    expect(imageName('registry.example.com:5000/team/app:1.2')).toEqual({
      registry: 'registry.example.com:5000/',
      rest: 'team/app',
      tag: ':1.2',
    });
  });
  it('without a registry stay whole', () => {
    expect(imageName('team/app')).toEqual({ registry: '', rest: 'team/app', tag: '' });
  });
  it('by digest show its beginning', () => {
    expect(imageName(`debian@sha256:${'ab'.repeat(32)}`).tag).toBe('@sha256:abababababab');
  });
  it('of machines and files are left alone', () => {
    expect(imageName('build-host-01').rest).toBe('build-host-01');
  });
});

describe('digests', () => {
  it('are quoted by twelve digits', () => {
    expect(shortDigest('sha256:0123456789abcdef')).toBe('0123456789ab');
    expect(shortDigest('0123456789abcdef')).toBe('0123456789ab');
  });
});

describe('history lines', () => {
  it('lose the shell that ran them', () => {
    expect(dockerfileStep('/bin/sh -c #(nop)  CMD ["bash"]')).toBe('CMD ["bash"]');
    expect(dockerfileStep('RUN /bin/sh -c apt-get update # buildkit')).toBe('RUN apt-get update');
    expect(dockerfileStep('|1 VERSION=2 /bin/sh -c make')).toBe('RUN make');
  });
});
