// A step by what tells it from others, as the address names it.

import type { WorkBase, WorkStep } from '../../api/running';

export function keyOf(step: WorkStep): string {
  const { base, upgrade } = step;
  if (base) return baseKey(base);
  return upgrade ? `${upgrade.kind}:${upgrade.package}@${upgrade.version}` : step.title;
}

export function baseKey(base: WorkBase): string {
  return `base:${base.name}${base.digest ? `@${base.digest.slice(-12)}` : ''}`;
}

/** How a base was recognised. */
export const KNOWN_BY: Record<string, string> = {
  layers: 'by its layers',
  label: 'by their labels',
  both: 'by its layers and by their labels',
};
