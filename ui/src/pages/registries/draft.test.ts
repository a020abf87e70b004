import { describe, expect, it } from 'vitest';
import type { RegistryDescription } from '../../api/registries';
import { credentialOf, draftOf, faultOf, KEEP, optionsOf, turned } from './draft';

const kind = (of: Partial<RegistryDescription>): RegistryDescription => ({
  kind: 'distribution',
  title: 'OCI registry',
  has_catalogue: true,
  proof: 'header',
  credentials: ['anonymous', 'basic', 'token'],
  ...of,
});
const hub = kind({
  kind: 'docker_hub',
  title: 'Docker Hub',
  address: 'docker.io',
  has_catalogue: false,
  proof: 'address',
});
const ours = { ...draftOf(), name: 'Ours', address: 'registry.example:5000' };

describe('a draft of a registry', () => {
  it('needs a name and an address without a scheme or a path', () => {
    expect(faultOf(draftOf(), kind({}))).toBe('Give it a name.');
    expect(faultOf({ ...ours, address: '' }, kind({}))).toBe('Say where it is.');
    expect(faultOf({ ...ours, address: 'https://r.example' }, kind({}))).toContain('Leave out');
    expect(faultOf({ ...ours, address: 'r.example/team' }, kind({}))).toContain('without a path');
    expect(faultOf(ours, kind({}))).toBeUndefined();
  });
  it('names repositories where the registry lists none', () => {
    const draft = turned({ ...ours, address: '' }, hub);
    expect(faultOf(draft, hub)).toBe('Docker Hub lists no repositories: name them.');
    expect(faultOf({ ...draft, repositories: 'library/*' }, hub)).toBeUndefined();
  });
  it('says which part of the credentials is missing', () => {
    const basic = { ...ours, credential: 'basic', given: { username: 'robot' } };
    expect(faultOf(basic, kind({}))).toBe('Still needed: Password.');
    const aws = { ...ours, credential: 'aws', given: { id: 'AKIA' } };
    expect(faultOf(aws, kind({}))).toContain('go together');
  });
  it('takes its credentials nowhere else unasked', () => {
    const known = { ...ours, kind: 'harbor' as const, options: optionsOf(ours) };
    const draft = draftOf(known);
    expect(draft.credential).toBe(KEEP);
    expect(faultOf(draft, kind({}), known)).toBeUndefined();
    expect(faultOf({ ...draft, address: 'other.example' }, kind({}), known)).toContain('again');
  });
  it('has numbers within bounds', () => {
    expect(faultOf({ ...ours, concurrency: '0' }, kind({}))).toBe(
      'The number of images at once is 1 to 64.',
    );
    expect(faultOf({ ...ours, tags: 'many' }, kind({}))).toContain('newest tags');
  });
});

describe('what the server is told', () => {
  it('has repositories one a line, and no empty texts', () => {
    const told = optionsOf({ ...ours, repositories: ' team/*\n\nshop/web, shop/api', queue: ' ' });
    expect(told.repositories).toEqual(['team/*', 'shop/web', 'shop/api']);
    expect(told.queue).toBeNull();
    expect(told.poll_minutes).toBe(15);
  });
  it('has credentials by their type', () => {
    const basic = { ...ours, credential: 'basic', given: { username: 'u', password: 'p', x: 'y' } };
    expect(credentialOf(basic)).toEqual({ type: 'basic', username: 'u', password: 'p' });
    expect(credentialOf({ ...ours, credential: KEEP })).toBeUndefined();
    expect(credentialOf({ ...ours, credential: 'aws' })).toEqual({ type: 'aws' });
    expect(credentialOf({ ...ours, credential: 'aws', given: { id: 'A', secret: 'S' } })).toEqual({
      type: 'aws',
      key: { id: 'A', secret: 'S' },
    });
  });
  it('forgets what another kind had', () => {
    const aws = { ...ours, credential: 'aws', given: { id: 'A', secret: 'S' }, queue: 'q' };
    expect(turned(aws, hub)).toMatchObject({
      kind: 'docker_hub',
      credential: 'anonymous',
      given: {},
      queue: '',
    });
  });
});
