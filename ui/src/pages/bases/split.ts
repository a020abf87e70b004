// Which findings of an image came with its base, and which are its own.

import type { Layers } from '../../api/types';
import { type Counts, SEVERITIES } from '../../lib/severity';

export interface Split {
  base: Counts;
  own: Counts;
}

const none = (): Counts => ({ critical: 0, high: 0, medium: 0, low: 0, info: 0, unknown: 0 });

/** The lowest `depth` layers are the base's; what is of no layer is its own. */
export function splitAt(layers: Layers, depth: number): Split {
  const split = { base: none(), own: none() };
  const add = (to: Counts, counts: Counts) => {
    for (const severity of SEVERITIES) to[severity] += counts[severity];
  };
  for (const { index, totals } of layers.items)
    add(index < depth ? split.base : split.own, totals.counts);
  add(split.own, layers.unlayered.counts);
  return split;
}
