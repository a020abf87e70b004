import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../api/queries';
import type { FindingGroup, GroupBy } from '../api/types';
import { count, plural } from '../lib/format';
import { both } from '../lib/query';
import { totalOf } from '../lib/severity';
import type { Column } from '../ui/DataTable';
import { Time } from '../ui/Time';
import { FilteredOut } from './Empty';
import { List } from './List';
import { SeverityMark, SeverityStrip } from './Severity';
import { useEnvironment, useUrl } from './url';
import { GROUP_NAME } from './words';

/** The address of a group’s members. */
function inside(old: { q?: string }, group: FindingGroup) {
  return { q: both(old.q, group.q), group: undefined, sel: undefined };
}

const columnsBy = (by: GroupBy): Column<FindingGroup>[] => [
  {
    id: 'severity',
    header: 'Worst',
    width: '74px',
    cell: (row) => <SeverityMark severity={row.severity} />,
  },
  {
    id: 'label',
    header: GROUP_NAME[by],
    width: 'minmax(220px, 3fr)',
    fixed: true,
    cell: (row) => (
      <Link
        to="."
        search={((old: { q?: string }) => ({ ...old, ...inside(old, row) })) as never}
        className="quiet-link"
        title={row.label}
      >
        {row.label}
      </Link>
    ),
  },
  {
    id: 'counts',
    header: 'Severities',
    width: '194px',
    cell: (row) => <SeverityStrip counts={row.counts} />,
  },
  {
    id: 'total',
    header: 'Open',
    width: '72px',
    align: 'right',
    cell: (row) => count(totalOf(row.counts)),
  },
  {
    id: 'last_seen',
    header: 'Last seen',
    width: '96px',
    cell: (row) => <Time at={row.last_seen} />,
  },
];

const COLUMNS = Object.fromEntries(
  (Object.keys(GROUP_NAME) as GroupBy[]).map((by) => [by, columnsBy(by)]),
) as Record<GroupBy, Column<FindingGroup>[]>;

/** Findings gathered by what they share; a group opens as the list it counts. */
export function GroupTable({
  by,
  q,
  noun,
  ticked,
  onTick,
}: {
  by: GroupBy;
  q: string;
  noun: string;
  /** Groups chosen to be acted on together, by their queries. */
  ticked: ReadonlyMap<string, FindingGroup>;
  onTick: (groups: readonly FindingGroup[]) => void;
}) {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const query = useInfiniteQuery(queries.findingGroups(by, environment, q));
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <List
      label={`By ${GROUP_NAME[by].toLowerCase()}`}
      noun={GROUP_NAME[by].toLowerCase()}
      query={query}
      columns={COLUMNS[by]}
      rowKey={(row) => row.q}
      ticks={{
        ids: new Set(ticked.keys()),
        onTick: (key) => onTick(rows.filter((row) => row.q === key)),
        onTickAll: () =>
          onTick(
            rows.every((row) => ticked.has(row.q))
              ? rows
              : rows.filter((row) => !ticked.has(row.q)),
          ),
      }}
      card={(row) => (
        <div>
          <SeverityMark severity={row.severity} /> <b>{row.label}</b>
          <div>
            <SeverityStrip counts={row.counts} /> {plural(totalOf(row.counts), noun)}
          </div>
        </div>
      )}
      selected={search.sel}
      onSelect={(sel) => set({ sel })}
      onOpen={(row) => set(inside(search, row), 'push')}
      empty={<FilteredOut noun={noun} onClear={() => set({ q: undefined, group: undefined })} />}
    />
  );
}
