// Container hosts whose engine the server reaches, and how they are.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];
export type Host = Schemas['Host'];
export type HostChange = Schemas['HostChange'];
export type HostCheck = Schemas['HostCheck'];
export type HostContainer = Schemas['HostContainer'];
export type HostDetail = Schemas['HostDetail'];
export type HostEngine = Schemas['HostEngine'];
export type HostError = Schemas['HostError'];
export type HostTls = Schemas['HostTls'];
export type NewHost = Schemas['NewHost'];

/** How often pages of hosts ask how they are. */
export const EVERY_MS = 10_000;

export const hosts = {
  all: (environment: string, every?: number) =>
    queryOptions({
      queryKey: ['hosts', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/hosts', { params: { query: { environment } }, signal })),
      ...(every ? { refetchInterval: every } : {}),
    }),
  one: (id: string, every?: number) =>
    queryOptions({
      queryKey: ['host', id],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/hosts/{id}', { params: { path: { id } }, signal })),
      ...(every ? { refetchInterval: every } : {}),
    }),
};

function useRefresh() {
  const cache = useQueryClient();
  return () => {
    cache.invalidateQueries({ queryKey: ['hosts'] });
    cache.invalidateQueries({ queryKey: ['host'] });
  };
}

export function useAddHost() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: NewHost) => body(api.POST('/api/v1/hosts', { body: wanted })),
    onSuccess: refresh,
  });
}

export function useChangeHost(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: HostChange) =>
      body(api.PATCH('/api/v1/hosts/{id}', { params: { path: { id } }, body: wanted })),
    onSuccess: refresh,
  });
}

export function useRemoveHost(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/hosts/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

/** Tries the connection, and says what is wrong with it. */
export function useCheckHost(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/hosts/{id}/check', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}
