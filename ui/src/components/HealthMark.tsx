import type { ReactNode } from 'react';
import { Tooltip } from '../ui/Tooltip';
import classes from './HealthMark.module.css';

export type Health = 'healthy' | 'degraded' | 'silent' | 'off';

/** How something that is watched is, in a word and a shape. */
export function HealthMark({
  health,
  why,
  children,
}: {
  health: Health;
  why?: string | undefined;
  children: ReactNode;
}) {
  return (
    <Tooltip label={why}>
      <span className={classes.state} data-health={health}>
        {children}
      </span>
    </Tooltip>
  );
}
