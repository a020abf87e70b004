// The live feed and the number of scans under way, for whoever shows them.

import { useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useSyncExternalStore } from 'react';
import type { Live, LiveFeed } from '../api/live';
import { queries } from '../api/queries';
import type { Scan } from '../api/types';

const Feed = createContext<LiveFeed | undefined>(undefined);

export function LiveProvider({ feed, children }: { feed: LiveFeed; children: ReactNode }) {
  return <Feed value={feed}>{children}</Feed>;
}

const NEVER = () => () => {};
const IDLE: Live = { state: 'connecting', since: 0 };

export function useLive(): Live {
  const feed = use(Feed);
  return useSyncExternalStore(feed?.subscribe ?? NEVER, feed?.snapshot ?? (() => IDLE));
}

/** Scans running first, then those waiting. */
export function useActivity(): Scan[] {
  const { data } = useQuery(queries.activity());
  return [...(data ?? [])].sort(
    (a, b) => Number(b.state === 'running') - Number(a.state === 'running'),
  );
}
