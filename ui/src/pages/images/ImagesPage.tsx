import { Button } from '@mantine/core';
import { IconPlus, IconUpload } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ImageFilters, queries } from '../../api/queries';
import type { Image, ImageSort, TargetKind } from '../../api/types';
import { FilteredOut, NotConnected } from '../../components/Empty';
import { FlagChip, facet, SeverityChips } from '../../components/FindingFilters';
import { List } from '../../components/List';
import { TARGET_KIND } from '../../components/marks';
import { keepEnvironment } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { usePermissions } from '../../components/permissions';
import { useEnvironment, useUrl } from '../../components/url';
import { count } from '../../lib/format';
import { list, toggle } from '../../lib/url-state';
import { Chip, Chips } from '../../ui/Filters';
import { SearchField } from '../../ui/SearchField';
import { COLUMNS, ImageCard } from './columns';
import { ImportSbom } from './ImportSbom';

const SORTS: ImageSort[] = [
  'severity',
  'name',
  '-name',
  '-last_scanned',
  'last_scanned',
  '-packages',
];
const KINDS: TargetKind[] = ['image', 'rootfs', 'sbom'];
const KEYS = ['q', 'kind', 'severity', 'partial', 'fixable', 'package', 'vulnerability'] as const;
const PLURAL: Record<TargetKind, string> = { image: 'Images', rootfs: 'Machines', sbom: 'SBOMs' };

function filtersOf(search: Partial<Record<string, string>>, environment: string): ImageFilters {
  return {
    environment,
    q: search.q,
    kind: search.kind,
    severity: search.severity,
    partial: search.partial === 'true' ? true : undefined,
    fixable: search.fixable === 'true' ? true : undefined,
    package: search.package,
    vulnerability: search.vulnerability,
    sort: SORTS.find((sort) => sort === search.sort),
  };
}

export function ImagesPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const query = useInfiniteQuery(queries.images(filtersOf(search, environment)));
  const { data: facets } = useQuery(queries.imageFacets(environment));
  const { scan: whyNot } = usePermissions();
  const { data: environments } = useQuery(queries.environments());
  const kinds = facet(facets, 'kind');
  const open = (image: Image) =>
    navigate({ to: '/images/$id', params: { id: image.id }, search: keepEnvironment as never });
  const isFiltered = KEYS.some((key) => search[key] !== undefined);
  const clear = () => set(Object.fromEntries(KEYS.map((key) => [key, undefined])));

  return (
    <Page
      title="Images"
      isFixed
      actions={
        <>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconUpload size={14} aria-hidden />}
            disabled={whyNot !== undefined}
            title={whyNot}
            onClick={() => set({ tab: 'sbom' }, 'push')}
          >
            Bring in an SBOM
          </Button>
          <Button
            size="xs"
            leftSection={<IconPlus size={14} aria-hidden />}
            onClick={() => set({ scan: 'new' }, 'push')}
          >
            Scan an image
          </Button>
        </>
      }
    >
      <Toolbar label="Filter images">
        <SearchField
          label="Filter by name, digest or system"
          placeholder="Name, digest or system"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="Kind">
          {KINDS.map((kind) => (
            <Chip
              key={kind}
              isOn={list(search.kind, KINDS).includes(kind)}
              onClick={() => set({ kind: toggle(search.kind, kind, KINDS) })}
            >
              {PLURAL[kind] ?? TARGET_KIND[kind]}
              {kinds.has(kind) && <span className="tabular">{count(kinds.get(kind) ?? 0)}</span>}
            </Chip>
          ))}
        </Chips>
        <SeverityChips facets={undefined} />
        <Chips label="More filters">
          <FlagChip name="fixable" label="Fixable" />
          <FlagChip name="partial" label="Partly scanned" />
          {(['package', 'vulnerability'] as const).map(
            (key) =>
              search[key] && (
                <Chip key={key} isOn onClick={() => set({ [key]: undefined })}>
                  {search[key]} ×
                </Chip>
              ),
          )}
        </Chips>
      </Toolbar>
      <List
        label="Images"
        noun="target"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => <ImageCard image={row} />}
        sort={search.sort ?? 'severity'}
        onSort={(sort) => set({ sort: sort === 'severity' ? undefined : sort })}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={open}
        minWidth={980}
        empty={
          isFiltered ? (
            <FilteredOut
              noun="image"
              hidden={environments?.find((each) => each.id === environment)?.images}
              onClear={clear}
            />
          ) : (
            <NotConnected />
          )
        }
      />
      <ImportSbom opened={search.tab === 'sbom'} onClose={() => set({ tab: undefined })} />
    </Page>
  );
}
