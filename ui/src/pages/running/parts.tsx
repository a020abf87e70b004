// What runs an image, for its own page and for the list of all.

import type { RunningImage, RunningImageDetail, RunningWorkload } from '../../api/running';
import { AssetLink } from '../../components/Names';
import { Owner, WorkloadPlace } from '../../components/Running';
import { count, plural } from '../../lib/format';
import { Fact, Facts } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './running.module.css';

/** Rows drawn at once: more than anybody reads, few enough to draw. */
const SHOWN = 200;

export function Workloads({ rows }: { rows: readonly RunningWorkload[] }) {
  return (
    <>
      <ul className={classes.rows}>
        {rows.slice(0, SHOWN).map((row) => (
          <li key={row.id}>
            <WorkloadPlace workload={row} />
            <span className={classes.quiet}>
              {plural(row.containers, 'container')}, since <Time at={row.since} />
            </span>
            <span className={classes.quiet}>
              owner: <Owner workload={row} />
            </span>
          </li>
        ))}
      </ul>
      <Rest of={rows.length} />
    </>
  );
}

export function Containers({ rows }: { rows: RunningImageDetail['all_containers'] }) {
  return (
    <>
      <ul className={classes.rows}>
        {rows.slice(0, SHOWN).map((row) => (
          <li key={row.id}>
            <span className={classes.where}>
              <AssetLink
                asset={{ id: row.id, kind: 'container', name: row.name, environment: '' }}
              />
              <span className={classes.quiet}>
                {[row.cluster, row.namespace, row.on]
                  .filter((part, index, all) => part && all.indexOf(part) === index)
                  .join(' / ')}
              </span>
            </span>
            <span className={classes.quiet}>
              started <Time at={row.started} />
              {row.node && `, on ${row.node}`}
            </span>
            <span className={classes.quiet}>
              {row.watched ? 'a sensor looks which files it uses' : 'no sensor watches it'}
            </span>
          </li>
        ))}
      </ul>
      <Rest of={rows.length} />
    </>
  );
}

function Rest({ of }: { of: number }) {
  if (of <= SHOWN) return null;
  return <p className={classes.quiet}>And {count(of - SHOWN)} more.</p>;
}

/** How many of its packages are used, and since when that is known. */
export function UseFacts({ row }: { row: RunningImage }) {
  const { packages } = row;
  return (
    <>
      <Facts>
        <Fact term="In use">{count(packages.seen)}</Fact>
        <Fact term="Not seen">{count(packages.not_seen)}</Fact>
        <Fact term="Not known">{count(packages.not_known)}</Fact>
        {packages.watched_since && (
          <Fact term="Watched">
            without a break since <Time at={packages.watched_since} />
          </Fact>
        )}
      </Facts>
      {packages.why && <p className={classes.quiet}>Not known: {packages.why}.</p>}
    </>
  );
}
