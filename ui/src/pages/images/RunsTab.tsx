// Where an image runs: what runs it, whose that is, who reaches it.

import { useQuery } from '@tanstack/react-query';
import { running } from '../../api/running';
import type { ImageDetail } from '../../api/types';
import { NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { ProblemBlank } from '../../components/ProblemNotice';
import { Owner, PriorityMark, REACH, WorkloadPlace } from '../../components/Running';
import { count, plural } from '../../lib/format';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { Containers, UseFacts } from '../running/parts';
import classes from '../running/running.module.css';

export function RunsTab({ detail }: { detail: ImageDetail }) {
  const { image } = detail;
  const { data, error, refetch, isPending } = useQuery(running.one(image.id, image.environment));
  if (isPending) return <Waiting label="where it runs" />;
  if (error && data === undefined)
    return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  if (!data)
    return (
      <NothingFound title="Nothing runs it">
        <p>
          No container of this machine, of <Go to="/hosts">Docker hosts</Go> or of{' '}
          <Go to="/clusters">clusters</Go> runs it now. What does run is under{' '}
          <Go to="/running">What runs</Go>.
        </p>
      </NothingFound>
    );
  const reach = REACH[data.exposure.reach];
  return (
    <div className={classes.grid}>
      <div className={classes.column}>
        <Panel title="Workloads" aside={plural(data.workload_count, 'workload')} flush>
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">What runs it</th>
                  <th scope="col">Owner</th>
                  <th scope="col">Containers</th>
                  <th scope="col">Since</th>
                </tr>
              </thead>
              <tbody>
                {data.all_workloads.map((row) => (
                  <tr key={row.id}>
                    <td>
                      <WorkloadPlace workload={row} />
                    </td>
                    <td>
                      <Owner workload={row} />
                    </td>
                    <td>{count(row.containers)}</td>
                    <td>
                      <Time at={row.since} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
        <Panel title="Containers" aside={plural(data.containers, 'container')}>
          <Containers rows={data.all_containers} />
        </Panel>
      </div>
      <div className={classes.column}>
        <Panel title="How pressing it is">
          <Facts>
            <Fact term="Highest priority">
              <PriorityMark value={data.priority} />
            </Fact>
            <Fact term="Reached from">
              {reach.word} <div className={classes.quiet}>{reach.doc}</div>
            </Fact>
            {data.exposure.by && (
              <Fact term="By">
                <code>{data.exposure.by}</code>
              </Fact>
            )}
          </Facts>
        </Panel>
        <Panel title="Its packages" aside={plural(data.packages.total, 'package')}>
          <UseFacts row={data} />
        </Panel>
      </div>
    </div>
  );
}
