// What a person may ask the server to do, and what that makes stale.

import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import type { Action, Database, ExemptionChange, NewExemption, NewView, Selection } from './types';

function stale(cache: QueryClient, ...nouns: string[]) {
  return Promise.all(nouns.map((noun) => cache.invalidateQueries({ queryKey: [noun] })));
}

export function useSignIn() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (token: string) => body(api.POST('/api/v1/session', { body: { token } })),
    onSuccess: (session) => cache.setQueryData(['session'], session),
  });
}

export function useSignOut() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => body(api.DELETE('/api/v1/session')),
    onSuccess: () => cache.clear(),
  });
}

export function useStartScan() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (scan: { target: string; platform?: string }) =>
      body(api.POST('/api/v1/scans', { body: scan })),
    onSuccess: () => stale(cache, 'scans', 'activity', 'overview'),
  });
}

export function useCancelScan() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.DELETE('/api/v1/scans/{id}', { params: { path: { id } } })),
    onSuccess: () => stale(cache, 'scans', 'activity', 'overview'),
  });
}

export function useDeleteImage() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.DELETE('/api/v1/images/{id}', { params: { path: { id } } })),
    onSuccess: () =>
      stale(cache, 'images', 'overview', 'environments', 'vulnerabilities', 'findings'),
  });
}

export function useUpdateDatabase() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => body(api.POST('/api/v1/database/update')),
    onSuccess: (database: Database) => cache.setQueryData(['database'], database),
  });
}

export function useImportDatabase() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (file: File) =>
      body(
        api.POST('/api/v1/database/import', {
          body: file as never,
          bodySerializer: (bytes: unknown) => bytes as Blob,
          headers: { 'content-type': 'application/octet-stream' },
        }),
      ),
    onSuccess: (database: Database) => cache.setQueryData(['database'], database),
  });
}

export function useDemo() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async (wanted: boolean) => {
      if (wanted) await body(api.POST('/api/v1/demo'));
      else await body(api.DELETE('/api/v1/demo'));
    },
    onSuccess: () => cache.invalidateQueries(),
  });
}

/** Everything that counts or lists findings. */
const OF_FINDINGS = [
  'findings',
  'finding',
  'facets',
  'counts',
  'overview',
  'image',
  'images',
  'vulnerability',
  'vulnerabilities',
  'recommendations',
  'score',
  'assets',
  'attack',
  'compliance',
  'exemptions',
];

/** Something done to findings; what it did can be undone by its id. */
export function useAct() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (wanted: { select: Selection; action: Action }) =>
      body(api.POST('/api/v1/findings/actions', { body: wanted })),
    onSuccess: () => stale(cache, ...OF_FINDINGS),
  });
}

export function useUndo() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.POST('/api/v1/actions/{id}/undo', { params: { path: { id } } })),
    onSuccess: () => stale(cache, ...OF_FINDINGS),
  });
}

export function useCreateExemption() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (exemption: NewExemption) =>
      body(api.POST('/api/v1/exemptions', { body: exemption })),
    onSuccess: () => stale(cache, ...OF_FINDINGS),
  });
}

export function useChangeExemption() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ id, change }: { id: string; change: Partial<ExemptionChange> }) =>
      body(
        api.PATCH('/api/v1/exemptions/{id}', {
          params: { path: { id } },
          // What is null stays as it is.
          body: { note: null, owner: null, expires: null, ...change },
        }),
      ),
    onSuccess: () => stale(cache, ...OF_FINDINGS),
  });
}

export function useEndExemption() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.DELETE('/api/v1/exemptions/{id}', { params: { path: { id } } })),
    onSuccess: () => stale(cache, ...OF_FINDINGS),
  });
}

export function useSaveView() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (view: NewView) => body(api.POST('/api/v1/views', { body: view })),
    onSuccess: () => stale(cache, 'views'),
  });
}

export function useDeleteView() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      body(api.DELETE('/api/v1/views/{id}', { params: { path: { id } } })),
    onSuccess: () => stale(cache, 'views'),
  });
}
