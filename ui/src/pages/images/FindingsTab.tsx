import { type InfiniteData, type UseInfiniteQueryResult, useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import type { Finding, ImageDetail, Layer, Page } from '../../api/types';
import { CannotKnow, FilteredOut, NothingFound } from '../../components/Empty';
import { FindingFilters } from '../../components/FindingFilters';
import { FindingTable } from '../../components/FindingTable';
import { clearFilters, hasFilters } from '../../components/findings';
import { useUrl } from '../../components/url';
import { dockerfileStep, plural } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { Time } from '../../ui/Time';

export function FindingsTab({
  detail,
  query,
  layers,
  hasPane,
}: {
  detail: ImageDetail;
  query: UseInfiniteQueryResult<InfiniteData<Page<Finding>>>;
  layers: Layer[] | undefined;
  hasPane: boolean;
}) {
  const [search, set] = useUrl();
  const { image } = detail;
  const { data: facets } = useQuery(queries.imageFindingFacets(image.id));
  const choices = (layers ?? [])
    .filter((layer) => layer.totals.packages > 0)
    .map((layer) => ({
      value: String(layer.index),
      label: `${layer.index} · ${dockerfileStep(layer.created_by ?? '').slice(0, 48)}`,
    }));
  return (
    <>
      <FindingFilters facets={facets} layers={choices} />
      <FindingTable query={query} sort="image" hasPane={hasPane} empty={empty()} />
    </>
  );

  function empty() {
    if (hasFilters(search)) {
      return (
        <FilteredOut
          noun="finding"
          hidden={totalOf(image.counts)}
          onClear={() => set(clearFilters())}
        />
      );
    }
    if (image.packages === 0) {
      return (
        <CannotKnow title="No packages were found in it">
          <p>
            Seawall knows packages by the records their managers leave behind. This image holds
            none, so nothing can be said about it.
          </p>
        </CannotKnow>
      );
    }
    if (image.starter_only) {
      return (
        <CannotKnow title="Nothing found, but most was not looked for">
          <p>Only the starter advisories were at hand. Update or import the database to be sure.</p>
        </CannotKnow>
      );
    }
    return (
      <NothingFound title="No open findings">
        <p>
          {plural(image.packages, 'package')} matched against the advisory database{' '}
          <Time at={image.assessed} />.
        </p>
        {image.suppressed > 0 && (
          <p>{plural(image.suppressed, 'finding')} suppressed with a reason.</p>
        )}
      </NothingFound>
    );
  }
}
