import { Button } from '@mantine/core';
import type { Finding } from '../api/types';
import { Tooltip } from '../ui/Tooltip';
import type { Decision } from './Decide';
import { useDoing } from './done';
import classes from './FindingView.module.css';
import { usePermissions } from './permissions';

/** What can be decided about one finding, without a dialog where none is needed. */
export function FindingActions({
  finding,
  onDecide,
}: {
  finding: Finding;
  onDecide: (decision: Decision) => void;
}) {
  const { decide: whyNot } = usePermissions();
  const { run, isPending } = useDoing();
  const isWorked = finding.progress === 'in_progress';
  const isOpen = finding.state === 'open';
  const button = (label: string, act: () => void, isMain = false) => (
    <Tooltip key={label} label={whyNot} disabled={whyNot === undefined}>
      <Button
        size="compact-sm"
        variant={isMain ? 'filled' : 'default'}
        data-disabled={whyNot !== undefined || undefined}
        aria-disabled={whyNot !== undefined || undefined}
        disabled={isPending}
        onClick={() => whyNot === undefined && act()}
      >
        {label}
      </Button>
    </Tooltip>
  );
  return (
    <div className={classes.actions} role="group" aria-label="Decide">
      {isOpen && [
        button(
          isWorked ? 'Back to new' : 'Start work',
          () =>
            run(
              { ids: [finding.id] },
              { do: 'progress', progress: isWorked ? 'new' : 'in_progress' },
            ),
          !isWorked,
        ),
        button('Dismiss…', () => onDecide('dismiss')),
        button('Exempt…', () => onDecide('exempt')),
      ]}
      {finding.state === 'dismissed' && button('Reopen…', () => onDecide('reopen'), true)}
      {button('Assign…', () => onDecide('assign'))}
      {button('Due…', () => onDecide('due'))}
    </div>
  );
}
