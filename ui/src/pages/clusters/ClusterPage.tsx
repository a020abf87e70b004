// One cluster: its workloads with what is wrong with each, and how its
// connector is.

import { Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { type ClusterPosture, clusters, EVERY_MS, type Workload } from '../../api/clusters';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { List, Waiting } from '../../components/List';
import { keepEnvironment, keepWith } from '../../components/Names';
import { Missing } from '../../components/NotFoundPage';
import { Page, Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { SearchField } from '../../ui/SearchField';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/Time';
import classes from './clusters.module.css';
import { Nodes } from './Nodes';
import { StateMark } from './parts';

const COLUMNS: Column<Workload>[] = [
  {
    id: 'name',
    header: 'Workload',
    width: 'minmax(180px, 2fr)',
    fixed: true,
    cell: (row) => (
      <Go
        to={`/clusters/${encodeURIComponent(row.cluster)}/workloads/${encodeURIComponent(row.id)}`}
        className={classes.name}
        title={`${row.key.kind} ${row.key.name}`}
      >
        {row.key.name}
      </Go>
    ),
  },
  { id: 'kind', header: 'Kind', width: 'minmax(100px, 0.9fr)', cell: (row) => row.key.kind },
  {
    id: 'namespace',
    header: 'Namespace',
    width: 'minmax(110px, 1fr)',
    cell: (row) => row.key.namespace || '–',
  },
  {
    id: 'violated',
    header: 'Policies against it',
    width: '132px',
    align: 'right',
    cell: (row) => `${count(row.violated)} of ${count(row.judged)}`,
  },
  {
    id: 'counts',
    header: 'Open findings',
    width: '190px',
    cell: (row) => <SeverityStrip counts={row.counts} />,
  },
  { id: 'pods', header: 'Pods', width: '58px', align: 'right', cell: (row) => count(row.pods) },
  {
    id: 'changed',
    header: 'Changed',
    width: '88px',
    cell: (row) => <Time at={row.changed} />,
  },
];

export function ClusterPage() {
  const { cluster } = useParams({ strict: false }) as { cluster: string };
  const environment = useEnvironment();
  const [search] = useUrl();
  const { data, error, refetch } = useQuery(clusters.all(environment, EVERY_MS));
  if (!data)
    return (
      <Page title={cluster}>
        {error ? (
          <ProblemBlank problem={error} onRetry={() => refetch()} />
        ) : (
          <Waiting label="the cluster" />
        )}
      </Page>
    );
  const row = data.find((each) => each.cluster === cluster);
  if (!row) return <Missing what="cluster" />;
  const tab = search.tab ?? 'workloads';
  return (
    <Page
      title={cluster}
      heading={<Heading row={row} />}
      isFixed={tab !== 'connector' && tab !== 'nodes'}
    >
      <Notices row={row} />
      <Tabs
        label="Parts of the cluster"
        current={tab}
        tabs={[
          { id: 'workloads', label: 'Workloads', count: row.workloads },
          { id: 'nodes', label: 'Nodes' },
          { id: 'connector', label: 'Connector' },
        ]}
      />
      {tab === 'connector' && <Connector row={row} />}
      {tab === 'nodes' && <Nodes cluster={cluster} />}
      {tab !== 'connector' && tab !== 'nodes' && <Workloads cluster={cluster} />}
    </Page>
  );
}

function Heading({ row }: { row: ClusterPosture }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/clusters" search={keepEnvironment as never} className="quiet-link">
          Clusters
        </Link>{' '}
        /
      </nav>
      <div className={classes.title}>
        <Title order={1} fz={18}>
          {row.cluster}
        </Title>
        <StateMark row={row} />
        <SeverityStrip counts={row.counts} />
      </div>
      <div className={classes.facts}>
        <span>Kubernetes {row.status.kubernetes || 'unknown'}</span>
        <span>{plural(row.nodes, 'node')}</span>
        <span>{plural(row.namespaces, 'namespace')}</span>
        <span>{plural(row.pods, 'pod')}</span>
        <Link to="/findings" search={keepWith({ q: term('cluster', row.cluster) })}>
          its findings
        </Link>
        <Link to="/admission" search={keepWith({ cluster: row.cluster })}>
          what it was asked
        </Link>
        <Link to="/policies" search={keepWith({ cluster: row.cluster })}>
          its policies
        </Link>
      </div>
    </div>
  );
}

function Notices({ row }: { row: ClusterPosture }) {
  const problems = row.status.problems ?? [];
  return (
    <>
      {row.silent && (
        <Notice tone="bad" title="Nobody tells of this cluster any more">
          Its connector was last heard of <Time at={row.last_seen} />. What follows is how it stood
          then.
        </Notice>
      )}
      {problems.length > 0 && (
        <Notice tone="warn" title="Not everything is seen">
          {problems.map((each) => (
            <div key={`${each.about} ${each.message}`}>
              <b>{each.about}</b>: {each.message} {each.mend}
            </div>
          ))}
        </Notice>
      )}
    </>
  );
}

function Workloads({ cluster }: { cluster: string }) {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const query = useInfiniteQuery(
    clusters.workloads(cluster, {
      environment,
      ...(search.q ? { q: search.q } : {}),
      ...(search.ns ? { namespace: search.ns } : {}),
      ...(search.state === 'affected' ? { affected: true } : {}),
    }),
  );
  const isFiltered = Boolean(search.q || search.ns || search.state);
  return (
    <>
      <Toolbar label="Filter workloads">
        <SearchField
          label="Filter by name"
          placeholder="Name"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="More filters">
          <Chip
            isOn={search.state === 'affected'}
            onClick={() => set({ state: search.state === 'affected' ? undefined : 'affected' })}
          >
            Against a policy
          </Chip>
          {search.ns && (
            <Chip isOn onClick={() => set({ ns: undefined })}>
              {search.ns} ×
            </Chip>
          )}
        </Chips>
      </Toolbar>
      <List
        label="Workloads"
        noun="workload"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <b>{row.key.name}</b>
            <span className={classes.quiet}>
              {row.key.kind} in {row.key.namespace} · {count(row.violated)} of {count(row.judged)}{' '}
              policies against it
            </span>
            <SeverityStrip counts={row.counts} />
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/clusters/$cluster/workloads/$id',
            params: { cluster, id: row.id },
            search: keepEnvironment as never,
          })
        }
        minWidth={900}
        empty={
          isFiltered ? (
            <FilteredOut
              noun="workload"
              onClear={() => set({ q: undefined, state: undefined, ns: undefined })}
            />
          ) : (
            <NothingFound title="No workload is here">
              <p>Nothing in this cluster makes pods.</p>
            </NothingFound>
          )
        }
      />
    </>
  );
}

function Connector({ row }: { row: ClusterPosture }) {
  const { status } = row;
  return (
    <div className={classes.grid}>
      <Panel title="How it is">
        <Facts>
          <Fact term="Version">{status.version}</Fact>
          <Fact term="Since">
            <Time at={status.started} fallback="unknown" />
          </Fact>
          <Fact term="Objects">{count(status.objects ?? 0)}</Fact>
          <Fact term="Policies">{count(status.policies ?? 0)}</Fact>
          <Fact term="Waiting">
            {count(status.to_judge ?? 0)} to be judged, {count(status.to_send ?? 0)} to be sent
          </Fact>
          <Fact term="From change to verdict">
            {count(status.lag_ms ?? 0)} ms, the slowest of the last minute
          </Fact>
        </Facts>
      </Panel>
      <Panel title="What it watches" flush>
        <div className={classes.scroll}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">Resource</th>
                <th scope="col" className={classes.number}>
                  Objects
                </th>
                <th scope="col">Seen whole</th>
                <th scope="col" className={classes.number}>
                  Begun anew
                </th>
              </tr>
            </thead>
            <tbody>
              {(status.watches ?? []).map((each) => (
                <tr key={each.resource}>
                  <td>{each.resource}</td>
                  <td className={classes.number}>{count(each.objects ?? 0)}</td>
                  <td>{each.synced ? 'yes' : 'not yet'}</td>
                  <td className={classes.number}>{count(each.restarts ?? 0)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </div>
  );
}
