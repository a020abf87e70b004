// Whether an image is signed as a trust policy asks for.

import type { TrustVerdict } from '../api/trust';
import { type Health, HealthMark } from './HealthMark';

export const VERDICT: Record<TrustVerdict, { word: string; doc: string; health: Health }> = {
  signed: { word: 'Signed', doc: 'As the policy asks for', health: 'healthy' },
  refused: { word: 'Refused', doc: 'Not signed as the policy asks for', health: 'silent' },
  pending: {
    word: 'Pending',
    doc: 'Nobody looked yet, or not since the policy changed',
    health: 'off',
  },
  unknown: { word: 'Not known', doc: 'The registry could not be asked', health: 'degraded' },
};

export const VERDICTS = Object.keys(VERDICT) as TrustVerdict[];

export function VerdictMark({ verdict, why }: { verdict: TrustVerdict; why?: string | null }) {
  const { word, doc, health } = VERDICT[verdict];
  return (
    <HealthMark health={health} why={why ?? doc}>
      {word}
    </HealthMark>
  );
}

export const SCHEME: Record<string, string> = {
  cosign: 'cosign',
  bundle: 'sigstore bundle',
  notation: 'notation',
};
