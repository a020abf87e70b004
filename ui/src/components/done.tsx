// What was lately done, so that it can be taken back: a toast for ten
// seconds, a list for as long as the server remembers.

import { Button, CloseButton, Loader } from '@mantine/core';
import { IconArrowBackUp, IconCheck, IconHistory, IconX } from '@tabler/icons-react';
import {
  createContext,
  type ReactNode,
  use,
  useCallback,
  useEffect,
  useEffectEvent,
  useMemo,
  useState,
} from 'react';
import { useAct, useUndo } from '../api/actions';
import type { Action, ActionDone, Selection } from '../api/types';
import {
  canUndo,
  type Done,
  lastUndoable,
  latest,
  marked,
  remembered,
  TOAST_MS,
  toasted,
} from '../lib/undo';
import { useKeys } from '../ui/keys';
import { Menu } from '../ui/Menu';
import { PlainButton } from '../ui/PlainButton';
import { Time } from '../ui/Time';
import classes from './done.module.css';

interface Book {
  list: Done[];
  add: (done: ActionDone) => void;
  /** Something that can only be said, not taken back here. */
  say: (text: string) => void;
  undo: (id: string) => void;
}

const Doing = createContext<Book>({ list: [], add() {}, say() {}, undo() {} });

export function DoneProvider({ children }: { children: ReactNode }) {
  const [list, setList] = useState<Done[]>([]);
  const [note, setNote] = useState<{ text: string; isBad: boolean }>();
  const undoing = useUndo();
  const { mutate } = undoing;
  const undo = useCallback(
    (id: string) => {
      setList((old) => marked(old, id, 'undoing'));
      mutate(id, {
        onSuccess: () => setList((old) => marked(old, id, 'undone', Date.now())),
        onError: (problem) => {
          setList((old) => marked(old, id, 'done'));
          setNote({ text: `It was not undone: ${problem.message}`, isBad: true });
        },
      });
    },
    [mutate],
  );
  const book = useMemo<Book>(
    () => ({
      list,
      undo,
      add: (done) => {
        setNote(undefined);
        setList((old) =>
          remembered(old, {
            id: done.id,
            summary: done.summary,
            until: done.undo_until,
            at: Date.now(),
            state: 'done',
          }),
        );
      },
      say: (text) => setNote({ text, isBad: false }),
    }),
    [list, undo],
  );
  return (
    <Doing value={book}>
      {children}
      <Toast
        list={list}
        note={note}
        onUndo={undo}
        onClose={() => {
          setNote(undefined);
          setList((old) => old.map((each) => ({ ...each, at: 0 })));
        }}
      />
    </Doing>
  );
}

export function useDone(): Book {
  return use(Doing);
}

/** Does something to findings, and remembers how to take it back. */
export function useDoing() {
  const act = useAct();
  const { add } = useDone();
  const run = (select: Selection, action: Action, onSuccess?: (done: ActionDone) => void) =>
    act.mutate(
      { select, action },
      {
        onSuccess: (done) => {
          add(done);
          onSuccess?.(done);
        },
      },
    );
  return { run, isPending: act.isPending, error: act.error, reset: act.reset };
}

function Toast({
  list,
  note,
  onUndo,
  onClose,
}: {
  list: Done[];
  note: { text: string; isBad: boolean } | undefined;
  onUndo: (id: string) => void;
  onClose: () => void;
}) {
  const [now, setNow] = useState(0);
  const newest = latest(list);
  const refresh = useEffectEvent(() => setNow(Date.now()));
  useEffect(() => {
    refresh();
    if (!newest) return;
    const timer = setTimeout(refresh, TOAST_MS + 20);
    return () => clearTimeout(timer);
  }, [newest]);
  const done = toasted(list, Math.max(now, newest?.at ?? 0));
  const last = lastUndoable(list, Date.now());
  useKeys({ z: () => last && onUndo(last.id) }, last !== undefined);
  return (
    <div className={classes.toasts} role="status" aria-live="polite">
      {note ? (
        <div className={classes.toast} data-bad={note.isBad || undefined}>
          {note.isBad ? <IconX size={15} aria-hidden /> : <IconCheck size={15} aria-hidden />}
          <span className={classes.text}>{note.text}</span>
          <CloseButton size="sm" aria-label="Dismiss the message" onClick={onClose} />
        </div>
      ) : (
        done && (
          <div className={classes.toast}>
            <IconCheck size={15} aria-hidden />
            <span className={classes.text}>
              {done.state === 'undone' ? `Undone: ${done.summary}` : done.summary}
            </span>
            {done.state === 'done' && (
              <Button
                size="compact-xs"
                variant="light"
                leftSection={<IconArrowBackUp size={13} aria-hidden />}
                onClick={() => onUndo(done.id)}
              >
                Undo
              </Button>
            )}
            {done.state === 'undoing' && <Loader size={13} />}
            <CloseButton size="sm" aria-label="Dismiss the message" onClick={onClose} />
          </div>
        )
      )}
    </div>
  );
}

/** Beyond the toast: everything of this visit that can still be undone. */
export function RecentActions() {
  const { list, undo } = useDone();
  if (list.length === 0) return null;
  return (
    <Menu position="bottom-end" width={330} closeOnItemClick={false}>
      <Menu.Target>
        <PlainButton className={classes.recent} aria-label="Recent actions">
          <IconHistory size={15} aria-hidden />
        </PlainButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Lately done</Menu.Label>
        {list.map((done) => {
          const isOpen = canUndo(done, Date.now());
          return (
            <Menu.Item
              key={done.id}
              disabled={!isOpen}
              leftSection={<IconArrowBackUp size={14} aria-hidden />}
              onClick={() => undo(done.id)}
            >
              {isOpen ? 'Undo: ' : done.state === 'undone' ? 'Undone: ' : 'Too late: '}
              {done.summary}
              <div className={classes.until}>
                {isOpen && (
                  <>
                    possible until <Time at={done.until} />
                  </>
                )}
              </div>
            </Menu.Item>
          );
        })}
      </Menu.Dropdown>
    </Menu>
  );
}
