// Which rows of a list are chosen to be acted on: some, or all that a
// query means, which are more than are on screen.

export interface Chosen {
  ids: ReadonlySet<string>;
  /** All the query means, whatever is loaded. */
  all: boolean;
  /** The row a range is counted from. */
  from?: string;
}

export const NONE: Chosen = { ids: new Set(), all: false };

export function toggleOne(chosen: Chosen, id: string): Chosen {
  const ids = new Set(chosen.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, all: false, from: id };
}

/** Everything between the last row toggled and this one. */
export function extendTo(chosen: Chosen, id: string, order: readonly string[]): Chosen {
  const a = chosen.from === undefined ? -1 : order.indexOf(chosen.from);
  const b = order.indexOf(id);
  if (a < 0 || b < 0) return toggleOne(chosen, id);
  const range = order.slice(Math.min(a, b), Math.max(a, b) + 1);
  return { ids: new Set([...chosen.ids, ...range]), all: false, from: id };
}

/** All loaded rows, or none where all of them are chosen. */
export function toggleLoaded(chosen: Chosen, order: readonly string[]): Chosen {
  const isFull = order.length > 0 && order.every((id) => chosen.ids.has(id));
  return isFull ? NONE : { ids: new Set(order), all: false };
}

/** What is still there: rows that left the list are not acted on unseen. */
export function kept(chosen: Chosen, order: readonly string[]): Chosen {
  const known = new Set(order);
  const ids = new Set([...chosen.ids].filter((id) => known.has(id)));
  return ids.size === chosen.ids.size ? chosen : { ...chosen, ids };
}

export function howMany(chosen: Chosen, total: number): number {
  return chosen.all ? total : chosen.ids.size;
}
