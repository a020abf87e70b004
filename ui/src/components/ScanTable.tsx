import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Page, Scan } from '../api/types';
import { percent, plural } from '../lib/format';
import { duration } from '../lib/time';
import type { Column } from '../ui/DataTable';
import { Time } from '../ui/Time';
import { Go } from './Go';
import { List } from './List';
import { PartialMark } from './marks';
import { ImageLink, ImageText } from './Names';
import { progressShare } from './ScanProgress';
import { ScanStateMark } from './ScanStateMark';
import classes from './ScanTable.module.css';
import { SeverityStrip } from './Severity';
import { useUrl } from './url';

export const TRIGGER: Record<Scan['trigger'], string> = {
  user: 'Asked for',
  start: 'Found at start',
  schedule: 'Due',
  demo: 'Demonstration',
  push: 'Pushed',
  import: 'Copied in',
  recent_pull: 'Used lately',
  running: 'Runs',
  admission: 'Asked to run',
  advisory: 'Advisories changed',
  ci: 'Read by a pipeline',
};

export const TRIGGERS = Object.keys(TRIGGER) as Scan['trigger'][];

/** Since when it waits; or how often it failed, and when it is tried again. */
export function Waits({ scan }: { scan: Scan }) {
  const tried = plural(scan.attempts ?? 0, 'time');
  return (
    <span className={classes.quiet}>
      {scan.next_try ? (
        <span title={scan.error?.message}>
          failed {tried}, again <Time at={scan.next_try} />
        </span>
      ) : (
        <>
          waiting since <Time at={scan.created} />
        </>
      )}
    </span>
  );
}

export function ScanName({ scan }: { scan: Scan }) {
  if (scan.image) return <ImageLink image={scan.image} />;
  return (
    <span className={`${classes.name} truncate`} title={scan.target}>
      <ImageText name={scan.name} />
    </span>
  );
}

/** "+3 −1": what a look found that the look before had not, and lost. */
export function Movement({ scan }: { scan: Scan }) {
  const { outcome } = scan;
  if (!outcome) return <span>–</span>;
  if (outcome.new === 0 && outcome.resolved === 0)
    return <span className={classes.quiet}>no change</span>;
  return (
    <span
      className="tabular"
      title={`${plural(outcome.new, 'new finding')}, ${outcome.resolved} resolved`}
    >
      {outcome.new > 0 && <span className={classes.new}>+{outcome.new}</span>}{' '}
      {outcome.resolved > 0 && <span className={classes.gone}>−{outcome.resolved}</span>}
    </span>
  );
}

const took = (scan: Scan) =>
  scan.started && scan.finished ? duration(scan.started, scan.finished) : '–';

const COLUMNS: Column<Scan>[] = [
  {
    id: 'state',
    header: 'State',
    width: '92px',
    fixed: true,
    cell: (row) => <ScanStateMark state={row.state} />,
  },
  {
    id: 'name',
    header: 'What',
    width: 'minmax(200px, 2fr)',
    cell: (row) => <ScanName scan={row} />,
  },
  {
    id: 'findings',
    header: 'Findings',
    width: '194px',
    cell: (row) =>
      row.outcome ? (
        <SeverityStrip counts={row.outcome.counts} />
      ) : row.error ? (
        <span className={classes.error} title={row.error.message}>
          {row.error.message}
        </span>
      ) : (
        '–'
      ),
  },
  { id: 'change', header: 'Change', width: '92px', cell: (row) => <Movement scan={row} /> },
  {
    id: 'packages',
    header: 'Packages',
    width: '150px',
    cell: (row) =>
      row.outcome ? (
        <>
          {row.outcome.packages} <PartialMark warnings={row.outcome.warnings} />
        </>
      ) : (
        '–'
      ),
  },
  { id: 'trigger', header: 'Why', width: '124px', cell: (row) => TRIGGER[row.trigger] },
  { id: 'took', header: 'Took', width: '74px', align: 'right', cell: took },
  {
    id: 'finished',
    header: 'When',
    width: '86px',
    cell: (row) => <Time at={row.finished ?? row.created} />,
  },
];

const ofKind = (...ids: string[]) => COLUMNS.filter((column) => ids.includes(column.id));

const REGISTRY: Column<Scan> = {
  id: 'registry',
  header: 'Registry',
  width: 'minmax(90px, 0.7fr)',
  cell: (row) =>
    row.registry ? (
      <Go to={`/registries/${encodeURIComponent(row.registry.id)}`}>{row.registry.name}</Go>
    ) : (
      '–'
    ),
};

const FAILURE: Column<Scan> = {
  id: 'error',
  header: 'Last failure',
  width: 'minmax(160px, 1.6fr)',
  cell: (row) =>
    row.error ? (
      <span className={`${classes.error} truncate`} title={row.error.message}>
        {row.error.message}
      </span>
    ) : (
      '–'
    ),
};

/** What waits, in the order it is taken. */
const QUEUE: Column<Scan>[] = [
  ...ofKind('state', 'name', 'trigger'),
  REGISTRY,
  {
    id: 'how',
    header: 'How it stands',
    width: '180px',
    cell: (row) =>
      row.state === 'running' ? `${percent(progressShare(row))} read` : <Waits scan={row} />,
  },
  FAILURE,
];

/** What failed for good, and why. */
const GIVEN_UP: Column<Scan>[] = [
  ...ofKind('name').map((column) => ({ ...column, fixed: true })),
  FAILURE,
  {
    id: 'attempts',
    header: 'Tries',
    width: '56px',
    align: 'right',
    cell: (row) => row.attempts ?? '–',
  },
  ...ofKind('trigger'),
  REGISTRY,
  ...ofKind('finished'),
];

const LISTS = { finished: COLUMNS, queue: QUEUE, 'given-up': GIVEN_UP };

export function ScanTable({
  query,
  empty,
  isOfOneImage = false,
  lists = 'finished',
  hasPane = false,
  onOpen,
}: {
  query: UseInfiniteQueryResult<InfiniteData<Page<Scan>>>;
  empty: ReactNode;
  isOfOneImage?: boolean;
  /** What is listed: what is over, what is not, or what failed for good. */
  lists?: keyof typeof LISTS;
  /** The pane is open, and says the rest. */
  hasPane?: boolean;
  onOpen?: (scan: Scan) => void;
}) {
  const [search, set] = useUrl();
  const left = isOfOneImage
    ? ['name']
    : hasPane
      ? ['change', 'packages', 'trigger', 'took', 'registry', 'error', 'attempts']
      : [];
  return (
    <List
      label="Scans"
      noun="scan"
      query={query}
      empty={empty}
      columns={LISTS[lists].filter((column) => !left.includes(column.id))}
      rowKey={(row) => row.id}
      card={(row) => (
        <div className={classes.card}>
          <ScanName scan={row} />
          <div className={classes.row}>
            <ScanStateMark state={row.state} />
            {row.outcome && <SeverityStrip counts={row.outcome.counts} />}
          </div>
          {row.error && <div className={classes.error}>{row.error.message}</div>}
          <div className={classes.quiet}>
            {TRIGGER[row.trigger]} ·{' '}
            {row.state === 'queued' ? (
              <Waits scan={row} />
            ) : (
              <>
                <Time at={row.finished ?? row.created} /> · took {took(row)}
              </>
            )}
          </div>
        </div>
      )}
      minWidth={hasPane ? 560 : isOfOneImage ? 700 : 940}
      {...(onOpen
        ? { selected: search.sel, onSelect: (sel: string | undefined) => set({ sel }), onOpen }
        : {})}
    />
  );
}
