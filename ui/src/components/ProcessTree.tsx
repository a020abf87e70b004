// The processes around an alert as a tree: who started whom, where the
// container begins, and which one the alert is about.

import { IconBox, IconChevronDown, IconChevronRight, IconTarget } from '@tabler/icons-react';
import { type KeyboardEvent, useRef, useState } from 'react';
import type { TraceProcess } from '../api/types';
import { duration, exact } from '../lib/time';
import { type Branch, beside, branchesOf, idOf, long } from '../lib/trace';
import { Tooltip } from '../ui/Tooltip';
import classes from './ProcessTree.module.css';

export function ProcessTree({
  processes,
  alert,
  container,
  chosen,
  onChoose,
}: {
  processes: readonly TraceProcess[];
  /** When the alert happened. */
  alert: string;
  /** The container's name, where it is about one. */
  container: string | undefined;
  /** The process the timeline is narrowed to. */
  chosen: string | undefined;
  onChoose: (id: string | undefined) => void;
}) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const rows = branchesOf(processes, closed);
  const subject = processes.find((each) => each.is_subject);
  const [focused, setFocused] = useState(subject ? idOf(subject) : undefined);
  const tree = useRef<HTMLDivElement>(null);
  // One stop for the Tab key: the focused row, or the first where it is hidden.
  const stop = rows.some((row) => row.id === focused) ? focused : rows[0]?.id;

  const go = (row: Branch<TraceProcess> | undefined) => {
    if (!row) return;
    setFocused(row.id);
    const index = rows.indexOf(row);
    tree.current?.querySelectorAll<HTMLElement>('[role=treeitem]')[index]?.focus();
  };
  const turn = (row: Branch<TraceProcess>, isOpen: boolean) => {
    const next = new Set(closed);
    if (isOpen) next.delete(row.id);
    else next.add(row.id);
    setClosed(next);
  };
  const choose = (id: string) => onChoose(chosen === id ? undefined : id);

  const steer = (event: KeyboardEvent, row: Branch<TraceProcess>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = rows.indexOf(row);
    const act: Record<string, () => void> = {
      ArrowDown: () => go(rows[at + 1]),
      ArrowUp: () => go(rows[at - 1]),
      Home: () => go(rows[0]),
      End: () => go(rows.at(-1)),
      ArrowRight: () => (row.children > 0 && !row.isOpen ? turn(row, true) : go(below(at))),
      ArrowLeft: () =>
        row.isOpen ? turn(row, false) : go(rows.find((each) => each.id === row.parent)),
      Enter: () => choose(row.id),
      ' ': () => choose(row.id),
      '*': () => setClosed(new Set()),
    };
    const action = act[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const below = (at: number) => (rows[at + 1]?.parent === rows[at]?.id ? rows[at + 1] : undefined);

  return (
    <div ref={tree} role="tree" aria-label="Processes" className={classes.tree}>
      {rows.map((row) => {
        const { process } = row;
        const Twist = row.isOpen ? IconChevronDown : IconChevronRight;
        return (
          <div
            key={row.id}
            role="treeitem"
            aria-level={row.depth + 1}
            aria-posinset={row.place}
            aria-setsize={row.of}
            aria-expanded={row.children > 0 ? row.isOpen : undefined}
            aria-selected={row.id === chosen}
            tabIndex={row.id === stop ? 0 : -1}
            className={classes.row}
            data-inside={process.in_container || undefined}
            data-entry={row.isEntry || undefined}
            data-subject={process.is_subject || undefined}
            onFocus={() => setFocused(row.id)}
            onClick={(event) => {
              if ((event.target as Element).closest('[data-twist]')) turn(row, !row.isOpen);
              else choose(row.id);
            }}
            onKeyDown={(event) => steer(event, row)}
          >
            {row.isEntry && (
              <div className={classes.boundary} style={{ marginLeft: indent(row.depth) }}>
                <IconBox size={12} aria-hidden /> in the container{container && ` ${container}`}
              </div>
            )}
            <div className={classes.line} style={{ paddingLeft: indent(row.depth) }}>
              <span className={classes.twist} data-twist aria-hidden>
                {row.children > 0 && <Twist size={13} />}
              </span>
              <div className={classes.body}>
                <div className={classes.head}>
                  <b className={classes.name}>{process.name || '?'}</b>
                  <span className={classes.quiet}>
                    {process.pid} · {process.user || 'user unknown'}
                  </span>
                  {process.is_subject && (
                    <span className={classes.subject}>
                      <IconTarget size={12} aria-hidden /> the alert is about this
                    </span>
                  )}
                  {!process.in_container && <span className={classes.quiet}>on the host</span>}
                  <Tooltip
                    label={`${exact(process.started)}${process.ended ? ` to ${exact(process.ended)}` : ''}`}
                  >
                    <span className={`${classes.quiet} ${classes.life}`}>
                      {lifeOf(process, alert)}
                    </span>
                  </Tooltip>
                </div>
                <code className={classes.command} title={process.path}>
                  {process.command || process.path || process.name}
                </code>
              </div>
            </div>
          </div>
        );
      })}
    </div>
  );
}

const DEEPEST = 12;
const indent = (depth: number) => Math.min(depth, DEEPEST) * 14;

/** "began 1.4 s before, ran 210 ms", "began 3 d before, still running". */
function lifeOf({ started, ended }: TraceProcess, alert: string): string {
  const began = Date.parse(alert) - Date.parse(started);
  const before =
    began > 120_000 ? `${long(Math.round(began / 1000))} before` : beside(started, alert);
  return `began ${before}, ${ended ? `ran ${duration(started, ended)}` : 'not ended'}`;
}
