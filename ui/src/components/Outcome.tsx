// How an attempt ended: what a sensor did about it, or would have done.

import { IconAlertTriangle, IconBan, IconSkull, IconTestPipe } from '@tabler/icons-react';
import { Tooltip } from '../ui/Tooltip';
import classes from './marks.module.css';

export type Outcome = 'blocked' | 'killed' | 'dry' | 'escaped';

const SAID: Record<Outcome, { word: string; doc: string; Icon: typeof IconBan }> = {
  blocked: {
    word: 'Blocked',
    doc: 'The sensor refused it: it did not happen',
    Icon: IconBan,
  },
  killed: {
    word: 'Killed',
    doc: 'The sensor ended the program as it started; its first instructions may have run',
    Icon: IconSkull,
  },
  dry: {
    word: 'Would have been blocked',
    doc: 'A dry run: nothing was stopped',
    Icon: IconTestPipe,
  },
  escaped: {
    word: 'Not stopped',
    doc: 'It was to be ended, and was gone or out of reach before',
    Icon: IconAlertTriangle,
  },
};

/** The sensor's words for it. */
const OUTCOMES: Record<string, Outcome> = {
  blocked: 'blocked',
  killed: 'killed',
  'would have been blocked': 'dry',
  escaped: 'escaped',
};

/** How the evidence of an alert says that it ended; nothing where it just happened. */
export function outcomeOf(evidence: unknown): Outcome | undefined {
  if (typeof evidence !== 'object' || evidence === null) return undefined;
  const facts = evidence as Record<string, unknown>;
  const said = facts['drift.outcome'] ?? facts['deny.outcome'];
  return typeof said === 'string' && Object.hasOwn(OUTCOMES, said) ? OUTCOMES[said] : undefined;
}

export function OutcomeMark({ outcome }: { outcome: Outcome }) {
  const { word, doc, Icon } = SAID[outcome];
  return (
    <Tooltip label={doc}>
      <span className={classes.outcome} data-outcome={outcome}>
        <Icon size={12} aria-hidden />
        {word}
      </span>
    </Tooltip>
  );
}
