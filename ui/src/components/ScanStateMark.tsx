import { IconCheck, IconClock, IconLoader2, IconPlayerStop, IconX } from '@tabler/icons-react';
import type { ScanState } from '../api/types';
import { Tooltip } from '../ui/Tooltip';
import classes from './ScanStateMark.module.css';

const STATES = {
  queued: { word: 'Queued', icon: IconClock },
  running: { word: 'Scanning', icon: IconLoader2 },
  done: { word: 'Done', icon: IconCheck },
  failed: { word: 'Failed', icon: IconX },
  cancelled: { word: 'Cancelled', icon: IconPlayerStop },
};

export function ScanStateMark({ state, why }: { state: ScanState; why?: string }) {
  const { word, icon: Icon } = STATES[state];
  const mark = (
    <span className={classes.mark} data-state={state}>
      <Icon size={12} aria-hidden />
      {word}
    </span>
  );
  return why ? <Tooltip label={why}>{mark}</Tooltip> : mark;
}
