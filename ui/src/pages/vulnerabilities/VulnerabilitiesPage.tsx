import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { queries, type VulnerabilityFilters } from '../../api/queries';
import type { Vulnerability, VulnerabilitySort } from '../../api/types';
import { FilteredOut, NotConnected, NothingFound } from '../../components/Empty';
import { FlagChip, SeverityChips } from '../../components/FindingFilters';
import { List } from '../../components/List';
import { EpssMark, KevMark } from '../../components/marks';
import { keepEnvironment, VulnerabilityLink } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { SeverityMark } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import type { Column } from '../../ui/DataTable';
import { Chips } from '../../ui/Filters';
import { SearchField } from '../../ui/SearchField';
import { Day, Time } from '../../ui/Time';
import classes from './vulnerabilities.module.css';

const SORTS: VulnerabilitySort[] = ['severity', '-epss', '-images', '-first_seen'];
const KEYS = ['q', 'severity', 'kev', 'fixable'] as const;

const COLUMNS: Column<Vulnerability>[] = [
  {
    id: 'severity',
    header: 'Severity',
    width: '74px',
    sorts: ['severity'],
    cell: (row) => <SeverityMark severity={row.severity} />,
  },
  {
    id: 'id',
    header: 'Vulnerability',
    width: '196px',
    fixed: true,
    cell: (row) => (
      <span className={classes.id}>
        <VulnerabilityLink id={row.id} />
        {row.kev && <KevMark />}
      </span>
    ),
  },
  {
    id: 'title',
    header: 'Title',
    width: 'minmax(180px, 2.4fr)',
    cell: (row) => <span title={row.title}>{row.title}</span>,
  },
  {
    id: 'packages',
    header: 'Packages',
    width: 'minmax(120px, 1.2fr)',
    cell: (row) => <span title={row.packages.join(', ')}>{row.packages.join(', ')}</span>,
  },
  {
    id: 'cvss',
    header: 'CVSS',
    width: '46px',
    align: 'right',
    cell: (row) => (typeof row.cvss === 'number' ? row.cvss.toFixed(1) : '–'),
  },
  {
    id: 'epss',
    header: 'EPSS',
    name: 'Likelihood of exploitation (EPSS)',
    width: '58px',
    align: 'right',
    sorts: ['-epss'],
    cell: (row) => <EpssMark epss={row.epss} />,
  },
  {
    id: 'images',
    header: 'Images',
    width: '62px',
    align: 'right',
    sorts: ['-images'],
    cell: (row) => (
      <Link
        to="/images"
        search={
          ((old: { environment?: string }) => ({
            environment: old.environment,
            vulnerability: row.id,
          })) as never
        }
        aria-label={`${plural(row.images, 'image')} with ${row.id}`}
      >
        {count(row.images)}
      </Link>
    ),
  },
  {
    id: 'fixable',
    header: 'Fix',
    width: '82px',
    cell: (row) => fixWord(row),
  },
  {
    id: 'first_seen',
    header: 'Since',
    name: 'First seen here',
    width: '76px',
    sorts: ['-first_seen'],
    cell: (row) => <Time at={row.first_seen} />,
  },
  {
    id: 'published',
    header: 'Published',
    width: '88px',
    cell: (row) => <Day at={row.published} />,
  },
];

function fixWord(row: Vulnerability): string {
  if (row.fixable === 0) return 'none yet';
  return row.fixable === row.findings ? 'everywhere' : `${row.fixable} of ${row.findings}`;
}

function filtersOf(
  search: Partial<Record<string, string>>,
  environment: string,
): VulnerabilityFilters {
  return {
    environment,
    q: search.q,
    severity: search.severity,
    kev: search.kev === 'true' ? true : undefined,
    fixable: search.fixable === 'true' ? true : undefined,
    sort: SORTS.find((sort) => sort === search.sort),
  };
}

export function VulnerabilitiesPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const query = useInfiniteQuery(queries.vulnerabilities(filtersOf(search, environment)));
  const { data: environments } = useQuery(queries.environments());
  const { data: facets } = useQuery(queries.vulnerabilityFacets(environment));
  const images = environments?.find((each) => each.id === environment)?.images ?? 0;
  const isFiltered = KEYS.some((key) => search[key] !== undefined);
  return (
    <Page title="Vulnerabilities" isFixed>
      <Toolbar label="Filter vulnerabilities">
        <SearchField
          label="Filter by id, title or package"
          placeholder="CVE, title or package"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <SeverityChips facets={facets} />
        <Chips label="More filters">
          <FlagChip name="fixable" label="Fixable" />
          <FlagChip name="kev" label="Exploited" />
        </Chips>
      </Toolbar>
      <List
        label="Vulnerabilities"
        noun="vulnerability"
        nouns="vulnerabilities"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <div className={classes.id}>
              <SeverityMark severity={row.severity} />
              <VulnerabilityLink id={row.id} />
              {row.kev && <KevMark />}
            </div>
            <div>{row.title}</div>
            <div className={classes.quiet}>
              {row.packages.join(', ')} · {plural(row.images, 'image')} · fix: {fixWord(row)}
            </div>
          </div>
        )}
        sort={search.sort ?? 'severity'}
        onSort={(sort) => set({ sort: sort === 'severity' ? undefined : sort })}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/vulnerabilities/$id',
            params: { id: row.id },
            search: keepEnvironment as never,
          })
        }
        minWidth={1040}
        empty={
          isFiltered ? (
            <FilteredOut
              noun="vulnerability"
              nouns="vulnerabilities"
              onClear={() => set(Object.fromEntries(KEYS.map((key) => [key, undefined])))}
            />
          ) : images === 0 ? (
            <NotConnected />
          ) : (
            <NothingFound title="No open vulnerabilities">
              <p>
                {plural(images, 'target')} matched, and no installed package is named by an advisory
                of the database.
              </p>
            </NothingFound>
          )
        }
      />
    </Page>
  );
}
