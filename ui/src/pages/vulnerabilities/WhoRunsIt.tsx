// Vulnerability, images, workloads, owners: who has to do something.

import { useQuery } from '@tanstack/react-query';
import { type AffectedWorkload, running } from '../../api/running';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { ImageLink } from '../../components/Names';
import { ProblemNotice } from '../../components/ProblemNotice';
import { InUseMark, Owner, PriorityMark, ReachMark, WorkloadPlace } from '../../components/Running';
import { count, plural } from '../../lib/format';
import { Panel } from '../../ui/Panel';
import { ownersOf } from './owners';
import classes from './vulnerabilities.module.css';

const SHOWN = 50;

export function WhoRunsIt({ id, environment }: { id: string; environment: string }) {
  const { data, error, isPending } = useQuery(running.affected(id, environment));
  if (isPending) return <Waiting label="who runs it" rows={4} />;
  if (error) return <ProblemNotice problem={error} title="Who runs it could not be fetched" />;
  const owners = ownersOf(data.workloads);
  return (
    <Panel
      title="Who runs it"
      aside={
        data.total > 0 ? (
          <>
            <Go to="/running" search={{ vulnerability: id }}>
              {plural(data.images, 'running image')}
            </Go>
            , {plural(data.containers, 'container')}
          </>
        ) : undefined
      }
      flush
    >
      {data.workloads.length === 0 ? (
        <div className={classes.none}>
          Nothing that is known to run has it: no container of the machines and clusters that are
          connected.
        </div>
      ) : (
        <>
          <ul className={classes.owners} aria-label="Owners">
            {owners.map((owner) => (
              <li key={owner.name ?? ''}>
                <b>{owner.name ?? 'Nobody named'}</b>{' '}
                <span className={classes.quiet}>
                  {plural(owner.workloads, 'workload')}, {plural(owner.images, 'image')}
                </span>
              </li>
            ))}
          </ul>
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th scope="col">Workload</th>
                  <th scope="col">Image</th>
                  <th scope="col">Package</th>
                  <th scope="col">Reached</th>
                  <th scope="col">Owner</th>
                  <th scope="col">Priority</th>
                </tr>
              </thead>
              <tbody>
                {data.workloads.slice(0, SHOWN).map((row) => (
                  <Row key={`${row.workload.id} ${row.image.id}`} row={row} />
                ))}
              </tbody>
            </table>
          </div>
          {data.total > SHOWN && (
            <div className={classes.more}>
              {count(data.total - SHOWN)} that press less are not shown.{' '}
              <Go to="/running" search={{ vulnerability: id }}>
                All images that run it
              </Go>
            </div>
          )}
        </>
      )}
    </Panel>
  );
}

function Row({ row }: { row: AffectedWorkload }) {
  return (
    <tr>
      <td>
        <WorkloadPlace workload={row.workload} />
        <span className={classes.quiet}>{plural(row.workload.containers, 'container')}</span>
      </td>
      <td>
        <ImageLink image={row.image} isShort />
      </td>
      <td>
        {row.packages.map((each) => (
          <div key={each.finding} className={classes.use}>
            <Go to={`/findings/${encodeURIComponent(each.finding)}`}>{each.name}</Go>
            <span className="mono">{each.version}</span>
            <InUseMark use={each.in_use} />
          </div>
        ))}
      </td>
      <td>
        <ReachMark exposure={row.exposure} />
      </td>
      <td>
        <Owner workload={row.workload} />
      </td>
      <td>
        <PriorityMark value={row.priority} />
      </td>
    </tr>
  );
}
