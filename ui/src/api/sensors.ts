// Sensors on nodes, and what they are told to do about programs that are
// not in the image.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, body } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];
export type DenyLists = Schemas['DenyLists'];
export type DriftSettings = Schemas['DriftSettings'];
export type NewDriftSettings = Schemas['NewDriftSettings'];
export type Sensor = Schemas['Sensor'];
export type SensorClass = Schemas['SensorClass'];
export type SensorContainer = Schemas['SensorContainer'];
export type SensorDetail = Schemas['SensorDetail'];
export type SensorFeature = Schemas['SensorFeature'];
export type SensorLoss = Schemas['SensorLoss'];
export type SensorState = Schemas['SensorState'];
export type SensorStatus = Schemas['SensorStatus'];

/** How often a page of sensors asks how they are: it is a meter. */
export const EVERY_MS = 5000;

export const sensors = {
  all: (environment: string, every?: number) =>
    queryOptions({
      queryKey: ['sensors', environment],
      queryFn: ({ signal }) =>
        body(api.GET('/api/v1/sensors', { params: { query: { environment } }, signal })),
      ...(every ? { refetchInterval: every } : {}),
    }),
  one: (node: string, environment: string, every?: number) =>
    queryOptions({
      queryKey: ['sensors', environment, node],
      queryFn: ({ signal }) =>
        body(
          api.GET('/api/v1/sensors/{node}', {
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
        body(api.GET('/api/v1/drift/policy', { params: { query: { environment } }, signal })),
    }),
};

/** Gives the sensors of an environment their new policy. */
export function useSaveDrift(environment: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Omit<NewDriftSettings, 'environment'>) =>
      body(api.PUT('/api/v1/drift/policy', { body: { ...wanted, environment } })),
    onSuccess: (kept) => {
      cache.setQueryData(['drift', environment], kept);
      cache.invalidateQueries({ queryKey: ['sensors'] });
    },
  });
}

/** Forgets a sensor whose node is gone; one that tells of itself is there again. */
export function useForgetSensor(environment: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (node: string) =>
      body(
        api.DELETE('/api/v1/sensors/{node}', {
          params: { path: { node }, query: { environment } },
        }),
      ),
    onSuccess: (_, node) => {
      cache.removeQueries({ queryKey: ['sensors', environment, node] });
      cache.invalidateQueries({ queryKey: ['sensors'] });
    },
  });
}
