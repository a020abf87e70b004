import { useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import { NoAlerts } from '../../components/Empty';
import { facet } from '../../components/FindingFilters';
import { FindingsScreen } from '../../components/FindingsScreen';
import { TacticFilter } from '../../components/TacticStrip';
import { useScope, useUrl } from '../../components/url';
import { TACTICS } from '../../components/words';
import { both, without } from '../../lib/query';

const FIXED = 'kind:alert';

/** What happened and may be an attack: the queue to work through. */
export function AlertsPage() {
  return (
    <FindingsScreen
      title="Alerts"
      page="/alerts"
      noun="alert"
      kinds={['alert']}
      fixed={FIXED}
      sort="alert"
      groups={['rule', 'workload', 'asset', 'namespace']}
      head={<Tactics />}
      empty={<NoAlerts />}
    />
  );
}

function Tactics() {
  const scope = useScope();
  const [search] = useUrl();
  const q = both(scope.q, FIXED, without(search.q ?? '', 'tactic'));
  const { data } = useQuery(queries.findingFacets(scope.environment, q));
  // A server that does not count tactics under a search counts them over all.
  const isCounted = data?.facets.some((each) => each.field === 'tactic') ?? false;
  const { data: overview } = useQuery(queries.overview(scope.environment));
  const counts =
    data && !isCounted && overview
      ? new Map(overview.tactics.map((each) => [each.slug, each.alerts]))
      : facet(data, 'tactic');
  return (
    <TacticFilter
      isKnown={data !== undefined}
      tactics={TACTICS.map(({ slug, name }) => ({ slug, name, alerts: counts.get(slug) ?? 0 }))}
    />
  );
}
