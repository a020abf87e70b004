import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { Recommendation, RecommendationState } from '../../api/types';
import { CannotKnow, FilteredOut, NotConnected, NothingFound } from '../../components/Empty';
import { SeverityChips } from '../../components/FindingFilters';
import { EffortMark } from '../../components/marks';
import { keepEnvironment, keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { Rows } from '../../components/Rows';
import { SeverityMark } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { SEVERITIES } from '../../lib/severity';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { SearchField } from '../../ui/SearchField';
import { Share } from '../../ui/Share';
import { Time } from '../../ui/Time';
import classes from './recommendations.module.css';
import { ScorePanel } from './ScorePanel';

const STATES: { id: string; label: string }[] = [
  { id: 'open', label: 'Open' },
  { id: 'healthy', label: 'Healthy' },
  { id: 'not_applicable', label: 'Nothing to look at' },
  { id: 'all', label: 'All' },
];
export const STATE_WORD: Record<RecommendationState, string> = {
  open: 'Open',
  healthy: 'Healthy',
  not_applicable: 'Nothing to look at',
};
const ORDERS: Record<string, (a: Recommendation, b: Recommendation) => number> = {
  '-gain': (a, b) => b.gain - a.gain,
  severity: (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
  '-affected': (a, b) => b.affected - a.affected,
  effort: (a, b) => EFFORTS.indexOf(a.effort) - EFFORTS.indexOf(b.effort),
};
const EFFORTS = ['low', 'moderate', 'high'];

/** How far a recommendation is met, as a bar whose number leads to the rest. */
export function Affected({ row }: { row: Recommendation }) {
  return (
    <Share
      part={row.affected}
      rest={row.exempted}
      of={row.assessed}
      label={`${row.affected} of ${row.assessed} affected, ${row.exempted} exempted or dismissed`}
    >
      <Link
        to="/findings"
        search={keepWith({ q: term('rule', row.id) })}
        aria-label={`${plural(row.affected, 'affected asset')} of ${row.title}`}
      >
        {count(row.affected)}
      </Link>{' '}
      of {count(row.assessed)}
    </Share>
  );
}

const COLUMNS: Column<Recommendation>[] = [
  {
    id: 'gain',
    header: 'Points',
    name: 'Points to gain',
    width: '64px',
    align: 'right',
    sorts: ['-gain'],
    cell: (row) => (
      <span className={classes.gain} title={`of ${row.weight} at most`}>
        {row.gain > 0 ? `+${row.gain.toFixed(1)}` : '0.0'}
      </span>
    ),
  },
  {
    id: 'severity',
    header: 'Severity',
    width: '74px',
    sorts: ['severity'],
    cell: (row) => <SeverityMark severity={row.severity} />,
  },
  {
    id: 'title',
    header: 'Recommendation',
    width: 'minmax(240px, 2.4fr)',
    fixed: true,
    cell: (row) => (
      <Link
        to="/recommendations/$id"
        params={{ id: row.id } as never}
        search={keepEnvironment as never}
        className={`quiet-link ${classes.title}`}
        title={row.title}
      >
        {row.title}
      </Link>
    ),
  },
  {
    id: 'affected',
    header: 'Affected',
    width: 'minmax(150px, 1fr)',
    sorts: ['-affected'],
    cell: (row) => <Affected row={row} />,
  },
  {
    id: 'effort',
    header: 'Effort',
    width: '92px',
    sorts: ['effort'],
    cell: (row) => <EffortMark effort={row.effort} />,
  },
  {
    id: 'controls',
    header: 'Controls',
    width: 'minmax(110px, 1fr)',
    cell: (row) => <span title={row.controls.join(', ')}>{row.controls.join(', ') || '–'}</span>,
  },
  {
    id: 'first_seen',
    header: 'Since',
    width: '76px',
    cell: (row) => <Time at={row.first_seen} />,
  },
  {
    id: 'checked',
    header: 'Checked',
    width: '84px',
    cell: (row) => <Time at={row.last_checked} />,
  },
];

export function RecommendationsPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const state = search.state ?? 'open';
  const query = useQuery(
    queries.recommendations({
      environment,
      q: search.q,
      severity: search.severity,
      state: STATES.some((each) => each.id === state) ? state : 'open',
    }),
  );
  const { data: environments } = useQuery(queries.environments());
  const images = environments?.find((each) => each.id === environment)?.images ?? 0;
  const isFiltered = search.q !== undefined || search.severity !== undefined;
  const sort = search.sort && ORDERS[search.sort] ? search.sort : '-gain';
  return (
    <Page title="Recommendations" isFixed>
      <ScorePanel />
      <Toolbar label="Filter recommendations">
        <SearchField
          label="Filter by title or id"
          placeholder="Title or id"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <SeverityChips facets={undefined} />
        <Chips label="State">
          {STATES.map((each) => (
            <Chip
              key={each.id}
              isOn={state === each.id}
              onClick={() => set({ state: each.id === 'open' ? undefined : each.id })}
            >
              {each.label}
            </Chip>
          ))}
        </Chips>
      </Toolbar>
      <Rows
        label="Recommendations"
        noun="recommendation"
        query={query}
        rows={(list) => [...list].sort(ORDERS[sort])}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <div className={classes.cardRow}>
              <SeverityMark severity={row.severity} />
              <span className={classes.gain}>+{row.gain.toFixed(1)} points</span>
              <EffortMark effort={row.effort} />
            </div>
            <b>{row.title}</b>
            <Affected row={row} />
          </div>
        )}
        sort={sort}
        onSort={(next) => set({ sort: next === '-gain' ? undefined : next })}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/recommendations/$id',
            params: { id: row.id },
            search: keepEnvironment,
          } as never)
        }
        isMuted={(row) => row.state !== 'open'}
        minWidth={980}
        empty={
          isFiltered ? (
            <FilteredOut
              noun="recommendation"
              onClear={() => set({ q: undefined, severity: undefined })}
            />
          ) : images === 0 ? (
            <NotConnected />
          ) : state === 'open' ? (
            <NothingFound title="Nothing to mend">
              <p>Everything that was looked at is as it should be.</p>
            </NothingFound>
          ) : (
            <CannotKnow title="Nothing of that sort">
              <p>No recommendation is in this state.</p>
            </CannotKnow>
          )
        }
      />
    </Page>
  );
}
