import { Button } from '@mantine/core';
import { Command } from '../../ui/Copy';
import { Notice } from '../../ui/Notice';
import classes from './settings.module.css';

/** Something shown this once. */
export function Secret({
  title,
  value,
  what,
  children,
  onDone,
}: {
  title: string;
  value: string;
  what: string;
  children: string;
  onDone: () => void;
}) {
  return (
    <div className={classes.secret}>
      <Notice tone="good" title={title}>
        {children}
      </Notice>
      <Command label={what}>{value}</Command>
      <div className={classes.buttons}>
        <Button size="xs" onClick={onDone}>
          I have kept it
        </Button>
      </div>
    </div>
  );
}
