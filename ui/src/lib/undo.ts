// Actions lately done, as long as they can be taken back.

export interface Done {
  id: string;
  summary: string;
  /** RFC 3339: until when the server takes it back. */
  until: string;
  /** When it was last done or undone. */
  at: number;
  state: 'done' | 'undoing' | 'undone';
}

/** How long a toast offers to take it back. */
export const TOAST_MS = 10_000;
const KEPT = 20;

export function remembered(list: readonly Done[], done: Done): Done[] {
  return [done, ...list.filter((each) => each.id !== done.id)].slice(0, KEPT);
}

export function marked(
  list: readonly Done[],
  id: string,
  state: Done['state'],
  at?: number,
): Done[] {
  return list.map((each) => (each.id === id ? { ...each, state, at: at ?? each.at } : each));
}

export function canUndo(done: Done, now: number): boolean {
  return done.state === 'done' && Date.parse(done.until) > now;
}

/** The last one that can be taken back. */
export function lastUndoable(list: readonly Done[], now: number): Done | undefined {
  return list.find((each) => canUndo(each, now));
}

/** What happened last. */
export function latest(list: readonly Done[]): Done | undefined {
  return list.reduce<Done | undefined>(
    (last, each) => (last === undefined || each.at > last.at ? each : last),
    undefined,
  );
}

/** What the toast shows: only what happened last, only for a while. */
export function toasted(list: readonly Done[], now: number): Done | undefined {
  const last = latest(list);
  return last && now - last.at < TOAST_MS ? last : undefined;
}
