// The machines of a cluster, as checks on each of them last found it.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { clusters } from '../../api/clusters';
import { NothingFound } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { keepWith } from '../../components/Names';
import { ProblemBlank } from '../../components/ProblemNotice';
import { useEnvironment } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './clusters.module.css';

export function Nodes({ cluster }: { cluster: string }) {
  const environment = useEnvironment();
  const { data, error, refetch } = useQuery(clusters.nodes(cluster, environment));
  if (error) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  if (!data) return <Waiting label="nodes" />;
  if (data.length === 0)
    return (
      <NothingFound title="Nobody has looked at the machines of this cluster">
        <p>
          A job on each node checks its kubelet, its files and its settings: apply
          deploy/node/daemonset.yaml, or run <code>seawall node assess</code> on one.
        </p>
      </NothingFound>
    );
  return (
    <Panel title="What checks found on each machine" flush>
      <div className={classes.scroll}>
        <table className={classes.table} aria-label="Nodes">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Kind</th>
              <th scope="col">Kubelet</th>
              <th scope="col">Findings</th>
              <th scope="col" className={classes.number}>
                In order
              </th>
              <th scope="col" className={classes.number}>
                Does not apply
              </th>
              <th scope="col">Not read</th>
              <th scope="col">Looked at</th>
            </tr>
          </thead>
          <tbody>
            {data.map((each) => (
              <tr key={each.node}>
                <td>{each.node}</td>
                <td>{each.profile}</td>
                <td>{each.kubelet ?? '–'}</td>
                <td title={each.affected.join(', ')}>
                  {each.affected.length === 0 ? (
                    'none'
                  ) : (
                    <Link
                      to="/findings"
                      search={keepWith({
                        q: `${term('cluster', cluster)} ${term('host', each.node)}`,
                      })}
                    >
                      {plural(each.affected.length, 'finding')}
                    </Link>
                  )}
                </td>
                <td className={classes.number}>{count(each.healthy)}</td>
                <td className={classes.number}>{count(each.not_applicable)}</td>
                <td title={each.gaps.join('\n')}>
                  {each.gaps.length === 0 ? '–' : plural(each.gaps.length, 'thing')}
                </td>
                <td>
                  <Time at={each.time} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
