// The queue of scans as a whole, and why an image was looked at.

import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { api, body } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];
export type ScanQueue = Schemas['ScanQueue'];
export type ScanQueueLine = Schemas['ScanQueueLine'];
export type TimelineEntry = Schemas['TimelineEntry'];

/** How often a page of the queue asks how long it is. */
const EVERY_MS = 5000;
const ENTRIES = 100;

export const scanning = {
  queue: (environment: string, isWatched = true) =>
    queryOptions({
      queryKey: ['queue', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/queue', { params: { query: { environment } }, signal })),
      ...(isWatched ? { refetchInterval: EVERY_MS } : {}),
    }),
  /** Newest first; each page goes on before the last entry of the one before. */
  timeline: (image: string) =>
    infiniteQueryOptions({
      queryKey: ['image', image, 'timeline'],
      queryFn: ({ pageParam, signal }) =>
        body(
          api.GET('/api/v1/images/{id}/timeline', {
            params: {
              path: { id: image },
              query: { limit: ENTRIES, ...(pageParam ? { before: pageParam } : {}) },
            },
            signal,
          }),
        ),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (last) => (last.length < ENTRIES ? undefined : last.at(-1)?.time),
    }),
};

function useRefresh() {
  const cache = useQueryClient();
  return () => {
    for (const noun of ['queue', 'scans', 'activity'])
      cache.invalidateQueries({ queryKey: [noun] });
  };
}

/** Queues one scan anew that failed. */
export function useRetryScan() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.POST('/api/v1/scans/{id}/retry', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

/** Queues everything anew that was given up. */
export function useRetryAll(environment: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/queue/retry', { params: { query: { environment } } })),
    onSuccess: refresh,
  });
}
