// People, programs and other systems: what the settings ask and change.

import { keepPreviousData, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import { pages } from './queries';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type ApiToken = Schemas['ApiToken'];
export type ApiTokenMade = Schemas['ApiTokenMade'];
export type AuditEntry = Schemas['AuditEntry'];
export type AuditVerdict = Schemas['AuditVerdict'];
export type ClusterAudit = Schemas['ClusterAudit'];
export type AuditEventFault = Schemas['AuditEventFault'];
export type Delivery = Schemas['Delivery'];
export type Invitation = Schemas['Invitation'];
export type Me = Schemas['Me'];
export type NewApiToken = Schemas['NewApiToken'];
export type NewRoute = Schemas['NewRoute'];
export type NewSink = Schemas['NewSink'];
export type NewUser = Schemas['NewUser'];
export type Permission = Schemas['Permission'];
export type Role = Schemas['Role'];
export type RoleBinding = Schemas['RoleBinding'];
export type Route = Schemas['Route'];
export type SessionEntry = Schemas['SessionEntry'];
export type Sink = Schemas['Sink'];
export type SinkAnswer = Schemas['Answer'];
export type SinkDescription = Schemas['SinkDescription'];
export type SinkField = Schemas['SinkField'];
export type SinkKind = Schemas['SinkKind'];
export type User = Schemas['User'];
export type UserChange = Schemas['UserChange'];

type QueryOf<P extends '/api/v1/audit' | '/api/v1/deliveries'> = NonNullable<
  paths[P]['get']['parameters']['query']
>;
export type AuditFilters = QueryOf<'/api/v1/audit'>;
export type DeliveryFilters = QueryOf<'/api/v1/deliveries'>;

const limit = 100;
const path = (id: string) => ({ params: { path: { id } } });

export const settings = {
  me: () =>
    queryOptions({
      queryKey: ['me'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/me', { signal })),
      staleTime: 60_000,
    }),
  providers: () =>
    queryOptions({
      queryKey: ['providers'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/session/providers', { signal })),
    }),
  users: (q?: string) =>
    queryOptions({
      queryKey: ['users', q],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/users', { params: { query: q ? { q } : {} }, signal })),
      placeholderData: keepPreviousData,
    }),
  tokens: (all: boolean, ended: boolean) =>
    queryOptions({
      queryKey: ['tokens', all, ended],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/tokens', { params: { query: { all, ended } }, signal })),
      placeholderData: keepPreviousData,
    }),
  sessions: () =>
    queryOptions({
      queryKey: ['sessions'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/sessions', { signal })),
    }),
  audit: (filters: AuditFilters) =>
    pages(['audit', filters], (cursor, signal) =>
      body(api.GET('/api/v1/audit', { params: { query: { ...filters, cursor, limit } }, signal })),
    ),
  /** Asked again and again while it is looked at: it is a meter. */
  clusters: (every: number) =>
    queryOptions({
      queryKey: ['clusters'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/clusters', { signal })),
      refetchInterval: every,
    }),
  sinkKinds: () =>
    queryOptions({
      queryKey: ['sinks', 'kinds'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/sinks/kinds', { signal })),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  sinks: () =>
    queryOptions({
      queryKey: ['sinks'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/sinks', { signal })),
      refetchInterval: 10_000,
    }),
  routes: () =>
    queryOptions({
      queryKey: ['routes'],
      queryFn: ({ signal }) => body(api.GET('/api/v1/routes', { signal })),
    }),
  deliveries: (filters: DeliveryFilters) =>
    pages(['deliveries', filters], (cursor, signal) =>
      body(
        api.GET('/api/v1/deliveries', {
          params: { query: { ...filters, cursor, limit } },
          signal,
        }),
      ),
    ),
};

/** A change after which these nouns are asked for again. */
function useChange<In, Out>(change: (input: In) => Promise<Out>, ...nouns: string[]) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () =>
      Promise.all(nouns.map((noun) => cache.invalidateQueries({ queryKey: [noun] }))),
  });
}

export const useSignInByName = () =>
  useChange(
    (who: { name: string; password: string }) => body(api.POST('/api/v1/session', { body: who })),
    'session',
    'me',
  );

export const useAcceptInvitation = () =>
  useChange(
    (chosen: { invitation: string; password: string }) =>
      body(api.POST('/api/v1/session/invitation', { body: chosen })),
    'session',
    'me',
  );

export const useMakeFirstAccount = () =>
  useChange(
    (account: Schemas['FirstAccount']) =>
      body(api.POST('/api/v1/first-account', { body: account })),
    'me',
    'users',
    'session',
  );

export const useChangePassword = () =>
  useChange(
    (change: Schemas['PasswordChange']) => body(api.POST('/api/v1/me/password', { body: change })),
    'sessions',
  );

export const useMakeUser = () =>
  useChange((user: NewUser) => body(api.POST('/api/v1/users', { body: user })), 'users');

export const useChangeUser = () =>
  useChange(
    ({ id, change }: { id: string; change: UserChange }) =>
      body(api.PATCH('/api/v1/users/{id}', { ...path(id), body: change })),
    'users',
    'me',
  );

export const useRemoveUser = () =>
  useChange((id: string) => body(api.DELETE('/api/v1/users/{id}', path(id))), 'users');

export const useResetUser = () =>
  useChange((id: string) => body(api.POST('/api/v1/users/{id}/reset', path(id))), 'users');

export const useEndUserSessions = () =>
  useChange((id: string) => body(api.DELETE('/api/v1/users/{id}/sessions', path(id))), 'users');

export const useMakeToken = () =>
  useChange((token: NewApiToken) => body(api.POST('/api/v1/tokens', { body: token })), 'tokens');

export const useRevokeToken = () =>
  useChange((id: string) => body(api.DELETE('/api/v1/tokens/{id}', path(id))), 'tokens');

export const useEndSession = () =>
  useChange((id: string) => body(api.DELETE('/api/v1/sessions/{id}', path(id))), 'sessions');

export const useEndOtherSessions = () =>
  useChange(() => body(api.DELETE('/api/v1/sessions')), 'sessions');

export const useVerifyAudit = () => useChange(() => body(api.GET('/api/v1/audit/verify')));

export const useSaveSink = () =>
  useChange(
    ({ id, sink }: { id: string | undefined; sink: NewSink }) =>
      id === undefined
        ? body(api.POST('/api/v1/sinks', { body: sink }))
        : body(api.PUT('/api/v1/sinks/{id}', { ...path(id), body: sink })),
    'sinks',
  );

export const useRemoveSink = () =>
  useChange(
    (id: string) => body(api.DELETE('/api/v1/sinks/{id}', path(id))),
    'sinks',
    'routes',
    'deliveries',
  );

export const useTestSink = () =>
  useChange((id: string) => body(api.POST('/api/v1/sinks/{id}/test', path(id))));

export const usePauseSink = () =>
  useChange(
    ({ id, paused }: { id: string; paused: boolean }) =>
      paused
        ? body(api.POST('/api/v1/sinks/{id}/pause', path(id)))
        : body(api.POST('/api/v1/sinks/{id}/resume', path(id))),
    'sinks',
  );

export const useReplaySink = () =>
  useChange(
    (id: string) => body(api.POST('/api/v1/sinks/{id}/replay', path(id))),
    'sinks',
    'deliveries',
  );

export const useReplayDelivery = () =>
  useChange(
    (id: string) => body(api.POST('/api/v1/deliveries/{id}/replay', path(id))),
    'sinks',
    'deliveries',
  );

export const useSaveRoute = () =>
  useChange(
    ({ id, route }: { id: string | undefined; route: NewRoute }) =>
      id === undefined
        ? body(api.POST('/api/v1/routes', { body: route }))
        : body(api.PUT('/api/v1/routes/{id}', { ...path(id), body: route })),
    'routes',
  );

export const useRemoveRoute = () =>
  useChange((id: string) => body(api.DELETE('/api/v1/routes/{id}', path(id))), 'routes');

export const usePreviewRoute = () =>
  useChange((route: NewRoute) => body(api.POST('/api/v1/routes/preview', { body: route })));
