import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { detection, type Rule } from '../../api/detection';
import { CannotKnow, FilteredOut } from '../../components/Empty';
import { SeverityChips } from '../../components/FindingFilters';
import { Go } from '../../components/Go';
import { List } from '../../components/List';
import { keepEnvironment } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { SeverityMark } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { TACTICS, tacticName } from '../../components/words';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips, FilterMenu } from '../../ui/Filters';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import { OnMark, ORIGIN, SOURCES, sourceName } from './parts';
import classes from './rules.module.css';

const COLUMNS: Column<Rule>[] = [
  {
    id: 'severity',
    header: 'Severity',
    width: '74px',
    cell: (row) => <SeverityMark severity={row.severity} />,
  },
  {
    id: 'title',
    header: 'Rule',
    width: 'minmax(240px, 2.6fr)',
    fixed: true,
    cell: (row) => (
      <Go
        to={`/rules/${encodeURIComponent(row.id)}`}
        className={`quiet-link ${classes.title}`}
        title={`${row.title} (${[row.id, row.on_host].filter(Boolean).join(', on a host ')})`}
      >
        {row.title}
      </Go>
    ),
  },
  {
    id: 'source',
    header: 'Watches',
    width: '124px',
    cell: (row) => <span title={row.source}>{sourceName(row.source)}</span>,
  },
  {
    id: 'tactics',
    header: 'Tactic',
    width: 'minmax(110px, 1fr)',
    cell: (row) => {
      const names = row.tactics.map(tacticName);
      return <span title={names.join(', ')}>{names[0] ?? '–'}</span>;
    },
  },
  {
    id: 'techniques',
    header: 'Techniques',
    width: 'minmax(100px, 0.9fr)',
    cell: (row) => (
      <span title={[...row.techniques, ...row.matrix].join(', ')}>
        {row.techniques.join(', ') || '–'}
      </span>
    ),
  },
  {
    id: 'cases',
    header: 'Cases',
    name: 'Cases it is tested with',
    width: '54px',
    align: 'right',
    cell: (row) => (row.cases > 0 ? row.cases : '–'),
  },
  {
    id: 'hits',
    header: '30 days',
    name: 'Matches in 30 days',
    width: '66px',
    align: 'right',
    cell: (row) => count(row.hits),
  },
  {
    id: 'open',
    header: 'Open',
    name: 'Open alerts',
    width: '58px',
    align: 'right',
    cell: (row) =>
      row.open > 0 ? (
        <Go to="/alerts" search={{ q: term('rule', row.id) }}>
          {count(row.open)}
        </Go>
      ) : (
        0
      ),
  },
  {
    id: 'last',
    header: 'Last match',
    width: '90px',
    cell: (row) => <Time at={row.last_hit} fallback="never" />,
  },
  {
    id: 'enabled',
    header: 'Status',
    width: '84px',
    cell: (row) => <OnMark rule={row} />,
  },
];

/** What is watched for, how loud each is, and where it is switched off. */
export function RulesPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  // What people call it; the API's word is that of its events.
  const source = search.source === 'runtime' ? 'syscall' : search.source;
  const query = useInfiniteQuery(
    detection.rules({
      environment,
      ...(search.q ? { q: search.q } : {}),
      ...(search.severity ? { severity: search.severity } : {}),
      ...(source ? { source } : {}),
      ...(search.tactic ? { tactic: search.tactic } : {}),
      ...(search.technique ? { technique: search.technique } : {}),
      ...(search.state === 'off' ? { enabled: false } : {}),
    }),
  );
  const clear = () =>
    set(
      Object.fromEntries(
        ['q', 'severity', 'source', 'tactic', 'technique', 'state'].map((key) => [key, undefined]),
      ),
    );
  const isFiltered = Boolean(
    search.q || search.severity || source || search.tactic || search.technique || search.state,
  );
  return (
    <Page title="Rules" isFixed>
      <Toolbar label="Filter rules">
        <SearchField
          label="Filter by title, id or description"
          placeholder="Title, id or description"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <SeverityChips facets={undefined} />
        <Chips label="More filters">
          <FilterMenu
            label="Watches"
            choices={SOURCES.map(({ id, name }) => ({ value: id, label: name }))}
            chosen={source ? [source] : []}
            onToggle={(value) => set({ source: value === source ? undefined : value })}
          />
          <FilterMenu
            label="Tactic"
            choices={TACTICS.map(({ slug, name }) => ({ value: slug, label: name }))}
            chosen={search.tactic ? [search.tactic] : []}
            onToggle={(value) => set({ tactic: value === search.tactic ? undefined : value })}
          />
          <Chip
            isOn={search.state === 'off'}
            onClick={() => set({ state: search.state === 'off' ? undefined : 'off' })}
          >
            Switched off
          </Chip>
          {search.technique && (
            <Chip isOn onClick={() => set({ technique: undefined })}>
              {search.technique} ×
            </Chip>
          )}
        </Chips>
      </Toolbar>
      <List
        label="Rules"
        noun="rule"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <span>
              <SeverityMark severity={row.severity} /> <b>{row.title}</b>
            </span>
            <span className={classes.quiet}>
              {sourceName(row.source)} · {ORIGIN[row.origin]} ·{' '}
              {plural(row.hits, 'match', 'matches')} in 30 days
            </span>
            <OnMark rule={row} />
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/rules/$id',
            params: { id: row.id },
            search: keepEnvironment as never,
          })
        }
        isMuted={(row) => !row.enabled}
        minWidth={1020}
        empty={
          isFiltered ? (
            <FilteredOut noun="rule" onClear={clear} />
          ) : (
            <CannotKnow title="No rule is loaded">
              <p>Without rules nothing is detected.</p>
            </CannotKnow>
          )
        }
      />
    </Page>
  );
}
