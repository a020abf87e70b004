import { Button } from '@mantine/core';
import classes from './FormButtons.module.css';

/** The end of a form: what keeps it from being sent, the way back, and on. */
export function FormButtons({
  fault,
  isBusy,
  onCancel,
  children,
}: {
  fault: string | undefined;
  isBusy: boolean;
  onCancel: () => void;
  children: string;
}) {
  return (
    <div className={classes.buttons}>
      {fault && <span className={classes.fault}>{fault}</span>}
      <Button size="xs" variant="default" onClick={onCancel}>
        Cancel
      </Button>
      <Button type="submit" size="xs" loading={isBusy} disabled={fault !== undefined} title={fault}>
        {children}
      </Button>
    </div>
  );
}
