// A trust policy while it is written: text of fields, until it is whole.

import type { NewTrustPolicy, TrustPolicy, TrustSigner } from '../../api/trust';

export type SignerType = TrustSigner['type'];

export interface SignerDraft {
  type: SignerType;
  name: string;
  pem: string;
  issuer: string;
  subject: string;
}

/** A timestamp authority. */
export interface StamperDraft {
  name: string;
  /** Its root. */
  pem: string;
}

export interface TrustDraft {
  name: string;
  description: string;
  /** One a line. */
  repositories: string;
  signers: SignerDraft[];
  stampers: StamperDraft[];
  /** `trusted_root.json`; empty: none, or the one that is set. */
  root: string;
  hasRoot: boolean;
  enabled: boolean;
}

export const SIGNER_TYPES: { value: SignerType; label: string }[] = [
  { value: 'key', label: 'A key of cosign' },
  { value: 'identity', label: 'An identity of sigstore' },
  { value: 'certificate', label: 'A certificate of notation' },
];

export const newSigner = (type: SignerType = 'key'): SignerDraft => ({
  type,
  name: '',
  pem: '',
  issuer: '',
  subject: '',
});

export const newStamper = (): StamperDraft => ({ name: '', pem: '' });

export function draftOf(policy?: TrustPolicy): TrustDraft {
  return {
    name: policy?.name ?? '',
    description: policy?.description ?? '',
    repositories: policy?.repositories.join('\n') ?? '',
    signers: policy?.signers.map(signerDraft) ?? [newSigner()],
    stampers: policy?.stampers.map(({ name, pem }) => ({ name, pem })) ?? [],
    root: '',
    hasRoot: policy?.has_root ?? false,
    enabled: policy?.enabled ?? true,
  };
}

function signerDraft(signer: TrustSigner): SignerDraft {
  const draft = newSigner(signer.type);
  if (signer.type === 'identity') return { ...draft, ...signer };
  return {
    ...draft,
    name: signer.name,
    pem: signer.pem,
    ...(signer.type === 'certificate' ? { subject: signer.subject ?? '' } : {}),
  };
}

const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

function signerFault(signer: SignerDraft): string | undefined {
  if (signer.type === 'identity') {
    if (signer.issuer.trim() === '') return 'Say who vouches for the identity.';
    if (signer.subject.trim() === '') return 'Say whose identity it is.';
    if (signer.subject.trim() === '*')
      return 'Anybody can sign as somebody: * alone is no identity.';
    return undefined;
  }
  if (signer.name.trim() === '') return 'Name each key and certificate.';
  return signer.type === 'key'
    ? pemFault(signer.pem, 'The key', 'PUBLIC KEY')
    : pemFault(signer.pem, 'The certificate', 'CERTIFICATE');
}

function stamperFault(stamper: StamperDraft): string | undefined {
  if (stamper.name.trim() === '') return 'Name each timestamp authority.';
  return pemFault(stamper.pem, 'A timestamp authority’s root', 'CERTIFICATE');
}

function pemFault(pem: string, noun: string, label: string): string | undefined {
  return pem.includes(`-----BEGIN ${label}-----`)
    ? undefined
    : `${noun} begins with -----BEGIN ${label}-----.`;
}

/** What is still missing, in words; the server says what else is wrong. */
export function faultOf(draft: TrustDraft): string | undefined {
  if (draft.name.trim() === '') return 'Give it a name.';
  if (lines(draft.repositories).length === 0) return 'Say for which repositories it holds.';
  if (draft.signers.length === 0) return 'Say whose signature will do.';
  for (const signer of draft.signers) {
    const fault = signerFault(signer);
    if (fault) return fault;
  }
  const isRootNeeded = draft.signers.some((each) => each.type === 'identity');
  if (isRootNeeded && !draft.hasRoot && draft.root.trim() === '')
    return 'An identity needs sigstore’s trusted root.';
  if (draft.root.trim() !== '' && rootOf(draft.root) === undefined)
    return 'The trusted root is no JSON.';
  for (const stamper of draft.stampers) {
    const fault = stamperFault(stamper);
    if (fault) return fault;
  }
  return undefined;
}

function rootOf(text: string): Record<string, never> | undefined {
  try {
    const root: unknown = JSON.parse(text);
    return typeof root === 'object' && root !== null ? (root as Record<string, never>) : undefined;
  } catch {
    return undefined;
  }
}

function signerOf({ type, name, pem, issuer, subject }: SignerDraft): TrustSigner {
  if (type === 'identity') return { type, issuer: issuer.trim(), subject: subject.trim() };
  const common = { name: name.trim(), pem: pem.trim() };
  if (type === 'key') return { type, ...common };
  return { type, ...common, ...(subject.trim() ? { subject: subject.trim() } : {}) };
}

/** What is asked of the server. */
export function policyOf(draft: TrustDraft, environment?: string): NewTrustPolicy {
  const root = draft.root.trim() === '' ? undefined : rootOf(draft.root);
  return {
    name: draft.name.trim(),
    description: draft.description.trim(),
    repositories: lines(draft.repositories),
    signers: draft.signers.map(signerOf),
    stampers: draft.stampers.map(({ name, pem }) => ({ name: name.trim(), pem: pem.trim() })),
    enabled: draft.enabled,
    ...(root ? { trusted_root: root } : {}),
    ...(environment ? { environment } : {}),
  };
}

/** "cosign key build", "*@acme.example by accounts.google.com". */
export function signerText(signer: TrustSigner): string {
  if (signer.type === 'identity') return `${signer.subject} by ${signer.issuer}`;
  if (signer.type === 'key') return `key ${signer.name}`;
  return `certificate ${signer.name}${signer.subject ? `, ${signer.subject}` : ''}`;
}
