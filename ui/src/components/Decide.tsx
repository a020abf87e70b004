// The small dialogs in which something is decided about findings.

import { Button, Group, NativeSelect, Radio, Stack, Textarea, TextInput } from '@mantine/core';
import { type KeyboardEvent, type ReactNode, useState } from 'react';
import type { Action, Finding, Progress, Reason, Selection } from '../api/types';
import { plural } from '../lib/format';
import { Dialog } from '../ui/Dialog';
import classes from './Decide.module.css';
import { useDoing } from './done';
import { ExemptForm } from './ExemptForm';
import { ProblemNotice } from './ProblemNotice';
import { PROGRESS_NAME, REASONS } from './words';

export type Decision =
  | 'menu'
  | 'dismiss'
  | 'reopen'
  | 'exempt'
  | 'assign'
  | 'progress'
  | 'due'
  | 'comment';

/** What is decided about: rows at hand, or all a query means. */
export interface Targets {
  select: Selection;
  /** Those that are loaded. */
  findings: Finding[];
  count: number;
  /** What an exemption could begin with, where no finding is at hand. */
  scope?: string;
}

const CHOICES: { id: Exclude<Decision, 'menu'>; key: string; label: string; doc: string }[] = [
  { id: 'progress', key: 'p', label: 'Progress', doc: 'New, or in progress' },
  { id: 'assign', key: 'a', label: 'Assign', doc: 'Who takes care of it' },
  { id: 'due', key: 't', label: 'Due', doc: 'By when' },
  { id: 'comment', key: 'c', label: 'Comment', doc: 'A word for the others' },
  { id: 'dismiss', key: 'd', label: 'Dismiss', doc: 'It needs no work, for a reason' },
  { id: 'exempt', key: 'x', label: 'Exempt', doc: 'It and its like, with an owner and an end' },
  { id: 'reopen', key: 'o', label: 'Reopen', doc: 'Undo a dismissal' },
];

const TITLE: Record<Decision, (what: string) => string> = {
  menu: (what) => `Decide about ${what}`,
  dismiss: (what) => `Dismiss ${what}`,
  reopen: (what) => `Reopen ${what}`,
  exempt: () => 'Exempt',
  assign: (what) => `Assign ${what}`,
  progress: (what) => `Progress of ${what}`,
  due: (what) => `When ${what} must be done`,
  comment: (what) => `Comment on ${what}`,
};

export function Decide({
  decision,
  targets,
  onTurn,
  onClose,
  onDone,
}: {
  decision: Decision | undefined;
  targets: Targets;
  onTurn: (decision: Decision) => void;
  onClose: () => void;
  onDone: (action: Action['do'] | 'exempt') => void;
}) {
  const what = targets.count === 1 ? 'the finding' : plural(targets.count, 'finding');
  return (
    <Dialog
      opened={decision !== undefined}
      onClose={onClose}
      title={decision ? TITLE[decision](what) : ''}
      size={decision === 'exempt' ? 760 : 'md'}
    >
      {decision === 'menu' && <Choices targets={targets} onTurn={onTurn} />}
      {decision === 'exempt' && (
        <ExemptForm
          findings={targets.findings}
          proposed={targets.scope}
          onDone={() => {
            onClose();
            onDone('exempt');
          }}
        />
      )}
      {decision && decision !== 'menu' && decision !== 'exempt' && (
        <Form
          key={decision}
          decision={decision}
          targets={targets}
          onClose={onClose}
          onDone={onDone}
        />
      )}
    </Dialog>
  );
}

function Choices({ targets, onTurn }: { targets: Targets; onTurn: (to: Decision) => void }) {
  const isClosed = targets.findings.some((each) => each.state === 'dismissed');
  const choices = CHOICES.filter((each) => each.id !== 'reopen' || isClosed);
  const steer = (event: KeyboardEvent<HTMLDivElement>) => {
    const choice = choices.find((each) => each.key === event.key);
    const buttons = [...event.currentTarget.querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (choice) onTurn(choice.id);
    else if (event.key === 'ArrowDown' || event.key === 'j')
      buttons[(at + 1) % buttons.length]?.focus();
    else if (event.key === 'ArrowUp' || event.key === 'k')
      buttons[(at + buttons.length - 1) % buttons.length]?.focus();
    else return;
    event.preventDefault();
  };
  return (
    <div className={classes.choices} role="group" aria-label="What to do" onKeyDown={steer}>
      {choices.map((each, index) => (
        <button
          key={each.id}
          type="button"
          className={classes.choice}
          onClick={() => onTurn(each.id)}
          data-autofocus={index === 0 || undefined}
        >
          <kbd className={classes.key}>{each.key}</kbd>
          <b>{each.label}</b>
          <span>{each.doc}</span>
        </button>
      ))}
    </div>
  );
}

function Form({
  decision,
  targets,
  onClose,
  onDone,
}: {
  decision: Exclude<Decision, 'menu' | 'exempt'>;
  targets: Targets;
  onClose: () => void;
  onDone: (action: Action['do']) => void;
}) {
  const first = targets.findings[0];
  const doing = useDoing();
  const [reason, setReason] = useState<Reason>('false_positive');
  const [note, setNote] = useState('');
  const [to, setTo] = useState(targets.count === 1 ? (first?.assignee ?? '') : '');
  const [date, setDate] = useState(targets.count === 1 ? (first?.due ?? '') : '');
  const [progress, setProgress] = useState<Progress>(
    first?.progress === 'in_progress' ? 'new' : 'in_progress',
  );
  const needsNote = decision === 'comment' || (decision === 'dismiss' && reason === 'other');
  const isReady = !needsNote || note.trim() !== '';
  const action = (): Action => {
    const said = note.trim() === '' ? {} : { note: note.trim() };
    switch (decision) {
      case 'dismiss':
        return { do: 'dismiss', reason, ...said };
      case 'reopen':
        return { do: 'reopen', ...said };
      case 'assign':
        return { do: 'assign', ...(to.trim() === '' ? {} : { to: to.trim() }) };
      case 'progress':
        return { do: 'progress', progress };
      case 'due':
        return { do: 'due', ...(date === '' ? {} : { date }) };
      case 'comment':
        return { do: 'comment', text: note.trim() };
    }
  };
  const body: Record<typeof decision, ReactNode> = {
    dismiss: (
      <Radio.Group
        label="Why"
        value={reason}
        onChange={(value) => setReason(value as Reason)}
        size="sm"
      >
        <div className={classes.reasons}>
          {REASONS.map((each) => (
            <Radio
              key={each.value}
              value={each.value}
              label={each.label}
              description={each.doc}
              size="xs"
              data-autofocus={each.value === reason || undefined}
            />
          ))}
        </div>
      </Radio.Group>
    ),
    reopen: (
      <p className={classes.text}>It weighs again, and shows in the lists of what is open.</p>
    ),
    assign: (
      <TextInput
        label="Who takes care"
        description="An account’s name; empty: nobody"
        value={to}
        onChange={(event) => setTo(event.currentTarget.value)}
        size="sm"
        data-autofocus
      />
    ),
    progress: (
      <NativeSelect
        label="Progress"
        value={progress}
        onChange={(event) => setProgress(event.currentTarget.value as Progress)}
        data={(['new', 'in_progress'] as const).map((value) => ({
          value,
          label: PROGRESS_NAME[value],
        }))}
        size="sm"
        data-autofocus
      />
    ),
    due: (
      <TextInput
        type="date"
        label="Due"
        description="Empty: no date"
        value={date}
        onChange={(event) => setDate(event.currentTarget.value)}
        size="sm"
        data-autofocus
      />
    ),
    comment: null,
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!isReady) return;
        doing.run(targets.select, action(), () => {
          onClose();
          onDone(decision);
        });
      }}
    >
      <Stack gap={12}>
        {body[decision]}
        {['dismiss', 'reopen', 'comment'].includes(decision) && (
          <Textarea
            label={decision === 'comment' ? 'Comment' : 'Note'}
            description={needsNote ? undefined : 'Kept in the history; may be empty'}
            required={needsNote}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            autosize
            minRows={2}
            maxRows={8}
            size="sm"
            data-autofocus={decision === 'comment' || undefined}
          />
        )}
        {doing.error && <ProblemNotice problem={doing.error} title="Nothing was changed" />}
        <Group justify="flex-end" gap={8}>
          <Button size="xs" variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button size="xs" type="submit" loading={doing.isPending} disabled={!isReady}>
            {CHOICES.find((each) => each.id === decision)?.label}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
