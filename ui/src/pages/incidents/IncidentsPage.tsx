import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { detection, type Incident, type IncidentState } from '../../api/detection';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { SeverityChips } from '../../components/FindingFilters';
import { Go } from '../../components/Go';
import { List } from '../../components/List';
import { keepEnvironment } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { SeverityMark } from '../../components/Severity';
import { useScope, useUrl } from '../../components/url';
import { tacticName } from '../../components/words';
import { plural } from '../../lib/format';
import { list, toggle } from '../../lib/url-state';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import classes from './incidents.module.css';
import { IncidentStateMark, STATE_WORD } from './parts';

const STATES: readonly IncidentState[] = ['open', 'acknowledged', 'closed'];

const COLUMNS: Column<Incident>[] = [
  {
    id: 'severity',
    header: 'Severity',
    width: '74px',
    sorts: ['severity'],
    cell: (row) => <SeverityMark severity={row.severity} />,
  },
  {
    id: 'title',
    header: 'Incident',
    width: 'minmax(220px, 2.4fr)',
    fixed: true,
    cell: (row) => (
      <Go
        to={`/incidents/${encodeURIComponent(row.id)}`}
        className={`quiet-link ${classes.title}`}
        title={row.title}
      >
        {row.title}
      </Go>
    ),
  },
  {
    id: 'alerts',
    header: 'Alerts',
    width: '60px',
    align: 'right',
    cell: (row) => row.alerts,
  },
  {
    id: 'tactics',
    header: 'Kill chain',
    width: 'minmax(150px, 1.4fr)',
    cell: (row) => {
      const names = row.tactics.map(tacticName).join(' → ');
      return <span title={names}>{names || '–'}</span>;
    },
  },
  {
    id: 'who',
    header: 'Who',
    width: 'minmax(110px, 1fr)',
    cell: (row) => {
      const names = row.principals.map((each) => each.label).join(', ');
      return <span title={names}>{names || '–'}</span>;
    },
  },
  {
    id: 'cluster',
    header: 'Cluster',
    width: 'minmax(80px, 0.7fr)',
    cell: (row) => row.cluster ?? '–',
  },
  {
    id: 'state',
    header: 'Status',
    width: '104px',
    cell: (row) => <IncidentStateMark state={row.state} />,
  },
  { id: 'assignee', header: 'Assignee', width: '80px', cell: (row) => row.assignee ?? '–' },
  {
    id: 'last_seen',
    header: 'Seen',
    name: 'Last seen',
    width: '84px',
    sorts: ['-last_seen'],
    cell: (row) => <Time at={row.last_seen} />,
  },
];

/** Alerts that belong together: what one attack left, as one thing to do. */
export function IncidentsPage() {
  const scope = useScope();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const states = list(search.state, STATES);
  const sort = search.sort === '-last_seen' ? search.sort : 'severity';
  const query = useInfiniteQuery(
    detection.incidents({
      environment: scope.environment,
      ...(scope.cluster ? { cluster: scope.cluster } : {}),
      ...(states.length > 0 ? { state: states.join(',') } : {}),
      ...(search.severity ? { severity: search.severity } : {}),
      ...(search.q ? { q: search.q } : {}),
      sort,
    }),
  );
  const { data: counts } = useQuery(detection.incidentCounts(scope.environment));
  const isFiltered = Boolean(search.q || search.severity || states.length > 0 || scope.cluster);
  return (
    <Page title="Incidents" isFixed isNarrowed>
      <Toolbar label="Filter incidents">
        <SearchField
          label="Filter by title, principal or workload"
          placeholder="Title, principal or workload"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <SeverityChips facets={undefined} />
        <Chips label="Status">
          {STATES.map((state) => (
            <Chip
              key={state}
              isOn={states.length === 0 ? state !== 'closed' : states.includes(state)}
              onClick={() =>
                set({
                  state: toggle(search.state ?? 'open,acknowledged', state, STATES),
                })
              }
            >
              {STATE_WORD[state]}
              {counts && <span className="tabular">{counts[state as 'open']}</span>}
            </Chip>
          ))}
        </Chips>
      </Toolbar>
      <List
        label="Incidents"
        noun="incident"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <span>
              <SeverityMark severity={row.severity} /> <b>{row.title}</b>
            </span>
            <span className={classes.quiet}>
              {plural(row.alerts, 'alert')} · {row.tactics.map(tacticName).join(' → ')} ·{' '}
              <Time at={row.last_seen} />
            </span>
          </div>
        )}
        sort={sort}
        onSort={(order) => set({ sort: order === 'severity' ? undefined : order })}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/incidents/$id',
            params: { id: row.id },
            search: keepEnvironment as never,
          })
        }
        isMuted={(row) => row.state === 'closed' || row.state === 'merged'}
        minWidth={980}
        empty={
          isFiltered ? (
            <FilteredOut
              noun="incident"
              onClear={() =>
                set({ q: undefined, severity: undefined, state: undefined, cluster: undefined })
              }
            />
          ) : (
            <NothingFound title="No open incidents">
              <p>
                Alerts of one principal, one workload or one address within an hour become an
                incident, where one of them is medium or worse.
              </p>
            </NothingFound>
          )
        }
      />
    </Page>
  );
}
