// What others say of vulnerabilities in what they ship, and bills of
// materials from elsewhere.

import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { api, body } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];
export type NewVexSource = Schemas['NewVexSource'];
export type SbomImported = Schemas['SbomImported'];
export type VexDocument = Schemas['VexDocument'];
export type VexSource = Schemas['VexSource'];
export type VexStatement = Schemas['VexStatement'];

/** Statements of a document shown at once. */
const STEP = 50;

/** Addresses are fetched while one looks on. */
const EVERY_MS = 10_000;

export const vex = {
  documents: (environment: string) =>
    queryOptions({
      queryKey: ['vex', 'documents', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/vex', { params: { query: { environment } }, signal })),
    }),
  statements: (id: string, q: string) =>
    infiniteQueryOptions({
      queryKey: ['vex', 'statements', id, q],
      queryFn: ({ pageParam, signal }) =>
        body(
          api.GET('/api/v1/vex/{id}/statements', {
            params: {
              path: { id },
              query: {
                limit: STEP,
                ...(q ? { q } : {}),
                ...(pageParam ? { cursor: pageParam } : {}),
              },
            },
            signal,
          }),
        ),
      initialPageParam: '',
      getNextPageParam: (page) => page.next_cursor,
      placeholderData: keepPreviousData,
    }),
  sources: (environment: string) =>
    queryOptions({
      queryKey: ['vex', 'sources', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/vex/sources', { params: { query: { environment } }, signal })),
      refetchInterval: EVERY_MS,
    }),
};

/** Findings are set aside or come back with what was said. */
const MOVED = ['vex', 'image', 'images', 'findings', 'overview', 'vulnerabilities'];

function useRefresh() {
  const cache = useQueryClient();
  return () => {
    for (const noun of MOVED) cache.invalidateQueries({ queryKey: [noun] });
  };
}

/** The document itself, unread and as large as it is. */
const AS_IT_IS = {
  bodySerializer: (bytes: unknown) => bytes as Blob,
  headers: { 'content-type': 'application/octet-stream' },
};

export function useAddVex() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({ file, ...query }: { file: File; name: string; environment?: string }) =>
      body(api.POST('/api/v1/vex', { params: { query }, body: file as never, ...AS_IT_IS })),
    onSuccess: refresh,
  });
}

export function useRemoveVex() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) => body(api.DELETE('/api/v1/vex/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

export function useAddVexSource() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: NewVexSource) => body(api.POST('/api/v1/vex/sources', { body: wanted })),
    onSuccess: refresh,
  });
}

/** Looks at an address now. */
export function useFetchVexSource() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.POST('/api/v1/vex/sources/{id}/fetch', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

export function useRemoveVexSource() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.DELETE('/api/v1/vex/sources/{id}', { params: { path: { id } } })),
    onSuccess: refresh,
  });
}

export function useImportSbom() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: ({
      file,
      ...query
    }: {
      file: File;
      name: string;
      digest?: string;
      environment?: string;
    }) => body(api.POST('/api/v1/sboms', { params: { query }, body: file as never, ...AS_IT_IS })),
    onSuccess: refresh,
  });
}
