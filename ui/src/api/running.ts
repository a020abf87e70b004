// What really runs, and what to do about it first.

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, body } from './client';
import { Problem } from './problem';
import { pages } from './queries';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type AffectedWorkload = Schemas['AffectedWorkload'];
export type InUse = Schemas['InUse'];
export type PackagesInUse = Schemas['PackagesInUse'];
export type Priority = Schemas['Priority'];
export type RunningExposure = Schemas['RunningExposure'];
export type RunningImage = Schemas['RunningImage'];
export type RunningImageDetail = Schemas['RunningImageDetail'];
export type RunningReach = Schemas['RunningReach'];
export type RunningWorkload = Schemas['RunningWorkload'];
export type VulnerabilityWorkloads = Schemas['VulnerabilityWorkloads'];
export type BaseImages = Schemas['BaseImages'];
export type BaseList = Schemas['BaseList'];
export type BuiltImage = Schemas['BuiltImage'];
export type WorkBase = Schemas['WorkBase'];
export type WorkImage = Schemas['WorkImage'];
export type WorkList = Schemas['WorkList'];
export type WorkStep = Schemas['WorkStep'];

type QueryOf<P extends '/api/v1/running' | '/api/v1/work-list'> = NonNullable<
  paths[P]['get']['parameters']['query']
>;
export type RunningFilters = QueryOf<'/api/v1/running'>;
export type WorkFilters = QueryOf<'/api/v1/work-list'>;

const limit = 100;

/** How often pages of what runs ask whether that is still so. */
const EVERY_MS = 30_000;

export const running = {
  all: (filters: RunningFilters) => ({
    ...pages(['running', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/running', { params: { query: { ...filters, cursor, limit } }, signal }),
      ),
    ),
    refetchInterval: EVERY_MS,
  }),
  /** One of them, with all that runs it; nothing where nothing does. */
  one: (image: string, environment?: string) =>
    queryOptions({
      queryKey: ['running', 'one', image, environment],
      queryFn: async ({ signal }) => {
        try {
          const params = { path: { image }, query: environment ? { environment } : {} };
          return await body(api.GET('/api/v1/running/{image}', { params, signal }));
        } catch (error) {
          if (error instanceof Problem && error.status === 404) return null;
          throw error;
        }
      },
    }),
  /** Who runs a vulnerability. */
  affected: (id: string, environment: string) =>
    queryOptions({
      queryKey: ['vulnerability', id, 'workloads', environment],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/vulnerabilities/{id}/workloads', {
            params: { path: { id }, query: { environment } },
            signal,
          }),
        ),
    }),
  bases: (environment: string) =>
    queryOptions({
      queryKey: ['bases', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/bases', { params: { query: { environment } }, signal })),
      placeholderData: keepPreviousData,
    }),
  work: (filters: WorkFilters) =>
    queryOptions({
      queryKey: ['work-list', filters],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/work-list', { params: { query: filters }, signal })),
      placeholderData: keepPreviousData,
    }),
};
