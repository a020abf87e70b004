// Sensors on nodes, and what they are told to do about programs that are
// not in the image.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import type { DriftAction, DriftRule } from '../lib/drift';
import { api, body } from './client';

/** Whether it is heard of, and whether it sees all it should. */
export type SensorState = 'silent' | 'degraded' | 'healthy';

export interface SensorFeature {
  name: string;
  state: string;
  detail: string;
  lost?: string;
}

export interface SensorClass {
  name: string;
  seen: number;
  filtered: number;
  delivered: number;
  dropped: number;
  rate: number;
  shed: boolean;
}

export interface SensorContainer {
  id: string;
  name: string;
  image: string;
  digest?: string | null;
  namespace?: string | null;
  pod?: string | null;
  runtime: string;
  processes: number;
  events: number;
  cpu: number;
  alerts: number;
}

export interface SensorStatus {
  version: string;
  boot: string;
  cluster?: string | null;
  kernel: string;
  architecture: string;
  os: string;
  started: string;
  cpu: number;
  memory: number;
  memory_limit: number;
  spool: number;
  spool_limit: number;
  processes: number;
  features: SensorFeature[];
  classes: SensorClass[];
  containers: SensorContainer[];
  rules: number;
  policy: string;
  notes: string[];
}

export interface SensorSample {
  time: string;
  cpu: number;
  memory: number;
  spool: number;
  events: number;
  dropped: number;
}

export interface SensorLoss {
  received: string;
  stage: string;
  class: string;
  reason: string;
  count: number;
  from: string;
  to: string;
}

export interface Sensor {
  environment: string;
  node: string;
  cluster?: string | null;
  state: SensorState;
  reasons: string[];
  version: string;
  kernel: string;
  architecture: string;
  os: string;
  started: string;
  first_seen: string;
  last_seen: string;
  cpu: number;
  memory: number;
  memory_limit: number;
  spool: number;
  spool_limit: number;
  processes: number;
  containers: number;
  rules: number;
  events: number;
  dropped: number;
  shed: string[];
  policy_current: boolean;
}

export interface SensorDetail extends Omit<Sensor, 'containers'> {
  containers: number;
  status: SensorStatus;
  history: SensorSample[];
  gaps: SensorLoss[];
}

export interface DenyLists {
  metadata: DriftAction;
  sysctl: DriftAction;
}

export interface DriftSettings {
  environment: string;
  revision: number;
  drift: { rules: DriftRule[] };
  deny: DenyLists;
  changed?: string | null;
  changed_by?: string | null;
}

export interface NewDriftSettings {
  environment?: string;
  revision: number;
  drift: { rules: DriftRule[] };
  deny: DenyLists;
}

// Until the contract has them.
const loose = api as unknown as {
  GET: <T>(
    path: string,
    options: object,
  ) => Promise<{ data?: T; error?: unknown; response: Response }>;
  PUT: <T>(
    path: string,
    options: object,
  ) => Promise<{ data?: T; error?: unknown; response: Response }>;
};

/** How often a sensor's page asks how it is: it is a meter. */
export const EVERY_MS = 5000;

export const sensors = {
  all: (environment: string, every?: number) =>
    queryOptions({
      queryKey: ['sensors', environment],
      queryFn: ({ signal }) =>
        body(
          loose.GET<Sensor[]>('/api/v1/sensors', { params: { query: { environment } }, signal }),
        ),
      ...(every ? { refetchInterval: every } : {}),
    }),
  one: (node: string, environment: string, every?: number) =>
    queryOptions({
      queryKey: ['sensors', environment, node],
      queryFn: ({ signal }) =>
        body(
          loose.GET<SensorDetail>('/api/v1/sensors/{node}', {
            params: { path: { node }, query: { environment } },
            signal,
          }),
        ),
      ...(every ? { refetchInterval: every } : {}),
    }),
  drift: (environment: string) =>
    queryOptions({
      queryKey: ['drift', environment],
      queryFn: ({ signal }) =>
        body(
          loose.GET<DriftSettings>('/api/v1/drift/policy', {
            params: { query: { environment } },
            signal,
          }),
        ),
    }),
};

/** Gives the sensors of an environment their new policy. */
export function useSaveDrift(environment: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewDriftSettings) =>
      body(loose.PUT<DriftSettings>('/api/v1/drift/policy', { body: { ...wanted, environment } })),
    onSuccess: (kept) => {
      cache.setQueryData(['drift', environment], kept);
      cache.invalidateQueries({ queryKey: ['sensors'] });
    },
  });
}
