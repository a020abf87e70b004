import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { Database } from '../../api/types';
import { DatabaseProgress } from '../../components/DatabaseProgress';
import { keepEnvironment } from '../../components/Names';
import { count, plural } from '../../lib/format';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './overview.module.css';

const WORD = { ready: 'Up to date', stale: 'Old', starter: 'Starter advisories only' };

export function DatabasePanel({ database: first }: { database: Database }) {
  // The live feed writes progress here; the overview's copy only starts it.
  const { data } = useQuery({ ...queries.database(), initialData: first });
  return (
    <Panel
      title="Advisory database"
      aside={
        <Link to="/database" search={keepEnvironment as never}>
          Details
        </Link>
      }
    >
      {data.activity && <DatabaseProgress work={data.activity} />}
      <div className={classes.database} data-state={data.state}>
        <b>{WORD[data.state]}</b>
        <span>
          {count(data.advisories)} advisories from {plural(data.sources.length, 'ecosystem')}
        </span>
      </div>
      <div className={classes.quiet}>
        {data.state === 'starter' ? (
          'built into the server'
        ) : (
          <>
            compiled <Time at={data.compiled} />
          </>
        )}
        {data.next_update && (
          <>
            , next update <Time at={data.next_update} />
          </>
        )}
      </div>
    </Panel>
  );
}
