// The address as state: read it, change it.

import { useNavigate, useSearch } from '@tanstack/react-router';
import { both, term } from '../lib/query';
import type { Search } from '../lib/url-state';

export type Change = Record<string, string | undefined>;

/**
 * The current page's query, and how to change it. Typing replaces the
 * entry in the browser's history, opening something adds one.
 */
export function useUrl(): [Partial<Search>, (change: Change, how?: 'push' | 'replace') => void] {
  const search = useSearch({ strict: false }) as Partial<Search>;
  const navigate = useNavigate();
  const set = (change: Change, how: 'push' | 'replace' = 'replace') => {
    navigate({
      to: '.',
      search: ((old: Change) => ({ ...old, ...change })) as never,
      replace: how === 'replace',
      resetScroll: false,
    });
  };
  return [search, set];
}

export const LOCAL = 'local';

/** Whose things the page shows: this server's own unless the address says. */
export function useEnvironment(): string {
  return (useSearch({ strict: false }) as Partial<Search>).environment ?? LOCAL;
}

export interface Scope {
  environment: string;
  cluster: string | undefined;
  ns: string | undefined;
  /** The part of the environment, in the query grammar. */
  q: string;
}

/** What is looked at: an environment, and perhaps a part of it. */
export function useScope(): Scope {
  const { environment = LOCAL, cluster, ns } = useSearch({ strict: false }) as Partial<Search>;
  const q = both(cluster && term('cluster', cluster), ns && term('ns', ns));
  return { environment, cluster, ns, q };
}
