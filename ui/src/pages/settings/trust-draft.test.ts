import { describe, expect, it } from 'vitest';
import type { TrustPolicy } from '../../api/trust';
import { draftOf, faultOf, newSigner, newStamper, policyOf, signerText } from './trust-draft';

const KEY = '-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----';
const whole = {
  ...draftOf(),
  name: 'Shop',
  repositories: ' registry.example/shop/* \n\n',
  signers: [{ ...newSigner(), name: 'build', pem: KEY }],
};

describe('a trust policy being written', () => {
  it('says what is missing, the first first', () => {
    expect(faultOf(draftOf())).toMatch(/name/);
    expect(faultOf({ ...whole, repositories: '' })).toMatch(/repositories/);
    expect(faultOf({ ...whole, signers: [] })).toMatch(/whose/);
    expect(faultOf({ ...whole, signers: [newSigner()] })).toMatch(/Name each/);
    expect(faultOf({ ...whole, signers: [{ ...newSigner(), name: 'a', pem: 'x' }] })).toMatch(
      /BEGIN PUBLIC KEY/,
    );
    expect(faultOf(whole)).toBeUndefined();
  });
  it('asks for the root an identity needs, and refuses anybody', () => {
    const signer = {
      ...newSigner('identity'),
      issuer: 'https://ci.example',
      subject: 'a@b.example',
    };
    expect(faultOf({ ...whole, signers: [signer] })).toMatch(/trusted root/);
    expect(faultOf({ ...whole, signers: [signer], hasRoot: true })).toBeUndefined();
    expect(faultOf({ ...whole, signers: [signer], root: 'no json' })).toMatch(/no JSON/);
    expect(faultOf({ ...whole, signers: [{ ...signer, subject: '*' }] })).toMatch(/Anybody/);
  });
  it('is what the server is asked for', () => {
    expect(policyOf(whole, 'local')).toEqual({
      name: 'Shop',
      description: '',
      repositories: ['registry.example/shop/*'],
      signers: [{ type: 'key', name: 'build', pem: KEY }],
      stampers: [],
      enabled: true,
      environment: 'local',
    });
    expect(policyOf({ ...whole, root: '{"mediaType":"x"}' }).trusted_root).toEqual({
      mediaType: 'x',
    });
  });
  it('is taken from one that is there, whose root stays', () => {
    const policy = {
      ...policyOf(whole),
      has_root: true,
      stampers: [
        { name: 'first', pem: 'A' },
        { name: 'second', pem: 'B' },
      ],
      signers: [
        { type: 'certificate', name: 'ours', pem: 'PEM', subject: 'CN=build', fingerprint: 'ab' },
      ],
    } as unknown as TrustPolicy;
    const draft = draftOf(policy);
    expect(draft.hasRoot).toBe(true);
    expect(policyOf(draft).signers).toEqual([
      { type: 'certificate', name: 'ours', pem: 'PEM', subject: 'CN=build' },
    ]);
    expect(policyOf(draft).stampers).toEqual(policy.stampers);
    expect(policyOf(draft)).not.toHaveProperty('trusted_root');
  });
  it('names every timestamp authority and gives its root', () => {
    const root = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const stampers = (...each: { name: string; pem: string }[]) => ({ ...whole, stampers: each });
    const good = { name: ' DigiStamp ', pem: root };
    expect(faultOf(stampers(good, newStamper()))).toMatch(/Name each timestamp authority/);
    expect(faultOf(stampers({ name: 'a', pem: KEY }))).toMatch(/BEGIN CERTIFICATE/);
    const both = stampers(good, { name: 'second', pem: root });
    expect(faultOf(both)).toBeUndefined();
    expect(policyOf(both).stampers).toEqual([
      { name: 'DigiStamp', pem: root.trim() },
      { name: 'second', pem: root.trim() },
    ]);
  });
  it('names its signers as people do', () => {
    expect(signerText({ type: 'key', name: 'build', pem: '' })).toBe('key build');
    expect(signerText({ type: 'identity', issuer: 'https://i', subject: 'a@b' })).toBe(
      'a@b by https://i',
    );
  });
});
