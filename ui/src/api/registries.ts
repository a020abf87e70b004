// Registries that are watched: what they hold, and how they tell.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components } from './schema';

type Schemas = components['schemas'];
export type HeldRegistry = Schemas['HeldRegistry'];
export type NewRegistry = Schemas['NewRegistry'];
export type Registry = Schemas['Registry'];
export type RegistryChange = Schemas['RegistryChange'];
export type RegistryCheck = Schemas['RegistryCheck'];
export type RegistryDescription = Schemas['RegistryDescription'];
export type RegistryFault = Schemas['RegistryFault'];
export type RegistryKind = Schemas['RegistryKind'];
export type RegistryMade = Schemas['RegistryMade'];
export type RegistryOptions = Schemas['RegistryOptions'];
export type RegistryState = Schemas['RegistryState'];
export type RegistryTag = Schemas['RegistryTag'];
export type Repository = Schemas['Repository'];

const limit = 100;

/** How often pages of registries ask how they are. */
export const EVERY_MS = 10_000;

export const registries = {
  kinds: () =>
    queryOptions({
      queryKey: ['registry-kinds'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/registries/kinds', { signal })),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  all: (environment: string, every?: number) =>
    queryOptions({
      queryKey: ['registries', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/registries', { params: { query: { environment } }, signal })),
      ...(every ? { refetchInterval: every } : {}),
    }),
  one: (id: string, every?: number) =>
    queryOptions({
      queryKey: ['registry', id],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/registries/{id}', { params: { path: { id } }, signal })),
      ...(every ? { refetchInterval: every } : {}),
    }),
  repositories: (id: string, q?: string) =>
    pages(['registry', id, 'repositories', q], (cursor, signal) =>
      body(
        api.GET('/api/v1/registries/{id}/repositories', {
          params: { path: { id }, query: { ...(q ? { q } : {}), cursor, limit } },
          signal,
        }),
      ),
    ),
  /** The repository of a name, for the address names it so. */
  repository: (id: string, name: string) =>
    queryOptions({
      queryKey: ['registry', id, 'repository', name],
      queryFn: async ({ signal }) => {
        const found = await body(
          api.GET('/api/v1/registries/{id}/repositories', {
            params: { path: { id }, query: { q: name, limit: 1000 } },
            signal,
          }),
        );
        return found.items.find((each) => each.name === name) ?? null;
      },
    }),
  tags: (registry: string, repository: string, q?: string) =>
    pages(['registry', registry, 'tags', repository, q], (cursor, signal) =>
      body(
        api.GET('/api/v1/repositories/{id}/tags', {
          params: { path: { id: repository }, query: { ...(q ? { q } : {}), cursor, limit } },
          signal,
        }),
      ),
    ),
};

function useRefresh() {
  const cache = useQueryClient();
  return () => {
    for (const noun of ['registries', 'registry', 'queue'])
      cache.invalidateQueries({ queryKey: [noun] });
  };
}

export function useAddRegistry() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: NewRegistry) => body(api.POST('/api/v1/registries', { body: wanted })),
    onSuccess: refresh,
  });
}

export function useChangeRegistry(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: RegistryChange) =>
      body(api.PATCH('/api/v1/registries/{id}', { params: { path: { id } }, body: wanted })),
    onSuccess: refresh,
  });
}

export function useRemoveRegistry(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/registries/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

/** Tries the connection, and says what is wrong with it. */
export function useCheckRegistry(id: string) {
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/registries/{id}/check', { params: { path: { id } } })),
  });
}

/** Looks at all it holds, now. */
export function useSyncRegistry(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/registries/{id}/sync', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

/** A new secret for its webhooks; the one before is believed for a day. */
export function useRotateRegistry(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () =>
      body(api.POST('/api/v1/registries/{id}/secret', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}
