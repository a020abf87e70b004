import { Loader, Popover, Progress, Tooltip, UnstyledButton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { plural } from '../lib/format';
import { relative } from '../lib/time';
import { useNow } from '../ui/clock';
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
    <Tooltip label={why[live.state]} multiline maw={280}>
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
  if (scans.length === 0) return null;
  const running = scans.filter((scan) => scan.state === 'running');
  return (
    <Popover position="bottom-end" width={320} shadow="md" withArrow>
      <Popover.Target>
        <UnstyledButton
          className={classes.activity}
          aria-label={`${plural(scans.length, 'scan')} under way`}
        >
          <Loader size={13} color="var(--sw-accent)" aria-hidden />
          <span className={classes.word}>{plural(scans.length, 'scan')}</span>
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown p={12}>
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
        <Link to="/scans" search={keepEnvironment as never}>
          All scans
        </Link>
      </Popover.Dropdown>
    </Popover>
  );
}
