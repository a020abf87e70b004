// One query per question, one mutation per verb; keys start with the noun
// so that the live feed can tell what went stale.

import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { get, post, remove } from './client';
import type {
  Database,
  Environment,
  Finding,
  Image,
  ImageRow,
  Layer,
  Overview,
  Package,
  Page,
  Scan,
  SearchResults,
  Session,
  Vulnerability,
  VulnerabilityRow,
} from './types';

export type Filters = Record<string, string | undefined>;

const PAGE_ROWS = 100;

function pages<T>(key: readonly unknown[], path: string, filters: Filters) {
  return infiniteQueryOptions({
    queryKey: [...key, filters],
    queryFn: ({ pageParam, signal }) =>
      get<Page<T>>(path, { ...filters, cursor: pageParam, limit: PAGE_ROWS }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}

const id = encodeURIComponent;

export const queries = {
  session: () =>
    queryOptions({
      queryKey: ['session'],
      queryFn: ({ signal }) => get<Session>('/session', {}, signal),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  environments: () =>
    queryOptions({
      queryKey: ['environments'],
      queryFn: async ({ signal }) =>
        (await get<{ items: Environment[] }>('/environments', {}, signal)).items,
    }),
  overview: (environment?: string) =>
    queryOptions({
      queryKey: ['overview', environment ?? ''],
      queryFn: ({ signal }) => get<Overview>('/overview', { environment }, signal),
      placeholderData: keepPreviousData,
    }),
  database: () =>
    queryOptions({
      queryKey: ['database'],
      queryFn: ({ signal }) => get<Database>('/database', {}, signal),
    }),
  images: (filters: Filters) => pages<ImageRow>(['images'], '/images', filters),
  image: (image: string) =>
    queryOptions({
      queryKey: ['image', image],
      queryFn: ({ signal }) => get<Image>(`/images/${id(image)}`, {}, signal),
    }),
  imageFindings: (image: string, filters: Filters) =>
    pages<Finding>(['image', image, 'findings'], `/images/${id(image)}/findings`, filters),
  imagePackages: (image: string, filters: Filters) =>
    pages<Package>(['image', image, 'packages'], `/images/${id(image)}/packages`, filters),
  imageLayers: (image: string) =>
    queryOptions({
      queryKey: ['image', image, 'layers'],
      queryFn: async ({ signal }) =>
        (await get<{ items: Layer[] }>(`/images/${id(image)}/layers`, {}, signal)).items,
    }),
  imageScans: (image: string) =>
    pages<Scan>(['image', image, 'scans'], `/images/${id(image)}/scans`, {}),
  vulnerabilities: (filters: Filters) =>
    pages<VulnerabilityRow>(['vulnerabilities'], '/vulnerabilities', filters),
  vulnerability: (name: string, environment?: string) =>
    queryOptions({
      queryKey: ['vulnerability', name, environment ?? ''],
      queryFn: ({ signal }) =>
        get<Vulnerability>(`/vulnerabilities/${id(name)}`, { environment }, signal),
    }),
  findings: (filters: Filters) => pages<Finding>(['findings'], '/findings', filters),
  scans: (filters: Filters) => pages<Scan>(['scans'], '/scans', filters),
  scan: (scan: string) =>
    queryOptions({
      queryKey: ['scan', scan],
      queryFn: ({ signal }) => get<Scan>(`/scans/${id(scan)}`, {}, signal),
    }),
  /** Scans not yet over, kept current by the live feed. */
  activity: () =>
    queryOptions({
      queryKey: ['activity'],
      queryFn: async ({ signal }) =>
        (await get<Page<Scan>>('/scans', { state: 'queued,running', limit: PAGE_ROWS }, signal)).items,
    }),
  search: (q: string) =>
    queryOptions({
      queryKey: ['search', q],
      queryFn: ({ signal }) => get<SearchResults>('/search', { q, limit: 6 }, signal),
      enabled: q.length > 1,
      placeholderData: keepPreviousData,
    }),
};

export function useSignIn() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (token: string) => post<void>('/session', { token }),
    onSuccess: () => cache.invalidateQueries(),
  });
}

export function useSignOut() {
  const cache = useQueryClient();
  return useMutation({ mutationFn: () => remove('/session'), onSuccess: () => cache.clear() });
}

export function useStartScan() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (scan: { target: string; platform?: string }) => post<Scan>('/scans', scan),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ['scans'] }),
        cache.invalidateQueries({ queryKey: ['activity'] }),
      ]),
  });
}

export function useCancelScan() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (scan: string) => remove(`/scans/${id(scan)}`),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ['scans'] }),
        cache.invalidateQueries({ queryKey: ['activity'] }),
      ]),
  });
}

export function useDeleteImage() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (image: string) => remove(`/images/${id(image)}`),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ['images'] }),
        cache.invalidateQueries({ queryKey: ['overview'] }),
      ]),
  });
}

export function useUpdateDatabase() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => post<Database>('/database/update'),
    onSuccess: (database) => cache.setQueryData(['database'], database),
  });
}

export function useImportDatabase() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (file: File) => post<Database>('/database/import', file, { name: file.name }),
    onSuccess: (database) => cache.setQueryData(['database'], database),
  });
}

export function useDemo() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (load: boolean) => (load ? post<void>('/demo') : remove('/demo')),
    onSuccess: () => cache.invalidateQueries(),
  });
}
