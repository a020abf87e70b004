import { useQuery } from '@tanstack/react-query';
import { queries } from '../../api/queries';
import { NotConnected, NothingFound } from '../../components/Empty';
import { FindingsScreen } from '../../components/FindingsScreen';
import { useEnvironment } from '../../components/url';
import { plural } from '../../lib/format';

/** Findings of every kind: where the numbers lead. */
export function FindingsPage() {
  return (
    <FindingsScreen
      title="Findings"
      page="/findings"
      noun="finding"
      kinds={['alert', 'misconfiguration', 'vulnerability', 'secret', 'malware']}
      fixed=""
      sort="any"
      groups={['rule', 'asset', 'workload', 'namespace', 'image', 'package']}
      empty={<Empty />}
    />
  );
}

function Empty() {
  const environment = useEnvironment();
  const { data } = useQuery(queries.environments());
  const images = data?.find((each) => each.id === environment)?.images ?? 0;
  if (images === 0) return <NotConnected />;
  return (
    <NothingFound title="No open findings">
      <p>{plural(images, 'target')} looked at, and nothing is open.</p>
    </NothingFound>
  );
}
