// Whose signatures images must have, and which have one.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components } from './schema';

type Schemas = components['schemas'];
export type ImageReferrer = Schemas['ImageReferrer'];
export type ImageReferrers = Schemas['ImageReferrers'];
export type NewTrustPolicy = Schemas['NewTrustPolicy'];
export type TrustOutcome = Schemas['TrustOutcome'];
export type TrustPolicy = Schemas['TrustPolicy'];
export type TrustSigner = Schemas['TrustSigner'];
export type TrustVerdict = Schemas['TrustVerdict'];

const limit = 100;

/** Images are verified while one looks on. */
const EVERY_MS = 10_000;

export const trust = {
  all: (environment: string) =>
    queryOptions({
      queryKey: ['trust', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/trust', { params: { query: { environment } }, signal })),
      refetchInterval: EVERY_MS,
    }),
  images: (id: string, filters: { q?: string; verdict?: TrustVerdict }) => ({
    ...pages(['trust', 'images', id, filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/trust/{id}/images', {
          params: { path: { id }, query: { ...filters, cursor, limit } },
          signal,
        }),
      ),
    ),
    refetchInterval: EVERY_MS,
  }),
  /** What is attached to an image at its registry. */
  referrers: (image: string) =>
    queryOptions({
      queryKey: ['image', image, 'referrers'],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/images/{id}/referrers', { params: { path: { id: image } }, signal })),
    }),
};

function useRefresh() {
  const cache = useQueryClient();
  return () => {
    // What an image's page says of its signatures hangs on them as well.
    for (const noun of ['trust', 'image']) cache.invalidateQueries({ queryKey: [noun] });
  };
}

export function useAddTrust() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: NewTrustPolicy) => body(api.POST('/api/v1/trust', { body: wanted })),
    onSuccess: refresh,
  });
}

export function useChangeTrust(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: NewTrustPolicy) =>
      body(api.PUT('/api/v1/trust/{id}', { params: { path: { id } }, body: wanted })),
    onSuccess: refresh,
  });
}

export function useRemoveTrust() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.DELETE('/api/v1/trust/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

/** Has all images a policy holds for verified again. */
export function useVerifyTrust() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.POST('/api/v1/trust/{id}/verify', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}
