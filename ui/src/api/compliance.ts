// How what was judged stands, by the controls of standards.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components } from './schema';

type Schemas = components['schemas'];
export type ComplianceCheck = Schemas['ComplianceCheck'];
export type ControlAttestation = Schemas['ControlAttestation'];
export type NewControlAttestation = Schemas['NewControlAttestation'];
export type StandardDetail = Schemas['StandardDetail'];
const limit = 50;

export const compliance = {
  standard: (id: string, environment: string, cluster?: string) =>
    queryOptions({
      queryKey: ['compliance', environment, cluster, id],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/compliance/{id}', {
            params: { path: { id }, query: { environment, cluster } },
            signal,
          }),
        ),
    }),
  evidence: (id: string, control: string, environment: string, cluster?: string) =>
    pages(['compliance', environment, cluster, id, 'evidence', control], (cursor, signal) =>
      body(
        api.GET('/api/v1/compliance/{id}/evidence', {
          params: { path: { id }, query: { environment, cluster, control, cursor, limit } },
          signal,
        }),
      ),
    ),
};

/** Where a standard's report is fetched. */
export function reportOf(
  id: string,
  format: 'html' | 'csv' | 'oscal',
  environment: string,
  cluster?: string,
): string {
  const query = new URLSearchParams({ environment, format, ...(cluster ? { cluster } : {}) });
  return `/api/v1/compliance/${encodeURIComponent(id)}/report?${query}`;
}

/** Says that a control holds, for a time. */
export function useAttest(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewControlAttestation) =>
      body(
        api.POST('/api/v1/compliance/{id}/attestations', {
          params: { path: { id } },
          body: wanted,
        }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['compliance'] }),
  });
}

/** Takes that back. */
export function useWithdraw(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (query: { control: string; environment: string; cluster?: string }) =>
      body(api.DELETE('/api/v1/compliance/{id}/attestations', { params: { path: { id }, query } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ['compliance'] }),
  });
}
