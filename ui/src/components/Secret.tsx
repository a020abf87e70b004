import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Command } from '../ui/Copy';
import { Notice } from '../ui/Notice';
import classes from './Secret.module.css';

/** Something shown this once. */
export function Secret({
  title,
  value,
  what,
  children,
  more,
  onDone,
}: {
  title: string;
  value: string;
  what: string;
  children: string;
  /** What to do with it. */
  more?: ReactNode;
  onDone: () => void;
}) {
  return (
    <div className={classes.secret}>
      <Notice tone="good" title={title}>
        {children}
      </Notice>
      <Command label={what}>{value}</Command>
      {more}
      <div className={classes.buttons}>
        <Button size="xs" onClick={onDone}>
          I have kept it
        </Button>
      </div>
    </div>
  );
}
