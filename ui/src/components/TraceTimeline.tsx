// What happened in the minutes before an alert, oldest first: a word and a
// shape for each kind, the same thing done again told once.

import {
  IconArrowBarToDown,
  IconArrowUpRight,
  IconBell,
  IconBroadcast,
  IconEye,
  IconFilePencil,
  IconFolderSymlink,
  IconKey,
  IconLayersSubtract,
  IconLock,
  IconPlayerPlay,
  IconPlayerStop,
  IconServer,
  IconSignature,
  IconTrash,
  IconWorldSearch,
} from '@tabler/icons-react';
import { useState } from 'react';
import type { TraceEvent, TraceKind, TraceProcess } from '../api/types';
import { count, plural } from '../lib/format';
import { exact } from '../lib/time';
import { beside, folded, idOf, ownerOf } from '../lib/trace';
import { Chip, Chips, FilterMenu } from '../ui/Filters';
import { PlainButton } from '../ui/PlainButton';
import { Tooltip } from '../ui/Tooltip';
import classes from './TraceTimeline.module.css';

export const TRACE_KIND: Record<TraceKind, { word: string; Icon: typeof IconEye }> = {
  execute: { word: 'Started', Icon: IconPlayerPlay },
  exit: { word: 'Ended', Icon: IconPlayerStop },
  read: { word: 'Read', Icon: IconEye },
  write: { word: 'Wrote', Icon: IconFilePencil },
  delete: { word: 'Deleted', Icon: IconTrash },
  rename: { word: 'Renamed', Icon: IconSignature },
  permission: { word: 'Changed mode', Icon: IconLock },
  connect: { word: 'Connected to', Icon: IconArrowUpRight },
  listen: { word: 'Listened on', Icon: IconServer },
  accept: { word: 'Accepted', Icon: IconArrowBarToDown },
  resolve: { word: 'Asked for', Icon: IconWorldSearch },
  privilege: { word: 'Privilege', Icon: IconKey },
  namespace: { word: 'Namespace', Icon: IconLayersSubtract },
  mount: { word: 'Mounted', Icon: IconFolderSymlink },
  signal: { word: 'Signalled', Icon: IconBroadcast },
  alert: { word: 'The alert', Icon: IconBell },
};

const wordOf = (kind: TraceKind) => TRACE_KIND[kind]?.word ?? kind;

const MOST = 120;

export function TraceTimeline({
  events,
  processes,
  omitted,
  alert,
  kinds,
  onKind,
  chosen,
  onChoose,
}: {
  events: readonly TraceEvent[];
  processes: readonly TraceProcess[];
  /** More happened that had no room. */
  omitted: number;
  alert: string;
  /** Shown; all where it is empty. */
  kinds: readonly string[];
  onKind: (kind: string) => void;
  /** The process it is narrowed to. */
  chosen: string | undefined;
  onChoose: (id: string | undefined) => void;
}) {
  const [isWhole, setWhole] = useState(false);
  const owners = new Map(
    events.map((event) => [event, ownerOf(processes, event.pid, event.time)] as const),
  );
  const isOf = (event: TraceEvent) => {
    const owner = owners.get(event);
    return !chosen || (owner !== undefined && idOf(owner) === chosen);
  };
  const mine = events.filter(isOf);
  const shown = folded(mine.filter((event) => kinds.length === 0 || kinds.includes(event.kind)));
  const byKind = new Map<TraceKind, number>();
  for (const event of mine)
    byKind.set(event.kind, (byKind.get(event.kind) ?? 0) + (event.count ?? 1));
  const process = processes.find((each) => idOf(each) === chosen);
  // The end is what the alert is about: what does not fit is left out before it.
  const visible = isWhole ? shown : shown.slice(-MOST);
  return (
    <>
      <div className={classes.bar}>
        <Chips label="What is shown">
          <FilterMenu
            label="Kind"
            choices={[...byKind].map(([value, number]) => ({
              value,
              label: wordOf(value),
              count: number,
            }))}
            chosen={[...kinds]}
            onToggle={onKind}
          />
          {process && (
            <Chip isOn onClick={() => onChoose(undefined)}>
              Only {process.name} ({process.pid}) ×
            </Chip>
          )}
        </Chips>
        <span className={classes.quiet}>
          {plural(
            shown.reduce((sum, each) => sum + (each.count ?? 1), 0),
            'event',
          )}
          {shown.length < events.length && ` in ${plural(shown.length, 'line')}`}
        </span>
      </div>
      {omitted > 0 && (
        <p className={classes.note}>
          {plural(omitted, 'more event')} had no room in the record: what repeats most was left out
          first.
        </p>
      )}
      {visible.length < shown.length && (
        <PlainButton className={classes.more} onClick={() => setWhole(true)}>
          Show the {count(shown.length - visible.length)} before these
        </PlainButton>
      )}
      {shown.length === 0 ? (
        <p className={classes.note}>Nothing of this sort happened in that time.</p>
      ) : (
        <ol className={classes.events} aria-label="What happened, oldest first">
          {visible.map((event, index) => {
            const { word, Icon } = TRACE_KIND[event.kind] ?? { word: event.kind, Icon: IconEye };
            const owner = owners.get(event) ?? ownerOf(processes, event.pid, event.time);
            return (
              <li
                key={`${event.time} ${event.pid} ${event.kind} ${index}`}
                className={classes.event}
                data-alert={event.kind === 'alert' || undefined}
                data-subject={owner?.is_subject || undefined}
              >
                <Tooltip label={exactly(event.time)}>
                  <time dateTime={event.time} className={classes.time}>
                    {beside(event.time, alert)}
                  </time>
                </Tooltip>
                <span className={classes.kind}>
                  <Icon size={14} stroke={1.7} aria-hidden /> {word}
                </span>
                <span className={classes.what}>
                  <code>{event.what}</code>
                  {(event.count ?? 1) > 1 && (
                    <span className={classes.times}> {count(event.count ?? 1)} times</span>
                  )}
                </span>
                <span className={classes.who}>
                  {owner ? (
                    <PlainButton
                      className={classes.process}
                      title={owner.command}
                      aria-label={`${owner.name} ${owner.pid}: only what it did`}
                      onClick={() => onChoose(chosen ? undefined : idOf(owner))}
                    >
                      {owner.name} <span className={classes.quiet}>{owner.pid}</span>
                    </PlainButton>
                  ) : (
                    <span className={classes.quiet}>{event.pid}</span>
                  )}
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </>
  );
}

/** To the millisecond: the order of things is what is looked for. */
function exactly(when: string): string {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return exact(when);
  return `${date.toISOString().slice(0, 23).replace('T', ' ')} UTC`;
}
