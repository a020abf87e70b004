import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Finding, Page } from '../api/types';
import type { Column } from '../ui/DataTable';
import { Time } from '../ui/Time';
import classes from './FindingTable.module.css';
import { List } from './List';
import { EpssMark, FixText, KevMark, KindMark } from './marks';
import { ImageLink, VulnerabilityLink } from './Names';
import { SeverityMark } from './Severity';
import { useUrl } from './url';

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
  width: '178px',
  fixed: true,
  cell: (row) => (
    <span className={classes.id}>
      <VulnerabilityLink id={row.vulnerability} />
      {row.kev && <KevMark />}
    </span>
  ),
};
const PACKAGE: Column<Finding> = {
  id: 'package',
  header: 'Package',
  width: 'minmax(120px, 1.1fr)',
  sorts: ['package'],
  cell: (row) => <span title={row.package.purl}>{row.package.name}</span>,
};
const INSTALLED: Column<Finding> = {
  id: 'installed',
  header: 'Installed',
  width: 'minmax(90px, 0.8fr)',
  cell: (row) => (
    <span className="mono" title={row.package.version}>
      {row.package.version}
    </span>
  ),
};
const FIXED: Column<Finding> = {
  id: 'fixed',
  header: 'Fixed in',
  width: 'minmax(100px, 0.9fr)',
  cell: (row) => <FixText fix={row.fix} />,
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
const TITLE: Column<Finding> = {
  id: 'title',
  header: 'Title',
  width: 'minmax(140px, 2fr)',
  cell: (row) => <span title={row.title}>{row.title}</span>,
};
const LAYER: Column<Finding> = {
  id: 'layer',
  header: 'Layer',
  width: '48px',
  align: 'right',
  cell: (row) => row.package.layer ?? '–',
};
const KIND: Column<Finding> = {
  id: 'kind',
  header: 'Kind',
  width: '66px',
  cell: (row) => <KindMark kind={row.package.kind} />,
};
const IMAGE: Column<Finding> = {
  id: 'image',
  header: 'Image',
  width: 'minmax(150px, 1.5fr)',
  cell: (row) => <ImageLink image={row.image} isShort />,
};
const SEEN: Column<Finding> = {
  id: 'first_seen',
  header: 'Since',
  name: 'First seen',
  width: '76px',
  sorts: ['-first_seen'],
  cell: (row) => <Time at={row.first_seen} />,
};

const IN_IMAGE = [
  SEVERITY,
  VULNERABILITY,
  PACKAGE,
  INSTALLED,
  FIXED,
  EPSS,
  TITLE,
  KIND,
  LAYER,
  SEEN,
];
const EVERYWHERE = [
  SEVERITY,
  VULNERABILITY,
  PACKAGE,
  INSTALLED,
  FIXED,
  EPSS,
  IMAGE,
  TITLE,
  KIND,
  SEEN,
];

function Card({ finding, isEverywhere }: { finding: Finding; isEverywhere: boolean }) {
  return (
    <div className={classes.card}>
      <div className={classes.cardHead}>
        <SeverityMark severity={finding.severity} />
        <VulnerabilityLink id={finding.vulnerability} />
        {finding.kev && <KevMark />}
      </div>
      <div>
        <b>{finding.package.name}</b> <span className="mono">{finding.package.version}</span>
        {' → '}
        <FixText fix={finding.fix} />
      </div>
      {finding.title && <div className={classes.cardTitle}>{finding.title}</div>}
      {isEverywhere && <ImageLink image={finding.image} />}
    </div>
  );
}

/** Findings, one a row; the chosen one opens beside. */
export function FindingTable({
  query,
  empty,
  isEverywhere = false,
  hasPane = false,
}: {
  query: UseInfiniteQueryResult<InfiniteData<Page<Finding>>>;
  empty: ReactNode;
  isEverywhere?: boolean;
  /** The pane is open, and takes its room from the less important columns. */
  hasPane?: boolean;
}) {
  const [search, set] = useUrl();
  const all = isEverywhere ? EVERYWHERE : IN_IMAGE;
  const columns = hasPane
    ? all.filter(
        (column) =>
          ![
            'title',
            'first_seen',
            'kind',
            'layer',
            ...(isEverywhere ? ['epss', 'installed'] : []),
          ].includes(column.id),
      )
    : all;
  return (
    <List
      label="Findings"
      noun="finding"
      query={query}
      empty={empty}
      columns={columns}
      rowKey={(row) => row.id}
      card={(row) => <Card finding={row} isEverywhere={isEverywhere} />}
      sort={search.sort ?? 'severity'}
      onSort={(sort) => set({ sort: sort === 'severity' ? undefined : sort })}
      selected={search.sel}
      onSelect={(sel) => set({ sel })}
      onOpen={(row) => set({ sel: row.id }, 'push')}
      isMuted={(row) => row.suppression !== undefined && row.suppression !== null}
      minWidth={hasPane ? 620 : 900}
    />
  );
}
