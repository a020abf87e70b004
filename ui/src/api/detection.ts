// Incidents and rules: what detection makes of events, and what it is made of.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type GraphEdge = Schemas['GraphEdge'];
export type GraphNode = Schemas['GraphNode'];
export type Incident = Schemas['Incident'];
export type IncidentAlert = Schemas['IncidentAlert'];
export type IncidentChange = Schemas['IncidentChange'];
export type IncidentDetail = Schemas['IncidentDetail'];
export type IncidentGraph = Schemas['IncidentGraph'];
export type IncidentRef = Schemas['IncidentRef'];
export type IncidentState = Schemas['IncidentState'];
export type NewRuleSwitch = Schemas['NewRuleSwitch'];
export type Rule = Schemas['Rule'];
export type RuleCase = Schemas['RuleCase'];
export type RuleDetail = Schemas['RuleDetail'];
export type RuleOrigin = Schemas['RuleOrigin'];

type QueryOf<P extends '/api/v1/incidents' | '/api/v1/rules'> = NonNullable<
  paths[P]['get']['parameters']['query']
>;
export type IncidentFilters = QueryOf<'/api/v1/incidents'>;
export type RuleFilters = QueryOf<'/api/v1/rules'>;

const limit = 100;

export const detection = {
  incidents: (filters: IncidentFilters) =>
    pages(['incidents', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/incidents', { params: { query: { ...filters, cursor, limit } }, signal }),
      ),
    ),
  incidentCounts: (environment: string) =>
    queryOptions({
      queryKey: ['incidents', 'counts', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/incidents/counts', { params: { query: { environment } }, signal })),
    }),
  incident: (id: string) =>
    queryOptions({
      queryKey: ['incidents', 'one', id],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/incidents/{id}', { params: { path: { id } }, signal })),
    }),
  rules: (filters: RuleFilters) =>
    pages(['rules', filters], (cursor, signal) =>
      body(api.GET('/api/v1/rules', { params: { query: { ...filters, cursor, limit } }, signal })),
    ),
  rule: (id: string, environment: string) =>
    queryOptions({
      queryKey: ['rules', 'one', id, environment],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/rules/{id}', {
            params: { path: { id }, query: { environment } },
            signal,
          }),
        ),
    }),
};

/** Acknowledges, closes, reopens, assigns, comments. */
export function useChangeIncident(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (change: Partial<IncidentChange>) =>
      body(
        api.PATCH('/api/v1/incidents/{id}', {
          params: { path: { id } },
          body: change as IncidentChange,
        }),
      ),
    onSuccess: (detail) => {
      cache.setQueryData(['incidents', 'one', id], detail);
      for (const noun of ['incidents', 'findings', 'finding', 'facets', 'overview'])
        cache.invalidateQueries({ queryKey: [noun] });
    },
  });
}

/** Switches a rule on or off in one environment. */
export function useSwitchRule(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewRuleSwitch) =>
      body(api.PUT('/api/v1/rules/{id}/switch', { params: { path: { id } }, body: wanted })),
    onSuccess: () => {
      for (const noun of ['rules', 'attack']) cache.invalidateQueries({ queryKey: [noun] });
    },
  });
}
