// The live feed and the number of scans under way, for whoever shows them.

import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useSyncExternalStore } from 'react';
import { freshKey, type Live, type LiveFeed } from '../api/live';
import { queries } from '../api/queries';
import type { FindingKind, Scan } from '../api/types';

const Feed = createContext<LiveFeed | undefined>(undefined);

export function LiveProvider({ feed, children }: { feed: LiveFeed; children: ReactNode }) {
  return <Feed value={feed}>{children}</Feed>;
}

const NEVER = () => () => {};
const IDLE: Live = { state: 'connecting', since: 0, heard: 0, fresh: {} };

export function useLive(): Live {
  const feed = use(Feed);
  return useSyncExternalStore(feed?.subscribe ?? NEVER, feed?.snapshot ?? (() => IDLE));
}

/** Findings that came since the list was fetched, and how to say they are seen. */
export function useFresh(environment: string, kinds: readonly FindingKind[]): [number, () => void] {
  const feed = use(Feed);
  const { fresh } = useLive();
  const keys = kinds.map((kind) => freshKey(environment, kind));
  const waiting = keys.reduce((sum, key) => sum + (fresh[key] ?? 0), 0);
  return [waiting, () => feed?.seen(keys)];
}

/** Scans running first, then those waiting. */
export function useActivity(): Scan[] {
  const { data } = useQuery(queries.activity());
  return [...(data ?? [])].sort(
    (a, b) => Number(b.state === 'running') - Number(a.state === 'running'),
  );
}
