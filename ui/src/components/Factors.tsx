// How pressing a finding is, and every part that number is made of.

import type { Priority } from '../api/running';
import type { FindingDetail } from '../api/types';
import classes from './Factors.module.css';
import { InUseMark } from './Running';

const FACTOR: Record<string, string> = {
  severity: 'Severity',
  likelihood: 'Likelihood',
  in_use: 'In use',
  exposure: 'Reached',
  fix: 'Fix',
};

/** The priority, and each part it is the product of. */
export function Factors({ priority, use }: { priority: Priority; use: FindingDetail['in_use'] }) {
  return (
    <>
      <p className={classes.text}>
        Priority <b className="tabular">{priority.score}</b> of 1000: the product of these parts.
      </p>
      <ul className={classes.factors} aria-label="What the priority is made of">
        {priority.factors.map(({ name, value, weight, why }) => (
          <li key={name}>
            <span>{FACTOR[name] ?? name}</span>
            <span className={classes.weight} title={`times ${weight.toFixed(2)}`}>
              <i aria-hidden>
                <b style={{ width: `${Math.round(weight * 100)}%` }} />
              </i>
              <span className="tabular">× {weight.toFixed(2)}</span>
            </span>
            <span>
              {value} <span className={classes.quiet}>{why}</span>
            </span>
          </li>
        ))}
      </ul>
      {use && use.state !== 'not_known' && (
        <p className={classes.text}>
          <InUseMark use={use} />
          {use.path && (
            <>
              {' '}
              <code>/{use.path.replace(/^\//, '')}</code>
            </>
          )}
        </p>
      )}
      {use?.why && <p className={classes.quiet}>Whether it is used is not known: {use.why}.</p>}
    </>
  );
}
