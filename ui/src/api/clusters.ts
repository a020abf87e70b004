// Clusters as their connectors tell of them: how they stand, their
// workloads and objects.

import { queryOptions } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type ClusterPosture = Schemas['ClusterPosture'];
export type ConnectorStatus = Schemas['ConnectorStatus'];
export type Exposure = Schemas['Exposure'];
export type NodeAssessment = Schemas['NodeAssessment'];
export type Workload = Schemas['Workload'];
export type WorkloadDetail = Schemas['WorkloadDetail'];
export type WorkloadFilters = NonNullable<
  paths['/api/v1/clusters/{cluster}/workloads']['get']['parameters']['query']
>;

/** How often a page of clusters asks how they are. */
export const EVERY_MS = 10_000;
const limit = 100;

export const clusters = {
  all: (environment: string, every?: number) =>
    queryOptions({
      queryKey: ['clusters', environment],
      queryFn: async ({ signal }) => {
        const every = await body(
          api.GET('/api/v1/clusters', { params: { query: { environment } }, signal }),
        );
        // Others only hand in their audit logs.
        return every.flatMap((each) => (each.posture ? [each.posture] : []));
      },
      ...(every ? { refetchInterval: every } : {}),
    }),
  /** Machines as somebody last looked at them. */
  nodes: (cluster: string, environment: string) =>
    queryOptions({
      queryKey: ['clusters', environment, cluster, 'nodes'],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/clusters/{cluster}/nodes', {
            params: { path: { cluster }, query: { environment } },
            signal,
          }),
        ),
    }),
  workloads: (cluster: string, filters: WorkloadFilters) =>
    pages(['clusters', cluster, 'workloads', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/clusters/{cluster}/workloads', {
          params: { path: { cluster }, query: { ...filters, cursor, limit } },
          signal,
        }),
      ),
    ),
  workload: (cluster: string, id: string, environment: string) =>
    queryOptions({
      queryKey: ['clusters', cluster, 'workloads', environment, id],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/clusters/{cluster}/workloads/{id}', {
            params: { path: { cluster, id }, query: { environment } },
            signal,
          }),
        ),
    }),
  object: (cluster: string, id: string, environment: string) =>
    queryOptions({
      queryKey: ['clusters', cluster, 'objects', environment, id],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/clusters/{cluster}/objects/{id}', {
            params: { path: { cluster, id }, query: { environment } },
            signal,
          }),
        ),
    }),
};
