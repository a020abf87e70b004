// Whose workloads have a vulnerability.

import type { AffectedWorkload } from '../../api/running';

export interface Affected {
  /** Absent: no label says whose they are. */
  name: string | undefined;
  workloads: number;
  images: number;
}

/** Each owner once, who has most to do first; what is nobody's comes last. */
export function ownersOf(rows: readonly AffectedWorkload[]): Affected[] {
  const found = new Map<string | undefined, { workloads: Set<string>; images: Set<string> }>();
  for (const { workload, image } of rows) {
    const name = workload.owner?.name;
    const owner = found.get(name) ?? { workloads: new Set(), images: new Set() };
    owner.workloads.add(workload.id);
    owner.images.add(image.id);
    found.set(name, owner);
  }
  return [...found]
    .map(([name, { workloads, images }]) => ({
      name,
      workloads: workloads.size,
      images: images.size,
    }))
    .sort(
      (a, b) =>
        Number(a.name === undefined) - Number(b.name === undefined) ||
        b.workloads - a.workloads ||
        (a.name ?? '').localeCompare(b.name ?? ''),
    );
}
