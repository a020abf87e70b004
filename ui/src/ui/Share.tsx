import type { ReactNode } from 'react';
import classes from './Share.module.css';

/** How many of how many, as a bar with its numbers beside it. */
export function Share({
  part,
  rest = 0,
  of,
  label,
  tone,
  children,
}: {
  part: number;
  /** A second part, hatched. */
  rest?: number;
  of: number;
  label: string;
  /** `good`: the more, the better. */
  tone?: 'good';
  children?: ReactNode;
}) {
  const share = (value: number) => (of > 0 ? `${Math.min(100, (value / of) * 100)}%` : '0%');
  return (
    <span className={classes.share}>
      <span className={classes.track} role="img" aria-label={label} title={label}>
        <span className={classes.part} data-tone={tone} style={{ width: share(part) }} />
        <span className={classes.rest} style={{ width: share(rest) }} />
      </span>
      {children && <span className="tabular nowrap">{children}</span>}
    </span>
  );
}
