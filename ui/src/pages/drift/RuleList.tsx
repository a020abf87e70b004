// The rules in their order: read one after the other, moved by pointer or
// by keys, opened to be changed.

import { ActionIcon } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowUp,
  IconChevronDown,
  IconChevronRight,
  IconCopy,
  IconGripVertical,
  IconTrash,
} from '@tabler/icons-react';
import {
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
  useEffect,
  useRef,
  useState,
} from 'react';
import { type DriftRule, type Reach, sentence } from '../../lib/drift';
import { plural } from '../../lib/format';
import { PlainButton } from '../../ui/PlainButton';
import { Tooltip } from '../../ui/Tooltip';
import type { Draft } from './draft';
import classes from './drift.module.css';
import { RuleForm } from './RuleForm';
import type { RunningContainer, RunningNow } from './running';

interface Shared {
  draft: Draft;
  reach: readonly Reach<RunningContainer>[];
  running: RunningNow;
  faults: Map<number, string[]>;
  /** Whoever looks may not change it. */
  isFixed: boolean;
  open: number | undefined;
  onOpen: (index: number | undefined) => void;
  onChange: (rule: DriftRule, key: number) => void;
  onMove: (from: number, to: number) => void;
  onRemove: (key: number) => void;
  onCopy: (index: number) => void;
}

export function RuleList(props: Shared) {
  const { draft, onMove, isFixed } = props;
  const list = useRef<HTMLOListElement>(null);
  const [dragged, setDragged] = useState<number>();
  const [said, setSaid] = useState('');

  const move = (from: number, to: number) => {
    if (isFixed || to < 0 || to >= draft.rules.length || to === from) return;
    onMove(from, to);
    const name = draft.rules[from]?.rule.name || 'The rule';
    setSaid(`${name} is now number ${to + 1} of ${draft.rules.length}`);
  };

  /** The rule follows the pointer: it takes the place it is held over. */
  const drag = (event: PointerEvent, key: number) => {
    if (isFixed || event.button !== 0) return;
    event.preventDefault();
    const handle = event.currentTarget as HTMLElement;
    handle.focus();
    setDragged(key);
    const over = (moving: globalThis.PointerEvent) => {
      const items = [...(list.current?.children ?? [])] as HTMLElement[];
      const from = items.findIndex((item) => item.dataset.key === String(key));
      const to = items.findIndex((item) => {
        const box = item.getBoundingClientRect();
        return moving.clientY >= box.top && moving.clientY < box.bottom;
      });
      if (from < 0 || to < 0 || to === from) return;
      // Only past the other's middle, or a high one would spring back.
      const box = items[to]?.getBoundingClientRect();
      const middle = box ? box.top + box.height / 2 : 0;
      if (to > from ? moving.clientY < middle : moving.clientY > middle) return;
      latest.current(from, to);
    };
    const end = () => {
      setDragged(undefined);
      removeEventListener('pointermove', over);
      removeEventListener('pointerup', end);
      removeEventListener('pointercancel', end);
    };
    addEventListener('pointermove', over);
    addEventListener('pointerup', end);
    addEventListener('pointercancel', end);
  };
  const latest = useRef(move);
  useEffect(() => {
    latest.current = move;
  });

  if (draft.rules.length === 0)
    return (
      <p className={classes.none}>
        No rules yet: drift raises an alert in every container, and nothing is stopped.
      </p>
    );
  return (
    <>
      <ol ref={list} className={classes.rules} aria-label="Rules, in the order they are tried">
        {draft.rules.map(({ key, rule }, index) => (
          <li
            key={key}
            data-key={key}
            className={classes.rule}
            data-dragged={dragged === key || undefined}
            data-faulty={props.faults.has(key) || undefined}
          >
            <Head
              {...props}
              index={index}
              id={key}
              rule={rule}
              onMoveTo={(to) => move(index, to)}
              onDrag={(event) => drag(event, key)}
            />
            {props.open === index && (
              <RuleForm
                rule={rule}
                faults={props.faults.get(key) ?? []}
                reach={props.reach[index]}
                running={props.running}
                isFixed={isFixed}
                onChange={(next) => props.onChange(next, key)}
              />
            )}
          </li>
        ))}
      </ol>
      <div className={classes.said} aria-live="polite">
        {said}
      </div>
    </>
  );
}

const ACTION_WORD = { ignore: 'Ignore', alert: 'Alert', block: 'Block' };

export function ActionMark({ rule }: { rule: Pick<DriftRule, 'action' | 'dry_run'> }) {
  const isDry = rule.action === 'block' && rule.dry_run;
  return (
    <span className={classes.action} data-action={rule.action} data-dry={isDry || undefined}>
      {ACTION_WORD[rule.action]}
      {isDry && ', dry run'}
    </span>
  );
}

function Head({
  index,
  id,
  rule,
  draft,
  reach,
  running,
  faults,
  isFixed,
  open,
  onOpen,
  onRemove,
  onCopy,
  onMoveTo,
  onDrag,
}: Shared & {
  index: number;
  id: number;
  rule: DriftRule;
  onMoveTo: (to: number) => void;
  onDrag: (event: PointerEvent) => void;
}) {
  const isOpen = open === index;
  const name = rule.name || 'A rule without a name';
  const last = draft.rules.length - 1;
  const steer = (event: KeyboardEvent) => {
    const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    onMoveTo(to);
  };
  const Twist = isOpen ? IconChevronDown : IconChevronRight;
  return (
    <div className={classes.head}>
      <Tooltip label={isFixed ? undefined : 'Drag, or move with the arrow keys'}>
        <PlainButton
          className={classes.handle}
          aria-label={`Move ${name}: number ${index + 1} of ${last + 1}`}
          disabled={isFixed}
          onKeyDown={steer}
          onPointerDown={onDrag}
        >
          <IconGripVertical size={15} aria-hidden />
          <span className="tabular">{index + 1}</span>
        </PlainButton>
      </Tooltip>
      <PlainButton
        className={classes.open}
        aria-expanded={isOpen}
        onClick={() => onOpen(isOpen ? undefined : index)}
      >
        <span className={classes.name}>
          <Twist size={14} aria-hidden /> <b>{name}</b> <ActionMark rule={rule} />
        </span>
        <span className={classes.says}>{sentence(rule)}</span>
        <span className={classes.reach}>
          <ReachText reach={reach[index]} running={running} />
        </span>
        {!isOpen && faults.has(id) && (
          <span className={classes.fault}>{faults.get(id)?.join(' ')}</span>
        )}
      </PlainButton>
      {!isFixed && (
        <span className={classes.tools}>
          <Tool label={`Move ${name} up`} isOff={index === 0} onClick={() => onMoveTo(index - 1)}>
            <IconArrowUp size={14} aria-hidden />
          </Tool>
          <Tool
            label={`Move ${name} down`}
            isOff={index === last}
            onClick={() => onMoveTo(index + 1)}
          >
            <IconArrowDown size={14} aria-hidden />
          </Tool>
          <Tool label={`Copy ${name}`} onClick={() => onCopy(index)}>
            <IconCopy size={14} aria-hidden />
          </Tool>
          <Tool label={`Remove ${name}`} onClick={() => onRemove(id)}>
            <IconTrash size={14} aria-hidden />
          </Tool>
        </span>
      )}
    </div>
  );
}

function Tool({
  label,
  isOff = false,
  onClick,
  children,
}: {
  label: string;
  isOff?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        size={24}
        variant="subtle"
        color="gray"
        aria-label={label}
        disabled={isOff}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

/** How many running containers a rule decides about, and why not more. */
export function ReachText({
  reach,
  running,
}: {
  reach: Reach<RunningContainer> | undefined;
  running: RunningNow;
}) {
  if (!reach) return null;
  if (running.isPending) return <>asking the sensors what runs…</>;
  if (running.sensors === 0) return <>no sensor yet to say what it fits</>;
  const { decides, taken, perhaps } = reach;
  if (decides.length === 0 && perhaps.length === 0 && taken.length > 0)
    return (
      <>
        never reached: the rules above take {taken.length === 1 ? 'the one' : `all ${taken.length}`}{' '}
        it fits
      </>
    );
  const parts = [
    decides.length > 0 && `decides about ${plural(decides.length, 'running container')}`,
    perhaps.length > 0 &&
      `perhaps about ${plural(perhaps.length, 'running container')}, by ${perhaps.length === 1 ? 'its' : 'their'} labels`,
    taken.length > 0 && `${taken.length} more are taken by rules above`,
  ].filter((part) => part !== false);
  return <>{parts.length === 0 ? 'fits nothing that runs now' : parts.join(', ')}</>;
}

/** What no rule fits; it is not one of the rules and cannot be moved. */
export function Ends({
  rest,
  running,
}: {
  rest: readonly RunningContainer[];
  running: RunningNow;
}) {
  return (
    <div className={classes.ends}>
      <b>Everything else</b> <ActionMark rule={{ action: 'alert' }} />
      <div className={classes.says}>
        Where no rule fits, programs that are not in the image run, and an alert tells of them.
      </div>
      {!running.isPending && running.sensors > 0 && (
        <div className={classes.reach}>
          {plural(rest.length, 'running container')}
          {running.told < running.sensors &&
            `, as far as ${running.told} of ${running.sensors} sensors told`}
        </div>
      )}
    </div>
  );
}
