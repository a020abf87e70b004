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
  const counts = facet(data, 'tactic');
  return (
    <TacticFilter
      isKnown={data !== undefined}
      tactics={TACTICS.map(({ slug, name }) => ({ slug, name, alerts: counts.get(slug) ?? 0 }))}
    />
  );
}
