import type { ClusterPosture } from '../../api/clusters';
import { type Health, HealthMark } from '../../components/HealthMark';

/** Whether a cluster is told of, in a word and a shape. */
export function StateMark({ row }: { row: ClusterPosture }) {
  const problems = row.status.problems ?? [];
  const [health, word, doc]: [Health, string, string] = row.silent
    ? ['silent', 'Silent', 'Its connector has not been heard of: what is shown may be old']
    : !row.status.synced
      ? ['degraded', 'Looking', 'It has not seen everything yet']
      : problems.length > 0
        ? ['degraded', 'In part', problems.map((each) => each.message).join('. ')]
        : ['healthy', 'Watched', 'Everything is watched, and nothing waits'];
  return (
    <HealthMark health={health} why={doc}>
      {word}
    </HealthMark>
  );
}

export const REACH: Record<string, string> = {
  cluster: 'from inside the cluster',
  node: 'from whoever reaches a node',
  outside: 'from outside',
};

export const BY: Record<string, string> = {
  service: 'Service',
  ingress: 'Ingress',
  host_port: 'Host port',
  host_network: 'Host network',
};
