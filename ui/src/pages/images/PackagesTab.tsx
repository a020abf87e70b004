import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { ImageDetail, Layer, Package } from '../../api/types';
import { CannotKnow, FilteredOut } from '../../components/Empty';
import { KindMenu } from '../../components/FindingFilters';
import { List } from '../../components/List';
import { KindMark, PACKAGE_KINDS } from '../../components/marks';
import { Toolbar } from '../../components/Page';
import { InUseMark } from '../../components/Running';
import { SeverityStrip } from '../../components/Severity';
import { useUrl } from '../../components/url';
import { dockerfileStep } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import type { Column } from '../../ui/DataTable';
import { FilterMenu } from '../../ui/Filters';
import { SearchField } from '../../ui/SearchField';
import classes from './images.module.css';

const COLUMNS: Column<Package>[] = [
  {
    id: 'name',
    header: 'Package',
    width: 'minmax(150px, 1.6fr)',
    fixed: true,
    cell: (row) => <span title={row.purl}>{row.name}</span>,
  },
  {
    id: 'version',
    header: 'Version',
    width: 'minmax(100px, 1fr)',
    cell: (row) => <span className="mono">{row.version}</span>,
  },
  { id: 'kind', header: 'Kind', width: '70px', cell: (row) => <KindMark kind={row.kind} /> },
  {
    id: 'findings',
    header: 'Findings',
    width: '194px',
    cell: (row) =>
      row.owned_by ? (
        <span className={classes.quiet} title={`${row.owned_by} speaks for it`}>
          see {row.owned_by}
        </span>
      ) : totalOf(row.counts) === 0 ? (
        <span className={classes.quiet}>none</span>
      ) : (
        <Link
          to="."
          search={
            ((old: { environment?: string }) => ({
              environment: old.environment,
              package: row.name,
            })) as never
          }
        >
          <SeverityStrip counts={row.counts} />
        </Link>
      ),
  },
  {
    id: 'use',
    header: 'In use',
    name: 'Whether it is used',
    width: '152px',
    cell: (row) => <InUseMark use={row.in_use} />,
  },
  {
    id: 'licenses',
    header: 'Licences',
    width: 'minmax(80px, 0.7fr)',
    cell: (row) => row.licenses?.join(', ') || '–',
  },
  { id: 'layer', header: 'Layer', width: '50px', align: 'right', cell: (row) => row.layer ?? '–' },
  {
    id: 'path',
    header: 'Named by',
    width: 'minmax(140px, 1.6fr)',
    cell: (row) => (
      <span className="mono" title={`/${row.path}`}>
        /{row.path}
      </span>
    ),
  },
];

export function PackagesTab({
  detail,
  layers,
}: {
  detail: ImageDetail;
  layers: Layer[] | undefined;
}) {
  const [search, set] = useUrl();
  const layer = search.layer !== undefined ? Number(search.layer) : undefined;
  const query = useInfiniteQuery(
    queries.imagePackages(detail.image.id, {
      ...(search.q ? { q: search.q } : {}),
      ...(search.kind ? { kind: search.kind } : {}),
      ...(layer !== undefined && Number.isInteger(layer) ? { layer } : {}),
    }),
  );
  const isFiltered = Boolean(search.q || search.kind || search.layer);
  const every = {
    facets: [{ field: 'kind', values: PACKAGE_KINDS.map((value) => ({ value, count: 0 })) }],
  };
  return (
    <>
      <Toolbar label="Filter packages">
        <SearchField
          label="Filter by name"
          placeholder="Name"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <KindMenu facets={every} isCounted={false} />
        {layers && layers.length > 0 && (
          <FilterMenu
            label="Layer"
            choices={layers
              .filter((each) => each.totals.packages > 0)
              .map((each) => ({
                value: String(each.index),
                label: `${each.index} · ${dockerfileStep(each.created_by ?? '').slice(0, 48)}`,
                count: each.totals.packages,
              }))}
            chosen={search.layer ? [search.layer] : []}
            onToggle={(value) => set({ layer: search.layer === value ? undefined : value })}
          />
        )}
      </Toolbar>
      <List
        label="Packages"
        noun="package"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => `${row.purl} ${row.path}`}
        card={(row) => (
          <div className={classes.card}>
            <div>
              <b>{row.name}</b> <span className="mono">{row.version}</span>{' '}
              <KindMark kind={row.kind} />
            </div>
            {totalOf(row.counts) > 0 && <SeverityStrip counts={row.counts} />}
            {row.in_use && <InUseMark use={row.in_use} />}
            <div className={classes.quiet}>/{row.path}</div>
          </div>
        )}
        isMuted={(row) => Boolean(row.owned_by)}
        minWidth={1020}
        hasKeys={false}
        empty={
          isFiltered ? (
            <FilteredOut
              noun="package"
              hidden={detail.image.packages}
              onClear={() => set({ q: undefined, kind: undefined, layer: undefined })}
            />
          ) : (
            <CannotKnow title="No packages were found in it">
              <p>No package manager left a record here that Seawall knows.</p>
            </CannotKnow>
          )
        }
      />
    </>
  );
}
