// The clusters that are connected: how much there is, how much of it is
// against a policy, and whether anybody still tells of them.

import { IconTopologyStar } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ClusterPosture, clusters, EVERY_MS } from '../../api/clusters';
import { Go } from '../../components/Go';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { Rows } from '../../components/Rows';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Blank } from '../../ui/Blank';
import { Command } from '../../ui/Copy';
import type { Column } from '../../ui/DataTable';
import { Time } from '../../ui/Time';
import classes from './clusters.module.css';
import { StateMark } from './parts';

const COLUMNS: Column<ClusterPosture>[] = [
  {
    id: 'cluster',
    header: 'Cluster',
    width: 'minmax(150px, 1.6fr)',
    fixed: true,
    cell: (row) => (
      <Go to={`/clusters/${encodeURIComponent(row.cluster)}`} className={classes.name}>
        {row.cluster}
      </Go>
    ),
  },
  { id: 'state', header: 'Connector', width: '108px', cell: (row) => <StateMark row={row} /> },
  {
    id: 'kubernetes',
    header: 'Kubernetes',
    width: '96px',
    cell: (row) => row.status.kubernetes || '–',
  },
  {
    id: 'nodes',
    header: 'Nodes',
    width: '62px',
    align: 'right',
    cell: (row) => count(row.nodes),
  },
  {
    id: 'workloads',
    header: 'Workloads',
    width: '84px',
    align: 'right',
    cell: (row) => count(row.workloads),
  },
  { id: 'pods', header: 'Pods', width: '62px', align: 'right', cell: (row) => count(row.pods) },
  {
    id: 'affected',
    header: 'Against a policy',
    name: 'Objects a policy is against, of those judged',
    width: 'minmax(110px, 1fr)',
    align: 'right',
    cell: (row) => `${count(row.affected)} of ${count(row.judged)}`,
  },
  {
    id: 'counts',
    header: 'Open findings',
    width: '190px',
    cell: (row) => <SeverityStrip counts={row.counts} />,
  },
  {
    id: 'seen',
    header: 'Heard of',
    width: '88px',
    cell: (row) => <Time at={row.last_seen} />,
  },
];

export function ClustersPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const query = useQuery(clusters.all(environment, EVERY_MS));
  return (
    <Page title="Clusters" isFixed>
      <Rows
        label="Clusters"
        noun="cluster"
        query={query}
        rows={(answer: ClusterPosture[]) => answer}
        columns={COLUMNS}
        rowKey={(row) => `${row.environment} ${row.cluster}`}
        card={(row) => (
          <div className={classes.card}>
            <div className={classes.cardHead}>
              <b>{row.cluster}</b>
              <StateMark row={row} />
            </div>
            <span className={classes.quiet}>
              {plural(row.nodes, 'node')} · {plural(row.workloads, 'workload')} ·{' '}
              {count(row.affected)} of {count(row.judged)} against a policy
            </span>
            <SeverityStrip counts={row.counts} />
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/clusters/$cluster',
            params: { cluster: row.cluster },
            search: keepEnvironment as never,
          })
        }
        minWidth={980}
        empty={<NoClusters />}
      />
    </Page>
  );
}

function NoClusters() {
  const server = location.origin;
  return (
    <Blank
      icon={<IconTopologyStar size={32} stroke={1.4} aria-hidden />}
      title="No cluster is connected yet"
    >
      <p>
        A connector watches a cluster’s objects, judges them by the policies, and tells this server.
        It only reads, and never reads a secret’s content.
      </p>
      <p>From outside, with a token that may hand in events (Settings, API tokens):</p>
      <Command label="the command">
        {`seawall connector --kubeconfig ~/.kube/config --cluster prod --server ${server} --token-file token`}
      </Command>
      <p>Or look once, without a server:</p>
      <Command label="the command">seawall connector --once --kubeconfig ~/.kube/config</Command>
    </Blank>
  );
}
