// What a container did around an alert, put in order: its processes as a
// tree, its events as a line of time. What a sensor says is not trusted to
// be whole: parents may be missing, and numbers are used twice.

export interface TracedProcess {
  pid: number;
  parent: number;
  name: string;
  started: string;
  ended?: string | null;
  in_container: boolean;
  is_subject?: boolean;
}

export interface TracedEvent {
  time: string;
  pid: number;
  kind: string;
  what: string;
  count?: number;
}

export interface Branch<P> {
  /** The pid and when it began: a pid alone may be used again. */
  id: string;
  process: P;
  depth: number;
  children: number;
  isOpen: boolean;
  /** The first of its line inside the container. */
  isEntry: boolean;
  /** Its place among those of the same parent, from 1, and how many they are. */
  place: number;
  of: number;
  /** Absent at the top. */
  parent?: string;
}

export const idOf = (process: Pick<TracedProcess, 'pid' | 'started'>) =>
  `${process.pid}@${process.started}`;

const byStart = (a: TracedProcess, b: TracedProcess) =>
  Date.parse(a.started) - Date.parse(b.started) || a.pid - b.pid;

/** Who had a pid at a time: of those that began before it, the last. */
export function ownerOf<P extends TracedProcess>(
  processes: readonly P[],
  pid: number,
  time: string,
): P | undefined {
  const same = processes.filter((each) => each.pid === pid).sort(byStart);
  const before = same.filter((each) => Date.parse(each.started) <= Date.parse(time));
  return before.at(-1) ?? same[0];
}

/** Depth first; what is below a closed one is left out. */
export function branchesOf<P extends TracedProcess>(
  processes: readonly P[],
  closed: ReadonlySet<string> = new Set(),
): Branch<P>[] {
  const children = new Map<string, P[]>();
  const roots: P[] = [];
  for (const process of processes) {
    const others = processes.filter((each) => each !== process);
    const above = process.parent > 0 ? ownerOf(others, process.parent, process.started) : undefined;
    if (!above) roots.push(process);
    else children.set(idOf(above), [...(children.get(idOf(above)) ?? []), process]);
  }
  const rows: Branch<P>[] = [];
  const seen = new Set<string>();
  const walk = (level: P[], depth: number, above: P | undefined, isShown: boolean) => {
    const fresh = level.filter((each) => !seen.has(idOf(each))).sort(byStart);
    for (const each of fresh) seen.add(idOf(each));
    fresh.forEach((process, index) => {
      const id = idOf(process);
      const below = children.get(id) ?? [];
      const isOpen = below.length > 0 && !closed.has(id);
      if (isShown)
        rows.push({
          id,
          process,
          depth,
          children: below.length,
          isOpen,
          isEntry: process.in_container && !above?.in_container,
          place: index + 1,
          of: fresh.length,
          ...(above ? { parent: idOf(above) } : {}),
        });
      walk(below, depth + 1, process, isShown && isOpen);
    });
  };
  walk(roots, 0, undefined, true);
  // Those that claim to be each other's ancestors are still shown.
  walk(
    processes.filter((each) => !seen.has(idOf(each))),
    0,
    undefined,
    true,
  );
  return rows;
}

/** "2 min 4 s before", "0.35 s before", "at the alert", "1.2 s after". */
export function beside(time: string, alert: string): string {
  const ms = Date.parse(time) - Date.parse(alert);
  if (Number.isNaN(ms)) return time;
  if (Math.abs(ms) < 1) return 'at the alert';
  const size = Math.abs(ms);
  const seconds = size / 1000;
  const text =
    size < 1000
      ? `${Math.round(size)} ms`
      : seconds < 10
        ? `${seconds.toFixed(1)} s`
        : seconds < 60
          ? `${Math.round(seconds)} s`
          : long(Math.round(seconds));
  return `${text} ${ms < 0 ? 'before' : 'after'}`;
}

/** "2 min 4 s", "3 h 20 min", "12 d". */
export function long(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400 * 2)
    return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The same thing done over and over is one line that counts. */
export function folded<E extends TracedEvent>(events: readonly E[]): E[] {
  const lines: E[] = [];
  for (const event of events) {
    const last = lines.at(-1);
    const isSame =
      last && last.pid === event.pid && last.kind === event.kind && last.what === event.what;
    if (isSame) {
      lines[lines.length - 1] = {
        ...last,
        count: (last.count ?? 1) + (event.count ?? 1),
      };
    } else lines.push(event);
  }
  return lines;
}

/** When the alert happened: its own event, or the last thing seen. */
export function momentOf(events: readonly TracedEvent[], fallback: string): string {
  const own = events.findLast((event) => event.kind === 'alert');
  return own?.time ?? events.at(-1)?.time ?? fallback;
}

/** How much of the past a record holds, in words: "two minutes". */
export function spanOf(events: readonly TracedEvent[], alert: string): string {
  const first = events[0];
  const seconds = first ? (Date.parse(alert) - Date.parse(first.time)) / 1000 : 0;
  if (seconds > 75) return 'two minutes';
  if (seconds > 45) return 'minute';
  return seconds > 2 ? `${Math.round(seconds)} seconds` : 'moment';
}
