import { Loader, Progress } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { plural } from '../lib/format';
import { relative } from '../lib/time';
import { useNow } from '../ui/clock';
import { Float } from '../ui/Float';
import { PlainButton } from '../ui/PlainButton';
import { Tooltip } from '../ui/Tooltip';
import classes from './LivePill.module.css';
import { useActivity, useLive } from './live';
import { keepEnvironment } from './Names';
import { progressShare, progressText } from './ScanProgress';

const WORD = { live: 'Live', connecting: 'Connecting', lost: 'Not live' };

/** Whether what is on screen follows the server. */
export function LivePill() {
  const live = useLive();
  const now = useNow();
  const why = {
    live: `Changes appear by themselves (connected ${relative(new Date(live.since).toISOString(), now)})`,
    connecting: 'Connecting to the server’s event stream',
    lost: `The connection was lost ${relative(new Date(live.since).toISOString(), now)}; trying again. What you see may be out of date.`,
  };
  return (
    <Tooltip label={why[live.state]}>
      <output className={classes.pill} data-state={live.state}>
        <span className={classes.dot} aria-hidden />
        <span className={classes.word}>{WORD[live.state]}</span>
      </output>
    </Tooltip>
  );
}

/** Scans under way, one glance deep. */
export function Activity() {
  const scans = useActivity();
  const [anchor, setAnchor] = useState<HTMLElement>();
  const close = () => setAnchor(undefined);
  if (scans.length === 0) return null;
  const running = scans.filter((scan) => scan.state === 'running');
  return (
    <>
      <PlainButton
        className={classes.activity}
        aria-label={`${plural(scans.length, 'scan')} under way`}
        aria-expanded={anchor !== undefined}
        onClick={(event) => {
          const button = event.currentTarget;
          setAnchor((old) => (old ? undefined : button));
        }}
      >
        <Loader size={13} color="var(--sw-accent)" aria-hidden />
        <span className={classes.word}>{plural(scans.length, 'scan')}</span>
      </PlainButton>
      {anchor && (
        <Float
          anchor={anchor}
          place="bottom-end"
          onAway={close}
          className={classes.box}
          role="dialog"
          aria-label="Scans under way"
          onKeyDown={(event) => event.key === 'Escape' && close()}
        >
          <ul className={classes.list}>
            {(running.length > 0 ? running : scans).slice(0, 5).map((scan) => (
              <li key={scan.id}>
                <div className="truncate">{scan.name}</div>
                <Progress
                  size={4}
                  value={progressShare(scan) * 100}
                  aria-label={`Progress of ${scan.name}`}
                  animated={scan.state === 'running'}
                />
                <div className={classes.step}>{progressText(scan)}</div>
              </li>
            ))}
          </ul>
          <Link to="/scans" search={keepEnvironment as never} onClick={close}>
            All scans
          </Link>
        </Float>
      )}
    </>
  );
}
