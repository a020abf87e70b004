import type { IncidentState } from '../../api/detection';
import classes from './incidents.module.css';

export const STATE_WORD: Record<IncidentState, string> = {
  open: 'Open',
  acknowledged: 'Acknowledged',
  closed: 'Closed',
  merged: 'Merged',
};

/** Where an incident is in its life, in a word and a shape. */
export function IncidentStateMark({ state }: { state: IncidentState }) {
  return (
    <span className={classes.state} data-state={state}>
      {STATE_WORD[state]}
    </span>
  );
}
