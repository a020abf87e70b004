// Actions lately done, as long as they can be taken back.

export interface Done {
  id: string;
  summary: string;
  /** RFC 3339: until when the server takes it back. */
  until: string;
  at: number;
  state: 'done' | 'undoing' | 'undone';
}

/** How long a toast offers to take it back. */
export const TOAST_MS = 10_000;
const KEPT = 20;

export function remembered(list: readonly Done[], done: Done): Done[] {
  return [done, ...list.filter((each) => each.id !== done.id)].slice(0, KEPT);
}

export function marked(list: readonly Done[], id: string, state: Done['state']): Done[] {
  return list.map((each) => (each.id === id ? { ...each, state } : each));
}

export function canUndo(done: Done, now: number): boolean {
  return done.state === 'done' && Date.parse(done.until) > now;
}

/** The last one that can be taken back. */
export function lastUndoable(list: readonly Done[], now: number): Done | undefined {
  return list.find((each) => canUndo(each, now));
}

/** What the toast shows: only the newest, only for a while. */
export function toasted(list: readonly Done[], now: number): Done | undefined {
  const [first] = list;
  return first && now - first.at < TOAST_MS ? first : undefined;
}
