import { Progress } from '@mantine/core';
import type { Database } from '../api/types';
import { bytes, count } from '../lib/format';
import classes from './ScanProgress.module.css';

type Work = NonNullable<Database['activity']>;

const VERB = { update: 'Updating', import: 'Importing', reassess: 'Matching everything again' };

export function databaseWork(work: Work): string {
  const amount = (value: number) => (work.unit === 'bytes' ? bytes(value) : count(value));
  const unit = work.unit === 'bytes' ? '' : ` ${work.unit}`;
  const total = typeof work.total === 'number' ? ` of ${amount(work.total)}` : '';
  return `${VERB[work.kind]} · ${work.step} · ${amount(work.done)}${total}${unit}`;
}

/** How far an update or import of the advisories is. */
export function DatabaseProgress({ work }: { work: Work }) {
  const share = typeof work.total === 'number' && work.total > 0 ? work.done / work.total : 0;
  return (
    <div className={classes.progress}>
      <Progress
        size={6}
        animated
        value={share === 0 ? 6 : Math.min(1, share) * 100}
        aria-label={`${VERB[work.kind]} the advisory database`}
      />
      <span className={classes.text}>{databaseWork(work)}</span>
    </div>
  );
}
