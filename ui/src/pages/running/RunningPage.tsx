// What really runs: images joined with the containers of clusters and
// hosts; those never scanned among them, with the reason.

import { Button } from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useStartScan } from '../../api/actions';
import { type RunningFilters, type RunningImage, running } from '../../api/running';
import { FilteredOut } from '../../components/Empty';
import { FlagChip } from '../../components/FindingFilters';
import { Go } from '../../components/Go';
import { List, Waiting } from '../../components/List';
import { KevMark } from '../../components/marks';
import { DigestText, ImageLink, ImageText } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import {
  Owner,
  PackagesUse,
  PriorityMark,
  REACH,
  ReachMark,
  WorkloadPlace,
} from '../../components/Running';
import { SeverityStrip } from '../../components/Severity';
import { type Scope, useScope, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Blank } from '../../ui/Blank';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { Notice } from '../../ui/Notice';
import { Pane, PaneSection } from '../../ui/Pane';
import { Fact, Facts } from '../../ui/Panel';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import { Containers, UseFacts, Workloads } from './parts';
import classes from './running.module.css';

const KEYS = ['q', 'scanned', 'fixable', 'vulnerability'] as const;

function Name({ row }: { row: RunningImage }) {
  return (
    <span className={classes.name}>
      {row.image ? (
        <ImageLink image={row.image} isShort />
      ) : (
        <span className="truncate" title={row.name}>
          <ImageText name={row.name} isShort />
        </span>
      )}
      {row.kev > 0 && <KevMark />}
    </span>
  );
}

const COLUMNS: Column<RunningImage>[] = [
  {
    id: 'name',
    header: 'Image',
    width: 'minmax(150px, 2fr)',
    fixed: true,
    cell: (row) => <Name row={row} />,
  },
  {
    id: 'priority',
    header: 'Priority',
    name: 'Its highest priority',
    width: '76px',
    cell: (row) => (row.scanned ? <PriorityMark value={row.priority} /> : '–'),
  },
  {
    id: 'findings',
    header: 'Findings',
    width: '194px',
    cell: (row) =>
      row.scanned ? (
        <SeverityStrip counts={row.counts} />
      ) : (
        <span className={classes.unscanned} title={row.not_scanned}>
          Never scanned: {row.not_scanned}
        </span>
      ),
  },
  {
    id: 'fixable',
    header: 'Fixable',
    width: '58px',
    align: 'right',
    cell: (row) => (row.scanned ? count(row.fixable) : '–'),
  },
  {
    id: 'use',
    header: 'In use',
    name: 'Packages in use',
    width: '76px',
    align: 'right',
    cell: (row) => <PackagesUse packages={row.packages} />,
  },
  {
    id: 'reach',
    header: 'Reached',
    name: 'Who can reach it',
    width: '72px',
    cell: (row) => <ReachMark exposure={row.exposure} />,
  },
  {
    id: 'containers',
    header: 'Containers',
    width: '78px',
    align: 'right',
    cell: (row) => count(row.containers),
  },
  {
    id: 'where',
    header: 'Where',
    name: 'What runs it',
    width: 'minmax(150px, 1.9fr)',
    cell: (row) => {
      const [first] = row.workloads;
      const more = row.workload_count - 1;
      if (!first) return '–';
      return (
        <span className={classes.where}>
          <WorkloadPlace workload={first} />
          {more > 0 && <span className={classes.more}>+{count(more)}</span>}
        </span>
      );
    },
  },
  {
    id: 'owner',
    header: 'Owner',
    width: 'minmax(66px, 0.7fr)',
    cell: (row) => {
      const [first] = row.workloads;
      return first ? <Owner workload={first} /> : '–';
    },
  },
  {
    id: 'scanned',
    header: 'Scanned',
    width: '84px',
    cell: (row) => <Time at={row.last_scanned} fallback="never" />,
  },
];
/** What gives way to the pane, which says it anyway. */
const BESIDE = COLUMNS.filter(
  (column) => !['fixable', 'use', 'reach', 'where', 'owner', 'scanned'].includes(column.id),
);

function filtersOf(search: Partial<Record<string, string>>, scope: Scope): RunningFilters {
  const { environment, cluster, ns } = scope;
  return {
    environment,
    cluster,
    namespace: ns,
    image: search.q,
    vulnerability: search.vulnerability,
    scanned: search.scanned === undefined ? undefined : search.scanned === 'true',
    fixable: search.fixable === 'true' ? true : undefined,
  };
}

export function RunningPage() {
  const scope = useScope();
  const [search, set] = useUrl();
  const query = useInfiniteQuery(running.all(filtersOf(search, scope)));
  const isFiltered = KEYS.some((key) => search[key] !== undefined) || scope.q !== '';
  const clear = () =>
    set({
      ...Object.fromEntries(KEYS.map((key) => [key, undefined])),
      cluster: undefined,
      ns: undefined,
    });
  const chosen = query.data?.pages
    .flatMap((page) => page.items)
    .find((row) => row.id === search.sel);
  return (
    <Page
      title="What runs"
      isFixed
      isNarrowed
      pane={
        chosen && (
          <RunningPane key={chosen.id} row={chosen} onClose={() => set({ sel: undefined })} />
        )
      }
    >
      <Toolbar label="Filter what runs">
        <SearchField
          label="Filter by name or digest"
          placeholder="Name or digest"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="Scanned">
          {[
            ['true', 'Scanned'],
            ['false', 'Never scanned'],
          ].map(([value, label]) => (
            <Chip
              key={value}
              isOn={search.scanned === value}
              onClick={() => set({ scanned: search.scanned === value ? undefined : value })}
            >
              {label}
            </Chip>
          ))}
        </Chips>
        <Chips label="More filters">
          <FlagChip name="fixable" label="Fixable" />
          {search.vulnerability && (
            <Chip isOn onClick={() => set({ vulnerability: undefined })}>
              {search.vulnerability} ×
            </Chip>
          )}
        </Chips>
      </Toolbar>
      <List
        label="What runs"
        noun="image"
        query={query}
        columns={chosen ? BESIDE : COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => <Card row={row} />}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) => set({ sel: row.id }, 'push')}
        minWidth={chosen ? 560 : 1140}
        empty={isFiltered ? <FilteredOut noun="running image" onClear={clear} /> : <NothingRuns />}
      />
    </Page>
  );
}

function Card({ row }: { row: RunningImage }) {
  return (
    <div className={classes.card}>
      <Name row={row} />
      {row.scanned ? (
        <div className={classes.cardRow}>
          <PriorityMark value={row.priority} />
          <SeverityStrip counts={row.counts} />
        </div>
      ) : (
        <span className={classes.unscanned}>Never scanned: {row.not_scanned}</span>
      )}
      <div className={classes.quiet}>
        {plural(row.containers, 'container')} in {plural(row.workload_count, 'workload')} · reached:{' '}
        {REACH[row.exposure.reach].word.toLowerCase()}
      </div>
    </div>
  );
}

function RunningPane({ row, onClose }: { row: RunningImage; onClose: () => void }) {
  const { data, error } = useQuery(running.one(row.id, row.environment));
  return (
    <Pane label="What runs" title={<ImageText name={row.name} isShort />} onClose={onClose}>
      <div className={classes.paneHead}>
        {row.image && <ImageLink image={row.image} />}
        {row.digest && <DigestText digest={row.digest} />}
      </div>
      {row.not_scanned && (
        <Notice tone="warn" title="It was never scanned" action={<ScanIt name={row.name} />}>
          {row.not_scanned}
        </Notice>
      )}
      {row.scanned && (
        <PaneSection title="How it stands">
          <Facts>
            <Fact term="Priority">
              <PriorityMark value={row.priority} />
            </Fact>
            <Fact term="Findings">
              <SeverityStrip counts={row.counts} />
            </Fact>
            <Fact term="Fixable">
              {row.image && row.fixable > 0 ? (
                <Go to={`/images/${encodeURIComponent(row.image.id)}`} search={{ fixable: 'true' }}>
                  {plural(row.fixable, 'finding')}
                </Go>
              ) : (
                'nothing'
              )}
            </Fact>
            <Fact term="Exploited">
              {row.image && row.kev > 0 ? (
                <Go to={`/images/${encodeURIComponent(row.image.id)}`} search={{ kev: 'true' }}>
                  {plural(row.kev, 'finding')}
                </Go>
              ) : (
                'nothing known'
              )}
            </Fact>
            <Fact term="Scanned">
              <Time at={row.last_scanned} />
            </Fact>
          </Facts>
        </PaneSection>
      )}
      <PaneSection title="Who reaches it">
        <Facts>
          <Fact term={REACH[row.exposure.reach].word}>{REACH[row.exposure.reach].doc}</Fact>
          {row.exposure.by && (
            <Fact term="By">
              <code>{row.exposure.by}</code>
            </Fact>
          )}
        </Facts>
      </PaneSection>
      {row.scanned && (
        <PaneSection title="Its packages">
          <UseFacts row={row} />
        </PaneSection>
      )}
      {error && <ProblemNotice problem={error} title="What runs it could not be fetched" />}
      {!data && !error && <Waiting label="what runs it" rows={4} />}
      {data && (
        <>
          <PaneSection title={plural(data.workload_count, 'workload')}>
            <Workloads rows={data.all_workloads} />
          </PaneSection>
          <PaneSection title={plural(data.containers, 'container')}>
            <Containers rows={data.all_containers} />
          </PaneSection>
        </>
      )}
    </Pane>
  );
}

/** Has an image scanned that nobody scanned yet. */
function ScanIt({ name }: { name: string }) {
  const { scan: whyNot } = usePermissions();
  const scan = useStartScan();
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        loading={scan.isPending}
        disabled={whyNot !== undefined || scan.isSuccess}
        title={whyNot}
        onClick={() => scan.mutate({ target: name })}
      >
        {scan.isSuccess ? 'Its scan waits' : 'Scan it'}
      </Button>
      {scan.error && <ProblemNotice problem={scan.error} title="The scan was not started" />}
    </>
  );
}

function NothingRuns() {
  return (
    <Blank
      icon={<IconPlayerPlay size={32} stroke={1.4} aria-hidden />}
      title="Nothing is known to run"
    >
      <p>
        Containers are known from this machine’s Docker Engine, from{' '}
        <Go to="/hosts">Docker hosts</Go> the server looks after, and from{' '}
        <Go to="/clusters">clusters</Go> with a connector. Connect one, and its images stand here,
        scanned or with the reason why not.
      </p>
    </Blank>
  );
}
