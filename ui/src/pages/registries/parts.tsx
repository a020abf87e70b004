import type { Registry, RegistryFault, RegistryKind, RegistryState } from '../../api/registries';
import { type Health, HealthMark } from '../../components/HealthMark';
import { Inline } from '../../ui/Markdown';
import { Notice } from '../../ui/Notice';

export const KIND_NAME: Record<RegistryKind, string> = {
  distribution: 'OCI registry',
  harbor: 'Harbor',
  quay: 'Quay',
  ghcr: 'GitHub',
  docker_hub: 'Docker Hub',
  azure: 'Azure',
  amazon: 'Amazon ECR',
  google: 'Google',
};

export const STATE: Record<RegistryState, { word: string; doc: string; health: Health }> = {
  new: {
    word: 'Not asked yet',
    doc: 'It was added, and nothing came of it yet',
    health: 'degraded',
  },
  working: { word: 'Working', doc: 'The last look got through', health: 'healthy' },
  waiting: {
    word: 'Held back',
    doc: 'It allows no more requests for a while; what is queued waits',
    health: 'degraded',
  },
  failing: { word: 'Failing', doc: 'The last look did not get through', health: 'silent' },
  paused: {
    word: 'Paused',
    doc: 'Nothing is asked of it, and what it tells is not taken',
    health: 'off',
  },
};

export function StateMark({ registry }: { registry: Pick<Registry, 'state' | 'error'> }) {
  const { word, doc, health } = STATE[registry.state];
  return (
    <HealthMark health={health} why={registry.error?.message ?? doc}>
      {word}
    </HealthMark>
  );
}

/** Why a registry could not be asked, and what to do about it. */
export function Fault({ fault }: { fault: RegistryFault }) {
  return (
    <Notice tone="bad" title={fault.message}>
      <Inline>{fault.advice}</Inline>
    </Notice>
  );
}

/** "every 15 minutes", "every 2 hours". */
export function every(minutes: number): string {
  if (minutes === 1) return 'every minute';
  if (minutes % 1440 === 0) return minutes === 1440 ? 'every day' : `every ${minutes / 1440} days`;
  if (minutes % 60 === 0) return minutes === 60 ? 'every hour' : `every ${minutes / 60} hours`;
  return `every ${minutes} minutes`;
}
