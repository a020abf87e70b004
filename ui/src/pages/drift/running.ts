// The containers that run now, as the sensors of an environment tell: what
// a rule is tried on before it is saved.

import { useQueries, useQuery } from '@tanstack/react-query';
import { type SensorContainer, sensors } from '../../api/sensors';
import type { Running } from '../../lib/drift';

export interface RunningContainer extends Running {
  id: string;
  name: string;
  node: string;
}

export interface RunningNow {
  containers: RunningContainer[];
  /** Sensors that told of their containers. */
  told: number;
  sensors: number;
  isPending: boolean;
  /** Values to offer, each once. */
  known: Record<'clusters' | 'namespaces' | 'pods' | 'images', string[]>;
}

/** Sensors asked: each answer is a list of its own. */
const MOST_SENSORS = 60;

const once = (texts: (string | null | undefined)[]) =>
  [...new Set(texts.filter((text) => !!text) as string[])].sort();

export function useRunning(environment: string): RunningNow {
  const { data = [], isPending } = useQuery(sensors.all(environment));
  const asked = data.slice(0, MOST_SENSORS);
  const answers = useQueries({
    queries: asked.map((each) => sensors.one(each.node, environment)),
  });
  const of = (
    node: string,
    cluster: string | null | undefined,
    each: SensorContainer,
  ): RunningContainer => ({
    id: each.id,
    name: each.name,
    node,
    cluster,
    namespace: each.namespace,
    pod: each.pod,
    image: each.image,
  });
  const containers = answers.flatMap(({ data: detail }) =>
    detail ? detail.status.containers.map((each) => of(detail.node, detail.cluster, each)) : [],
  );
  return {
    containers,
    told: answers.filter((each) => each.data !== undefined).length,
    sensors: data.length,
    isPending: isPending || answers.some((each) => each.isPending),
    known: {
      clusters: once(data.map((each) => each.cluster)),
      namespaces: once(containers.map((each) => each.namespace)),
      pods: once(containers.map((each) => each.pod)),
      images: once(containers.map((each) => each.image)),
    },
  };
}
