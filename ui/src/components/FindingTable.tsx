import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Finding, Page } from '../api/types';
import { count } from '../lib/format';
import type { Column, Ticks } from '../ui/DataTable';
import { Time } from '../ui/Time';
import classes from './FindingTable.module.css';
import { Go } from './Go';
import { List } from './List';
import { EpssMark, FixText, KevMark, KindMark, ProgressMark, StateMark } from './marks';
import { AssetLink, ImageLink, keepEnvironment, RuleLink } from './Names';
import { PriorityMark } from './Running';
import { SeverityMark } from './Severity';
import { useUrl } from './url';
import { KIND_NAME, tacticName } from './words';

const SEVERITY: Column<Finding> = {
  id: 'severity',
  header: 'Severity',
  width: '74px',
  sorts: ['severity'],
  cell: (row) => <SeverityMark severity={row.severity} />,
};
const VULNERABILITY: Column<Finding> = {
  id: 'vulnerability',
  header: 'Vulnerability',
  width: '168px',
  fixed: true,
  cell: (row) => (
    <span className={classes.id}>
      <RuleLink finding={row} />
      {row.kev && <KevMark />}
    </span>
  ),
};
const PACKAGE: Column<Finding> = {
  id: 'package',
  header: 'Package',
  width: 'minmax(100px, 1fr)',
  sorts: ['package'],
  cell: (row) => <span title={row.package?.purl}>{row.package?.name ?? '–'}</span>,
};
const INSTALLED: Column<Finding> = {
  id: 'installed',
  header: 'Installed',
  width: 'minmax(80px, 0.8fr)',
  cell: (row) => (
    <span className="mono" title={row.package?.version}>
      {row.package?.version ?? '–'}
    </span>
  ),
};
const FIXED: Column<Finding> = {
  id: 'fixed',
  header: 'Fixed in',
  width: 'minmax(84px, 0.9fr)',
  cell: (row) => (row.fix ? <FixText fix={row.fix} /> : '–'),
};
const EPSS: Column<Finding> = {
  id: 'epss',
  header: 'EPSS',
  name: 'Likelihood of exploitation (EPSS)',
  width: '58px',
  sorts: ['-epss'],
  align: 'right',
  cell: (row) => <EpssMark epss={row.epss} />,
};
const PRIORITY: Column<Finding> = {
  id: 'priority',
  header: 'Priority',
  name: 'How pressing it is',
  width: '76px',
  sorts: ['-priority'],
  cell: (row) => <PriorityMark value={row.priority} />,
};
const TITLE: Column<Finding> = {
  id: 'title',
  header: 'Title',
  width: 'minmax(90px, 2fr)',
  cell: (row) => <span title={row.title}>{row.title}</span>,
};
const LAYER: Column<Finding> = {
  id: 'layer',
  header: 'Layer',
  width: '48px',
  align: 'right',
  cell: (row) => row.package?.layer ?? '–',
};
const PACKAGE_KIND: Column<Finding> = {
  id: 'package_kind',
  header: 'Kind',
  width: '66px',
  cell: (row) => row.package && <KindMark kind={row.package.kind} />,
};
const SEEN: Column<Finding> = {
  id: 'first_seen',
  header: 'Since',
  name: 'First seen',
  width: '76px',
  sorts: ['-first_seen'],
  cell: (row) => <Time at={row.first_seen} />,
};
const LAST: Column<Finding> = {
  id: 'last_seen',
  header: 'Seen',
  name: 'Last seen',
  width: '84px',
  sorts: ['-last_seen'],
  cell: (row) => <Time at={row.last_seen} />,
};
const NAME: Column<Finding> = {
  id: 'name',
  header: 'Finding',
  width: 'minmax(200px, 2.2fr)',
  fixed: true,
  cell: (row) => <FindingName finding={row} />,
};
const SUMMARY: Column<Finding> = {
  id: 'summary',
  header: 'What was seen',
  width: 'minmax(130px, 1.3fr)',
  cell: (row) => (
    <span className={`${classes.summary} mono`} title={row.summary ?? ''}>
      {row.summary}
    </span>
  ),
};
const WHO: Column<Finding> = {
  id: 'who',
  header: 'Who',
  name: 'Who did it',
  width: 'minmax(90px, 0.9fr)',
  cell: (row) => {
    const who = row.alert?.principal;
    return who ? <span title={who.name}>{who.label}</span> : '–';
  },
};
const TACTIC: Column<Finding> = {
  id: 'tactic',
  header: 'Tactic',
  name: 'ATT&CK tactic',
  width: 'minmax(96px, 0.8fr)',
  cell: (row) => {
    const names = (row.tactics ?? []).map(tacticName);
    return <span title={names.join(', ')}>{names[0] ?? '–'}</span>;
  },
};
const CLUSTER: Column<Finding> = {
  id: 'cluster',
  header: 'Cluster or host',
  width: 'minmax(80px, 0.7fr)',
  cell: (row) => row.asset.cluster ?? '–',
};
const NAMESPACE: Column<Finding> = {
  id: 'namespace',
  header: 'Namespace',
  width: 'minmax(76px, 0.6fr)',
  cell: (row) => row.asset.namespace ?? '–',
};
const WORKLOAD: Column<Finding> = {
  id: 'workload',
  header: 'Workload',
  width: 'minmax(90px, 0.9fr)',
  cell: (row) => <AssetLink asset={row.asset} name={row.asset.workload ?? row.asset.name} />,
};
const WHERE: Column<Finding> = {
  id: 'where',
  header: 'Where',
  width: 'minmax(150px, 1.5fr)',
  cell: (row) => (
    <span className={classes.where} title={whereText(row)}>
      {row.asset.namespace && (
        <span className={classes.quiet}>
          {row.asset.cluster} / {row.asset.namespace} /{' '}
        </span>
      )}
      <AssetLink asset={row.asset} />
    </span>
  ),
};
const KIND: Column<Finding> = {
  id: 'kind',
  header: 'Kind',
  width: '112px',
  cell: (row) => KIND_NAME[row.kind],
};
const STATE: Column<Finding> = {
  id: 'state',
  header: 'Status',
  width: '92px',
  cell: (row) =>
    row.state === 'open' ? <ProgressMark finding={row} /> : <StateMark state={row.state} />,
};
const ASSIGNEE: Column<Finding> = {
  id: 'assignee',
  header: 'Assignee',
  width: '74px',
  cell: (row) => row.assignee ?? '–',
};

type Sort = 'image' | 'alert' | 'any' | 'place';
const SETS: Record<Sort, Column<Finding>[]> = {
  image: [
    SEVERITY,
    VULNERABILITY,
    PRIORITY,
    PACKAGE,
    INSTALLED,
    FIXED,
    EPSS,
    TITLE,
    PACKAGE_KIND,
    LAYER,
    STATE,
    SEEN,
  ],
  alert: [
    SEVERITY,
    { ...NAME, header: 'Alert' },
    SUMMARY,
    WHO,
    TACTIC,
    CLUSTER,
    NAMESPACE,
    WORKLOAD,
    STATE,
    ASSIGNEE,
    LAST,
  ],
  any: [SEVERITY, KIND, NAME, WHERE, PRIORITY, PACKAGE, FIXED, EPSS, STATE, ASSIGNEE, SEEN],
  // All of one rule: only the place tells them apart.
  place: [SEVERITY, { ...WHERE, fixed: true }, STATE, ASSIGNEE, SEEN],
};
/** What gives way to the pane, which says it anyway. */
const YIELDS: Record<Sort, string[]> = {
  image: ['title', 'first_seen', 'package_kind', 'layer', 'state'],
  alert: ['summary', 'who', 'cluster', 'assignee', 'state'],
  any: ['priority', 'package', 'fixed', 'epss', 'assignee', 'state'],
  place: [],
};
const BESIDE = Object.fromEntries(
  (Object.keys(SETS) as Sort[]).map((sort) => [
    sort,
    SETS[sort].filter((column) => !YIELDS[sort].includes(column.id)),
  ]),
) as Record<Sort, Column<Finding>[]>;
const WIDTH: Record<Sort, [alone: number, beside: number]> = {
  image: [1020, 690],
  alert: [1140, 620],
  any: [1120, 620],
  place: [480, 420],
};

export function whereText(finding: Finding): string {
  const { cluster, namespace, workload, name } = finding.asset;
  return [cluster, namespace, workload, name]
    .filter((part, index, all) => part && all.indexOf(part) === index)
    .join(' / ');
}

/** The name of a finding, as a link to all there is about it. */
export function FindingName({ finding }: { finding: Finding }) {
  const isVulnerability = finding.kind === 'vulnerability';
  return (
    <span className={classes.name}>
      <Go
        to={`/findings/${encodeURIComponent(finding.id)}`}
        className="quiet-link truncate"
        title={finding.title || finding.rule}
      >
        {isVulnerability && <span className={classes.rule}>{finding.rule}</span>}
        {isVulnerability && finding.title ? ' ' : ''}
        {isVulnerability ? finding.title : finding.title || finding.rule}
      </Go>
      {finding.kev && <KevMark />}
      {finding.occurrences > 1 && (
        <span className={classes.times} title={`Seen ${count(finding.occurrences)} times`}>
          ×{count(finding.occurrences)}
        </span>
      )}
    </span>
  );
}

function Card({ finding, sort }: { finding: Finding; sort: Sort }) {
  return (
    <div className={classes.card}>
      <div className={classes.cardHead}>
        <SeverityMark severity={finding.severity} />
        {sort === 'image' ? (
          <RuleLink finding={finding} />
        ) : (
          <span className={classes.quiet}>
            {sort === 'alert' ? tacticName(finding.tactics?.[0] ?? '') : KIND_NAME[finding.kind]}
          </span>
        )}
        {sort === 'image' && finding.kev && <KevMark />}
        <span className={classes.cardTime}>
          <Time at={finding.last_seen} />
        </span>
      </div>
      {sort === 'image' ? (
        <div className={classes.cardTitle}>{finding.title}</div>
      ) : (
        <FindingName finding={finding} />
      )}
      {finding.package && finding.fix && (
        <div>
          <b>{finding.package.name}</b> <span className="mono">{finding.package.version}</span>
          {' → '}
          <FixText fix={finding.fix} />
        </div>
      )}
      {sort !== 'image' &&
        (finding.image && finding.asset.kind === 'image' ? (
          <ImageLink image={finding.image} isShort />
        ) : (
          <span className={`${classes.quiet} truncate`}>{whereText(finding)}</span>
        ))}
    </div>
  );
}

/** Findings, one a row; the chosen one opens beside. */
export function FindingTable({
  query,
  empty,
  sort,
  noun = 'finding',
  label = 'Findings',
  hasPane = false,
  ticks,
}: {
  query: UseInfiniteQueryResult<InfiniteData<Page<Finding>>>;
  empty: ReactNode;
  /** Which of the columns matter here. */
  sort: Sort;
  noun?: string;
  label?: string;
  /** The pane is open, and takes its room from the less important columns. */
  hasPane?: boolean;
  ticks?: Ticks | undefined;
}) {
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const columns = hasPane ? BESIDE[sort] : SETS[sort];
  return (
    <List
      label={label}
      noun={noun}
      query={query}
      empty={empty}
      columns={columns}
      rowKey={(row) => row.id}
      card={(row) => <Card finding={row} sort={sort} />}
      sort={search.sort ?? 'severity'}
      onSort={(order) => set({ sort: order === 'severity' ? undefined : order })}
      selected={search.sel}
      onSelect={(sel) => set({ sel })}
      onOpen={(row) => set({ sel: row.id }, 'push')}
      onEnter={(row) =>
        navigate({
          to: '/findings/$id',
          params: { id: row.id },
          search: keepEnvironment as never,
        })
      }
      isMuted={(row) => row.state !== 'open' || (row.suppression ?? undefined) !== undefined}
      minWidth={WIDTH[sort][hasPane ? 1 : 0]}
      ticks={ticks}
    />
  );
}
