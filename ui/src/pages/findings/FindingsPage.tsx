import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { FindingFilters } from '../../components/FindingFilters';
import { FindingPane } from '../../components/FindingPane';
import { FindingTable } from '../../components/FindingTable';
import { clearFilters, findingFilters, hasFilters } from '../../components/findings';
import { Page } from '../../components/Page';
import { useEnvironment, useUrl } from '../../components/url';

/** Findings of every image: where the overview's numbers lead. */
export function FindingsPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const query = useInfiniteQuery(queries.findings({ ...findingFilters(search), environment }));
  const { data: facets } = useQuery(queries.findingFacets(environment));
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = rows.find((row) => row.id === search.sel);
  return (
    <Page
      title="Findings"
      isFixed
      pane={chosen && <FindingPane finding={chosen} onClose={() => set({ sel: undefined })} />}
    >
      <FindingFilters facets={facets} />
      <FindingTable
        query={query}
        isEverywhere
        hasPane={chosen !== undefined}
        empty={
          hasFilters(search) ? (
            <FilteredOut noun="finding" onClear={() => set(clearFilters())} />
          ) : (
            <NothingFound title="No open findings">
              <p>No installed package matches an advisory of the database.</p>
            </NothingFound>
          )
        }
      />
    </Page>
  );
}
