// Policies over objects of clusters, and what admission decided by them.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type Admission = Schemas['Admission'];
export type AdmissionDecision = Schemas['AdmissionDecision'];
export type DecisionViolation = Schemas['DecisionViolation'];
export type PolicyScope = Schemas['PolicyScope'];
export type ImpactSetting = Schemas['ImpactSetting'];
export type NewPolicy = Schemas['NewPolicy'];
export type NewPolicySetting = Schemas['NewPolicySetting'];
export type Offender = Schemas['Offender'];
export type Policy = Schemas['Policy'];
export type PolicyAction = Schemas['PolicyAction'];
export type PolicyDecisions = Schemas['PolicyDecisions'];
export type PolicyDetail = Schemas['PolicyDetail'];
export type PolicyImpact = Schemas['PolicyImpact'];
export type PolicyProblem = Schemas['PolicyProblem'];
export type PolicySetting = Schemas['PolicySetting'];
export type PolicyTest = Schemas['PolicyTest'];
export type PolicyTestResult = Schemas['PolicyTestResult'];
export type Verdict = Schemas['DecisionVerdict'];
export type DecisionFilters = NonNullable<paths['/api/v1/decisions']['get']['parameters']['query']>;

/** How often what admission decides is asked for while it is watched. */
export const EVERY_MS = 5000;
const limit = 100;

export const policies = {
  all: (environment: string, cluster?: string) =>
    queryOptions({
      queryKey: ['policies', environment, cluster],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/policies', { params: { query: { environment, cluster } }, signal })),
    }),
  one: (id: string, environment: string, cluster?: string) =>
    queryOptions({
      queryKey: ['policies', environment, cluster, id],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/policies/{id}', {
            params: { path: { id }, query: { environment, cluster } },
            signal,
          }),
        ),
    }),
  impact: (id: string, environment: string, cluster?: string, setting?: ImpactSetting) =>
    queryOptions({
      queryKey: ['policies', environment, cluster, id, 'impact', setting],
      queryFn: ({ signal }) =>
        body(
          api.POST('/api/v1/policies/{id}/impact', {
            params: { path: { id } },
            body: { environment, cluster: cluster ?? null, days: null, setting: setting ?? null },
            signal,
          }),
        ),
    }),
  decisions: (filters: DecisionFilters, every?: number) => ({
    ...pages(['decisions', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/decisions', { params: { query: { ...filters, cursor, limit } }, signal }),
      ),
    ),
    ...(every ? { refetchInterval: every } : {}),
  }),
  offenders: (environment: string, cluster?: string) =>
    queryOptions({
      queryKey: ['decisions', 'offenders', environment, cluster],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/decisions/offenders', {
            params: { query: { environment, cluster } },
            signal,
          }),
        ),
    }),
  admissions: (environment: string, every?: number) =>
    queryOptions({
      queryKey: ['admissions', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/admissions', { params: { query: { environment } }, signal })),
      ...(every ? { refetchInterval: every } : {}),
    }),
};

function useRefresh() {
  const cache = useQueryClient();
  return () => {
    cache.invalidateQueries({ queryKey: ['policies'] });
    cache.invalidateQueries({ queryKey: ['recommendations'] });
  };
}

/** Says what is done about a policy, somewhere. */
export function useSetPolicy(id: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: NewPolicySetting) =>
      body(api.PUT('/api/v1/policies/{id}/setting', { params: { path: { id } }, body: wanted })),
    onSuccess: refresh,
  });
}

/** Keeps a policy of somebody's own. */
export function useSavePolicy() {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (wanted: NewPolicy) => body(api.POST('/api/v1/policies', { body: wanted })),
    onSuccess: refresh,
  });
}

export function useDropPolicy(environment: string) {
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (id: string) =>
      body(
        api.DELETE('/api/v1/policies/{id}', { params: { path: { id }, query: { environment } } }),
      ),
    onSuccess: refresh,
  });
}

/** Judges objects by documents that nothing is done by yet. */
export function useTryPolicy() {
  return useMutation({
    mutationFn: (wanted: PolicyTest) => body(api.POST('/api/v1/policies/test', { body: wanted })),
  });
}
