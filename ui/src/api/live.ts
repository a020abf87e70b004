// The live connection: one event stream for the whole window.
//
// Events say that something moved; what it is now is asked of the API, so
// the query cache stays the only copy of server truth. Repaints are held to
// one a second.

import type { QueryClient } from '@tanstack/react-query';
import type { Database, Event, FindingKind, Scan } from './types';

export type LiveState = 'connecting' | 'live' | 'lost';

export interface Live {
  state: LiveState;
  /** Since when this state holds; milliseconds of the wall clock. */
  since: number;
  /** When anything was last heard. */
  heard: number;
  /** Findings that came and are not on screen yet, by environment and kind. */
  fresh: Readonly<Record<string, number>>;
}

const REPAINT_MS = 1000;

export function freshKey(environment: string, kind: FindingKind): string {
  return `${environment} ${kind}`;
}

/**
 * What each event makes stale, by the first part of the query's key. Lists
 * of findings are not among them: rows never move under a reader, they wait
 * until they are asked for.
 */
const STALE: Record<string, string[]> = {
  image: [
    'images',
    'image',
    'running',
    'work-list',
    'overview',
    'vulnerabilities',
    'vulnerability',
    'environments',
  ],
  database: [
    'database',
    'overview',
    'running',
    'work-list',
    'image',
    'images',
    'vulnerability',
    'vulnerabilities',
  ],
  scan: ['scans', 'overview', 'queue'],
  registry: ['registries', 'registry', 'queue'],
  findings: ['facets', 'counts', 'finding', 'overview', 'assets', 'attack', 'environments'],
  score: ['score', 'recommendations', 'compliance', 'overview'],
};

export class LiveFeed {
  #state: Live = { state: 'connecting', since: Date.now(), heard: 0, fresh: {} };
  #listeners = new Set<() => void>();
  #source: EventSource | undefined;
  #stale = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #queries: QueryClient;

  constructor(queries: QueryClient) {
    this.#queries = queries;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (!this.#source) this.#open();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#close();
    };
  };

  readonly snapshot = (): Live => this.#state;

  #open() {
    if (typeof EventSource === 'undefined') return;
    const source = new EventSource('/api/v1/events');
    this.#source = source;
    source.onopen = () => {
      // Whatever happened while nobody listened was missed.
      if (this.#state.state === 'lost') this.#queries.invalidateQueries();
      this.#move('live');
    };
    source.onerror = () => {
      this.#move('lost');
      // A refused stream is closed for good by the browser: try again.
      if (source.readyState === EventSource.CLOSED) {
        this.#close();
        setTimeout(() => this.#listeners.size > 0 && !this.#source && this.#open(), 5000);
      }
    };
    for (const name of [
      'scan',
      'image',
      'image_removed',
      'database',
      'findings',
      'incidents',
      'score',
      'sensors',
      'registry',
      'resync',
    ]) {
      source.addEventListener(name, (event) => {
        this.#take(JSON.parse((event as MessageEvent<string>).data) as Event);
      });
    }
  }

  #take(event: Event) {
    this.#set({ heard: Date.now() });
    if (event.type === 'scan') this.#scan(event.scan);
    else if (event.type === 'database') this.#database(event.database);
    else if (event.type === 'resync') this.#queries.invalidateQueries();
    else if (event.type === 'findings') this.#findings(event);
    else if (event.type === 'incidents') this.#invalidate(['incidents']);
    // A change of the policy is told by the same word.
    else if (event.type === 'sensors') this.#invalidate(['sensors', 'drift']);
    else if (event.type === 'registry') this.#invalidate(STALE.registry ?? []);
    else if (event.type === 'score') this.#invalidate(STALE.score ?? []);
    else this.#invalidate(STALE.image ?? []);
  }

  #close() {
    this.#source?.close();
    this.#source = undefined;
  }

  #move(state: LiveState) {
    if (this.#state.state === state) return;
    this.#set({ state, since: Date.now(), heard: Date.now() });
  }

  #set(change: Partial<Live>) {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  #findings(event: Extract<Event, { type: 'findings' }>) {
    const key = freshKey(event.environment, event.kind);
    const fresh = { ...this.#state.fresh, [key]: (this.#state.fresh[key] ?? 0) + event.new };
    if (event.new > 0) this.#set({ fresh });
    this.#invalidate(STALE.findings ?? []);
  }

  /** The new ones are on screen. */
  readonly seen = (keys: readonly string[]): void => {
    const fresh = { ...this.#state.fresh };
    for (const key of keys) delete fresh[key];
    this.#set({ fresh });
  };

  /** Progress is the server's own word on one scan: it goes straight in. */
  #scan(scan: Scan) {
    this.#queries.setQueryData<Scan[]>(['activity'], (known) => {
      if (!known) return known;
      const others = known.filter((other) => other.id !== scan.id);
      const isOpen = scan.state === 'queued' || scan.state === 'running';
      return isOpen
        ? known.length === others.length
          ? [...others, scan]
          : known.map((other) => (other.id === scan.id ? scan : other))
        : others;
    });
    if (scan.state !== 'running') this.#invalidate(STALE.scan ?? []);
  }

  #database(database: Database) {
    this.#queries.setQueryData(['database'], database);
    if (!database.activity) this.#invalidate(STALE.database ?? []);
  }

  #invalidate(keys: string[]) {
    for (const key of keys) this.#stale.add(key);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const stale = new Set(this.#stale);
      this.#stale.clear();
      this.#queries.invalidateQueries({
        predicate: (query) => stale.has(String(query.queryKey[0])),
      });
    }, REPAINT_MS);
  }
}
