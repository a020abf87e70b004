// One query per question; keys start with the noun so that the live feed
// can tell what went stale.

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, body } from './client';
import type { paths } from './schema';
import type { GroupBy, Page } from './types';

type Paths =
  | '/api/v1/findings'
  | '/api/v1/images'
  | '/api/v1/vulnerabilities'
  | '/api/v1/scans'
  | '/api/v1/exemptions'
  | '/api/v1/assets'
  | '/api/v1/recommendations';
type QueryOf<P extends Paths> = NonNullable<paths[P]['get']['parameters']['query']>;
export type FindingFilters = QueryOf<'/api/v1/findings'>;
export type ImageFilters = QueryOf<'/api/v1/images'>;
export type VulnerabilityFilters = QueryOf<'/api/v1/vulnerabilities'>;
export type ScanFilters = QueryOf<'/api/v1/scans'>;
export type ExemptionFilters = QueryOf<'/api/v1/exemptions'>;
export type AssetFilters = QueryOf<'/api/v1/assets'>;
export type RecommendationFilters = QueryOf<'/api/v1/recommendations'>;
export type PackageFilters = { q?: string; kind?: string; layer?: number };

const limit = 100;

/** A list read page by page as the reader scrolls. */
export function pages<T>(
  queryKey: readonly unknown[],
  page: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam, signal }) => page(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}

export const queries = {
  session: () =>
    queryOptions({
      queryKey: ['session'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/session', { signal })),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  environments: () =>
    queryOptions({
      queryKey: ['environments'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/environments', { signal })),
    }),
  overview: (environment: string) =>
    queryOptions({
      queryKey: ['overview', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/overview', { params: { query: { environment } }, signal })),
    }),
  changes: (environment: string) =>
    pages(['changes', environment], (cursor, signal) =>
      body(
        api.GET('/api/v1/changes', { params: { query: { environment, cursor, limit } }, signal }),
      ),
    ),
  database: () =>
    queryOptions({
      queryKey: ['database'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/database', { signal })),
    }),
  images: (filters: ImageFilters) =>
    pages(['images', filters], (cursor, signal) =>
      body(api.GET('/api/v1/images', { params: { query: { ...filters, cursor, limit } }, signal })),
    ),
  imageFacets: (environment: string) =>
    queryOptions({
      queryKey: ['images', 'facets', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/images/facets', { params: { query: { environment } }, signal })),
    }),
  image: (id: string) =>
    queryOptions({
      queryKey: ['image', id],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/images/{id}', { params: { path: { id } }, signal })),
    }),
  imageFindings: (id: string, filters: FindingFilters) =>
    pages(['image', id, 'findings', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/images/{id}/findings', {
          params: { path: { id }, query: { ...filters, cursor, limit } },
          signal,
        }),
      ),
    ),
  imageFindingFacets: (id: string) =>
    queryOptions({
      queryKey: ['image', id, 'facets'],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/images/{id}/findings/facets', { params: { path: { id } }, signal })),
    }),
  imagePackages: (id: string, filters: PackageFilters) =>
    pages(['image', id, 'packages', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/images/{id}/packages', {
          params: { path: { id }, query: { ...filters, cursor, limit } },
          signal,
        }),
      ),
    ),
  imageLayers: (id: string) =>
    queryOptions({
      queryKey: ['image', id, 'layers'],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/images/{id}/layers', { params: { path: { id } }, signal })),
    }),
  imageScans: (id: string) =>
    pages(['scans', 'image', id], (cursor, signal) =>
      body(
        api.GET('/api/v1/images/{id}/scans', {
          params: { path: { id }, query: { cursor, limit } },
          signal,
        }),
      ),
    ),
  vulnerabilities: (filters: VulnerabilityFilters) =>
    pages(['vulnerabilities', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/vulnerabilities', {
          params: { query: { ...filters, cursor, limit } },
          signal,
        }),
      ),
    ),
  vulnerabilityFacets: (environment: string) =>
    queryOptions({
      queryKey: ['vulnerabilities', 'facets', environment],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/vulnerabilities/facets', { params: { query: { environment } }, signal }),
        ),
    }),
  vulnerability: (id: string, environment: string) =>
    queryOptions({
      queryKey: ['vulnerability', id, environment],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/vulnerabilities/{id}', {
            params: { path: { id }, query: { environment } },
            signal,
          }),
        ),
    }),
  findings: (filters: FindingFilters) =>
    pages(['findings', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/findings', { params: { query: { ...filters, cursor, limit } }, signal }),
      ),
    ),
  findingFacets: (environment: string, q?: string) =>
    queryOptions({
      queryKey: ['facets', environment, q],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/findings/facets', { params: { query: { environment, q } }, signal })),
      placeholderData: keepPreviousData,
      // A query still being typed is refused; asking again helps nobody.
      retry: false,
    }),
  findingGroups: (by: GroupBy, environment: string, q: string) =>
    pages(['findings', 'groups', by, environment, q], (cursor, signal) =>
      body(
        api.GET('/api/v1/findings/groups', {
          params: { query: { by, environment, q, cursor, limit } },
          signal,
        }),
      ),
    ),
  finding: (id: string) =>
    queryOptions({
      queryKey: ['finding', id],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/findings/{id}', { params: { path: { id } }, signal })),
      placeholderData: keepPreviousData,
    }),
  /** The events behind an alert, as they came. */
  findingEvents: (id: string) =>
    queryOptions({
      queryKey: ['finding', id, 'events'],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/findings/{id}/events', { params: { path: { id } }, signal })),
    }),
  /** What an alert could be muted by, from narrow to wide. */
  findingMutes: (id: string) =>
    queryOptions({
      queryKey: ['finding', id, 'mutes'],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/findings/{id}/mutes', { params: { path: { id } }, signal })),
    }),
  /** How many findings a query means, without fetching them. */
  findingCount: (environment: string, q: string) =>
    queryOptions({
      queryKey: ['counts', environment, q],
      queryFn: async ({ signal }) => {
        const query = { environment, q, limit: 1 };
        const { total, total_capped } = await body(
          api.GET('/api/v1/findings', { params: { query }, signal }),
        );
        return { total, isCapped: total_capped };
      },
    }),
  fields: () =>
    queryOptions({
      queryKey: ['fields'],
      queryFn: async ({ signal }) =>
        (await body(api.GET('/api/v1/query/fields', { signal }))).fields,
      staleTime: 300_000,
    }),
  check: (q: string) =>
    queryOptions({
      queryKey: ['check', q],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/query/check', { params: { query: { q } }, signal })),
      staleTime: Number.POSITIVE_INFINITY,
      enabled: q !== '',
    }),
  exemptions: (filters: ExemptionFilters) =>
    pages(['exemptions', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/exemptions', { params: { query: { ...filters, cursor, limit } }, signal }),
      ),
    ),
  exemption: (id: string) =>
    queryOptions({
      queryKey: ['exemptions', 'one', id],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/exemptions/{id}', { params: { path: { id } }, signal })),
    }),
  exemptionPreview: (scope: string, environment: string | undefined) =>
    queryOptions({
      queryKey: ['preview', scope, environment],
      queryFn: ({ signal }) =>
        body(
          api.POST('/api/v1/exemptions/preview', {
            body: {
              scope,
              reason: 'accepted_risk',
              note: 'preview',
              ...(environment ? { environment } : {}),
            },
            signal,
          }),
        ),
      retry: false,
      placeholderData: keepPreviousData,
    }),
  recommendations: (filters: RecommendationFilters) =>
    queryOptions({
      queryKey: ['recommendations', filters],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/recommendations', { params: { query: filters }, signal })),
      placeholderData: keepPreviousData,
    }),
  recommendation: (id: string, environment: string) =>
    queryOptions({
      queryKey: ['recommendations', 'one', id, environment],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/recommendations/{id}', {
            params: { path: { id }, query: { environment } },
            signal,
          }),
        ),
    }),
  score: (environment: string) =>
    queryOptions({
      queryKey: ['score', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/score', { params: { query: { environment } }, signal })),
    }),
  scoreHistory: (environment: string, days: number) =>
    queryOptions({
      queryKey: ['score', 'history', environment, days],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/score/history', { params: { query: { environment, days } }, signal }),
        ),
      placeholderData: keepPreviousData,
    }),
  assets: (filters: AssetFilters) =>
    pages(['assets', filters], (cursor, signal) =>
      body(api.GET('/api/v1/assets', { params: { query: { ...filters, cursor, limit } }, signal })),
    ),
  /** One level of the tree: what is directly below an asset. */
  assetsBelow: (environment: string, parent: string | undefined, kind?: string) =>
    queryOptions({
      queryKey: ['assets', 'below', environment, parent, kind],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/assets', {
            params: { query: { environment, parent, kind, limit: 500 } },
            signal,
          }),
        ),
    }),
  asset: (id: string) =>
    queryOptions({
      queryKey: ['assets', 'one', id],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/assets/{id}', { params: { path: { id } }, signal })),
    }),
  attack: (environment: string) =>
    queryOptions({
      queryKey: ['attack', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/attack', { params: { query: { environment } }, signal })),
    }),
  compliance: (environment: string, cluster?: string) =>
    queryOptions({
      queryKey: ['compliance', environment, cluster],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/compliance', { params: { query: { environment, cluster } }, signal }),
        ),
    }),
  views: () =>
    queryOptions({
      queryKey: ['views'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/views', { signal })),
    }),
  scans: (filters: ScanFilters) =>
    pages(['scans', filters], (cursor, signal) =>
      body(api.GET('/api/v1/scans', { params: { query: { ...filters, cursor, limit } }, signal })),
    ),
  /** Scans not yet over, kept current by the live feed. */
  activity: () =>
    queryOptions({
      queryKey: ['activity'],
      queryFn: async ({ signal }) => {
        const query = { state: 'queued,running', limit };
        return (await body(api.GET('/api/v1/scans', { params: { query }, signal }))).items;
      },
    }),
  search: (q: string, environment: string) =>
    queryOptions({
      queryKey: ['search', q, environment],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/search', { params: { query: { q, environment, limit: 6 } }, signal }),
        ),
      enabled: q.length > 1,
      placeholderData: keepPreviousData,
    }),
};
