import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { Asset, AssetKind } from '../../api/types';
import { FilteredOut, NotConnected } from '../../components/Empty';
import { List, Waiting } from '../../components/List';
import { AssetLink, ImageLink, keepEnvironment, keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { SeverityStrip } from '../../components/Severity';
import { type Scope, useEnvironment, useScope, useUrl } from '../../components/url';
import { ASSET_NAME, ASSET_PLURAL } from '../../components/words';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { totalOf } from '../../lib/severity';
import type { Column } from '../../ui/DataTable';
import { DataTable } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { PlainButton } from '../../ui/PlainButton';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import classes from './inventory.module.css';
import { opened, type Row, rowsOf, toggledOpen } from './tree';

const KINDS: AssetKind[] = ['cluster', 'host', 'namespace', 'workload', 'pod', 'container'];

export function OpenFindings({ asset }: { asset: Asset }) {
  const total = totalOf(asset.counts);
  return (
    <Link
      to="/findings"
      search={keepWith({ q: term('asset', asset.asset.id) })}
      aria-label={`${plural(total, 'open finding')} of ${asset.asset.name}`}
    >
      {count(total)}
    </Link>
  );
}

export const ASSET_COLUMNS: Column<Asset>[] = [
  {
    id: 'name',
    header: 'Name',
    width: 'minmax(180px, 2fr)',
    fixed: true,
    cell: (row) => <AssetLink asset={row.asset} />,
  },
  { id: 'kind', header: 'Kind', width: '92px', cell: (row) => ASSET_NAME[row.asset.kind] },
  {
    id: 'severity',
    header: 'Open findings',
    width: '194px',
    cell: (row) => <SeverityStrip counts={row.counts} />,
  },
  {
    id: 'total',
    header: 'All',
    name: 'All open findings',
    width: '56px',
    align: 'right',
    cell: (row) => <OpenFindings asset={row} />,
  },
  {
    id: 'place',
    header: 'Where',
    width: 'minmax(120px, 1.2fr)',
    cell: (row) =>
      [row.asset.cluster, row.asset.namespace, row.asset.workload]
        .filter((part) => part && part !== row.asset.name)
        .join(' / ') || '–',
  },
  {
    id: 'running',
    header: 'Running',
    name: 'Running containers',
    width: '68px',
    align: 'right',
    cell: (row) => count(row.running),
  },
  {
    id: 'image',
    header: 'Image',
    width: 'minmax(120px, 1.2fr)',
    cell: (row) => (row.image ? <ImageLink image={row.image} isShort /> : '–'),
  },
  {
    id: 'seen',
    header: 'Seen',
    width: '84px',
    cell: (row) => (
      <>
        <Time at={row.last_seen} />
        {row.gone && ' (gone)'}
      </>
    ),
  },
];

export function AssetCard({ row }: { row: Asset }) {
  return (
    <div className={classes.card}>
      <div>
        <span className={classes.kind}>{ASSET_NAME[row.asset.kind]}</span>{' '}
        <AssetLink asset={row.asset} />
      </div>
      <SeverityStrip counts={row.counts} />
      <div className={classes.kind}>{plural(row.running, 'running container')}</div>
    </div>
  );
}

/** Everything there is, as a tree, or as a list of one kind. */
export function InventoryPage() {
  const [search, set] = useUrl();
  const kind = KINDS.find((each) => each === search.kind);
  const isList = kind !== undefined || search.q !== undefined || search.gone !== undefined;
  return (
    <Page title="Inventory" isFixed isNarrowed={!isList}>
      <Toolbar label="Filter the inventory">
        <SearchField
          label="Filter by name"
          placeholder="Name"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="Show">
          <Chip
            isOn={!isList}
            onClick={() => set({ kind: undefined, q: undefined, gone: undefined })}
          >
            Tree
          </Chip>
          {KINDS.map((each) => (
            <Chip
              key={each}
              isOn={kind === each}
              onClick={() => set({ kind: kind === each ? undefined : each })}
            >
              {ASSET_PLURAL[each]}
            </Chip>
          ))}
          <Chip
            isOn={search.gone === 'true'}
            onClick={() => set({ gone: search.gone ? undefined : 'true' })}
          >
            Also gone
          </Chip>
        </Chips>
      </Toolbar>
      {isList ? <Flat kind={kind} /> : <Tree />}
    </Page>
  );
}

function Flat({ kind }: { kind: AssetKind | undefined }) {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const query = useInfiniteQuery(
    queries.assets({
      environment,
      kind,
      q: search.q,
      ...(search.gone === 'true' ? { gone: true } : {}),
    }),
  );
  return (
    <List
      label={kind ? ASSET_PLURAL[kind] : 'Assets'}
      noun="asset"
      query={query}
      columns={ASSET_COLUMNS}
      rowKey={(row) => row.asset.id}
      card={(row) => <AssetCard row={row} />}
      selected={search.sel}
      onSelect={(sel) => set({ sel })}
      onOpen={(row) =>
        navigate({
          to: '/inventory/$id',
          params: { id: row.asset.id },
          search: keepEnvironment,
        } as never)
      }
      isMuted={(row) => row.gone}
      minWidth={980}
      empty={
        <FilteredOut
          noun="asset"
          onClear={() => set({ kind: undefined, q: undefined, gone: undefined })}
        />
      }
    />
  );
}

type Branch = Row<Asset> & { onToggle: () => void };

function Twist({ row, size }: { row: Branch; size: number }) {
  if (!row.hasChildren) return <span className={classes.twist} />;
  const Icon = row.isOpen ? IconChevronDown : IconChevronRight;
  return (
    <PlainButton
      className={classes.twist}
      aria-expanded={row.isOpen}
      aria-label={`${row.isOpen ? 'Close' : 'Open'} ${row.item.asset.name}`}
      onClick={row.onToggle}
    >
      <Icon size={size} aria-hidden />
    </PlainButton>
  );
}

const TREE_COLUMNS: Column<Branch>[] = [
  {
    id: 'name',
    header: 'Name',
    width: 'minmax(280px, 2.4fr)',
    fixed: true,
    cell: (row) => (
      <span className={classes.node} style={{ paddingLeft: row.depth * 18 }}>
        <Twist row={row} size={14} />
        <AssetLink asset={row.item.asset} />
        <span className={classes.kind}>{ASSET_NAME[row.item.asset.kind]}</span>
        {row.isWaiting && <span className={classes.kind}>…</span>}
      </span>
    ),
  },
  {
    id: 'children',
    header: 'Below',
    name: 'Directly below',
    width: '64px',
    align: 'right',
    cell: (row) => (row.item.children > 0 ? count(row.item.children) : '–'),
  },
  ...ASSET_COLUMNS.filter((each) =>
    ['severity', 'total', 'running', 'image', 'seen'].includes(each.id),
  ).map((each): Column<Branch> => ({ ...each, cell: (row) => each.cell(row.item) })),
];

/** Whether it is part of the chosen cluster and namespace, or above them. */
function isWithin(asset: Asset['asset'], { cluster, ns }: Scope): boolean {
  if (asset.kind === 'environment') return true;
  if (cluster && (asset.cluster ?? asset.name) !== cluster) return false;
  if (!ns || asset.kind === 'cluster' || asset.kind === 'host') return true;
  return (asset.namespace ?? asset.name) === ns;
}

function Tree() {
  const scope = useScope();
  const { environment } = scope;
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const roots = useQuery(queries.assetsBelow(environment, undefined, 'environment'));
  const root = roots.data?.items[0]?.asset.id;
  // The environment itself is opened for the reader until they say otherwise.
  const open = search.open === undefined && root ? [root] : opened(search.open);
  const levels = useQueries({
    queries: open.map((id) => queries.assetsBelow(environment, id)),
  });
  if (roots.isPending) return <Waiting label="the inventory" />;
  if (roots.error && !roots.data)
    return <ProblemBlank problem={roots.error} onRetry={() => roots.refetch()} />;
  const node = (item: Asset) => ({ id: item.asset.id, item });
  const toggle = (id: string) => set({ open: toggledOpen(open.join(','), id) ?? 'none' });
  const rows: Branch[] = rowsOf(roots.data.items.map(node), new Set(open), (id) =>
    levels[open.indexOf(id)]?.data?.items.map(node),
  )
    .filter((row) => isWithin(row.item.asset, scope))
    .map((row) => ({ ...row, onToggle: () => toggle(row.id) }));
  if (rows.length === 0) return <NotConnected />;
  return (
    <DataTable
      label="Inventory"
      noun="asset"
      rows={rows}
      total={rows.length}
      columns={TREE_COLUMNS}
      rowKey={(row) => row.id}
      card={(row) => (
        <div style={{ paddingLeft: row.depth * 10 }} className={classes.treeCard}>
          <Twist row={row} size={18} />
          <AssetCard row={row.item} />
        </div>
      )}
      selected={search.sel}
      onSelect={(sel) => set({ sel })}
      onOpen={(row) => (row.hasChildren ? toggle(row.id) : undefined)}
      onEnter={(row) =>
        navigate({
          to: '/inventory/$id',
          params: { id: row.id },
          search: keepEnvironment,
        } as never)
      }
      isMuted={(row) => row.item.gone}
      minWidth={880}
    />
  );
}
