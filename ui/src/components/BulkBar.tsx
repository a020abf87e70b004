import { Button, CloseButton } from '@mantine/core';
import { Tooltip } from '../ui/Tooltip';
import classes from './BulkBar.module.css';
import type { Decision } from './Decide';
import { usePermissions } from './permissions';

const ACTS: [Decision, string][] = [
  ['dismiss', 'Dismiss'],
  ['exempt', 'Exempt'],
  ['assign', 'Assign'],
  ['progress', 'Progress'],
  ['due', 'Due'],
  ['comment', 'Comment'],
];

/** What can be done to the rows chosen; it floats, so that no row moves. */
export function BulkBar({
  text,
  all,
  onAll,
  onDecide,
  onClear,
}: {
  text: string;
  all?: string;
  onAll?: () => void;
  onDecide: (decision: Decision) => void;
  onClear: () => void;
}) {
  const { decide: whyNot } = usePermissions();
  return (
    <div className={classes.bar} role="toolbar" aria-label="With the chosen rows">
      <output className={classes.text}>{text}</output>
      {all && (
        <Button size="compact-xs" variant="subtle" onClick={onAll}>
          {all}
        </Button>
      )}
      <span className={classes.acts}>
        {ACTS.map(([id, label]) => (
          <Tooltip key={id} label={whyNot} disabled={whyNot === undefined}>
            <Button
              size="compact-sm"
              variant="default"
              aria-disabled={whyNot !== undefined || undefined}
              data-disabled={whyNot !== undefined || undefined}
              onClick={() => whyNot === undefined && onDecide(id)}
            >
              {label}…
            </Button>
          </Tooltip>
        ))}
      </span>
      <CloseButton size="sm" aria-label="Choose none" onClick={onClear} />
    </div>
  );
}
