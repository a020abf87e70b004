// Machines of clusters, as the checks of a node say they are.

import type { NodeAssessment } from '../src/api/clusters';

const HOUR = 3_600_000;
/** Checks of the machine itself. */
const AFFECTED = ['kubelet-anonymous-auth', 'kubelet-rotate-certificates', 'kubelet-config-mode'];

/** Nobody looks at the machines of staging. */
export function nodesOf(cluster: string, at: (ago: number) => string): NodeAssessment[] {
  if (cluster === 'staging') return [];
  return [0, 1, 2].map((index) => ({
    environment: 'local',
    cluster,
    node: `${cluster}-node-${index + 1}`,
    profile: 'self-managed',
    // Of the last one no connector tells.
    ...(index < 2 && { kubelet: 'v1.35.4' }),
    time: at((index + 1) * HOUR),
    healthy: 41 + index,
    affected: AFFECTED.slice(0, Math.max(2 - index, 0)),
    not_applicable: 6,
    gaps: index === 2 ? ['/var/lib/kubelet/config.yaml: not allowed to be read'] : [],
  }));
}
