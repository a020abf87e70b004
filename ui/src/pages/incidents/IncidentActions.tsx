// What can be done about an incident: take it up, close it with a reason,
// open it again, hand it on, say something.

import { Button, Checkbox, Group, NativeSelect, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { type IncidentDetail, useChangeIncident } from '../../api/detection';
import type { Reason } from '../../api/types';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { REASONS } from '../../components/words';
import { Dialog } from '../../ui/Dialog';
import { Tooltip } from '../../ui/Tooltip';
import classes from './incidents.module.css';

type Doing = 'close' | 'assign' | 'comment';
const TITLE: Record<Doing, string> = {
  close: 'Close the incident',
  assign: 'Assign the incident',
  comment: 'Comment on the incident',
};

const SUBMIT: Record<Doing, string> = { close: 'Close it', assign: 'Assign', comment: 'Comment' };

export function IncidentActions({ detail: { incident } }: { detail: IncidentDetail }) {
  const change = useChangeIncident(incident.id);
  const { decide: whyNot } = usePermissions();
  const [doing, setDoing] = useState<Doing>();
  if (incident.state === 'merged') return null;
  const isClosed = incident.state === 'closed';
  const button = (label: string, act: () => void, isMain = false) => (
    <Tooltip label={whyNot}>
      <Button
        size="compact-sm"
        variant={isMain ? 'filled' : 'default'}
        aria-disabled={whyNot !== undefined || undefined}
        data-disabled={whyNot !== undefined || undefined}
        disabled={change.isPending}
        onClick={() => whyNot === undefined && act()}
      >
        {label}
      </Button>
    </Tooltip>
  );
  return (
    <>
      <div className={classes.actions} role="group" aria-label="Decide">
        {incident.state === 'open' &&
          button('Acknowledge', () => change.mutate({ state: 'acknowledged' }), true)}
        {isClosed
          ? button('Reopen', () => change.mutate({ state: 'open' }), true)
          : button('Close…', () => setDoing('close'))}
        {button('Assign…', () => setDoing('assign'))}
        {button('Comment…', () => setDoing('comment'))}
      </div>
      {change.error && doing === undefined && (
        <ProblemNotice problem={change.error} title="Nothing was changed" />
      )}
      <Dialog
        opened={doing !== undefined}
        onClose={() => setDoing(undefined)}
        title={doing ? TITLE[doing] : ''}
      >
        {doing && (
          <Form
            doing={doing}
            assignee={incident.assignee ?? ''}
            change={change}
            onDone={() => setDoing(undefined)}
          />
        )}
      </Dialog>
    </>
  );
}

function Form({
  doing,
  assignee,
  change,
  onDone,
}: {
  doing: Doing;
  assignee: string;
  change: ReturnType<typeof useChangeIncident>;
  onDone: () => void;
}) {
  const [reason, setReason] = useState<Reason>('false_positive');
  const [text, setText] = useState(doing === 'assign' ? assignee : '');
  const [isAll, setAll] = useState(true);
  const needsText = doing === 'comment' || (doing === 'close' && reason === 'other');
  const isReady = !needsText || text.trim() !== '';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isReady) return;
    const said = text.trim() === '' ? {} : { note: text.trim() };
    change.mutate(
      doing === 'close'
        ? { state: 'closed', reason, ...said, dismiss_alerts: isAll }
        : doing === 'assign'
          ? { assignee: text.trim() || 'none' }
          : said,
      { onSuccess: onDone },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack gap={12}>
        {doing === 'close' && (
          <NativeSelect
            label="Why"
            size="sm"
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value as Reason)}
            data={REASONS.map(({ value, label }) => ({ value, label }))}
            data-autofocus
          />
        )}
        {doing === 'assign' ? (
          <TextInput
            label="Who takes care"
            description="An account’s name; empty: nobody"
            size="sm"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            data-autofocus
          />
        ) : (
          <Textarea
            label={doing === 'comment' ? 'Comment' : 'Note'}
            size="sm"
            autosize
            minRows={2}
            maxRows={8}
            required={needsText}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            data-autofocus={doing === 'comment' || undefined}
          />
        )}
        {doing === 'close' && (
          <Checkbox
            size="xs"
            label="Dismiss its open alerts, too, for the same reason"
            checked={isAll}
            onChange={(event) => setAll(event.currentTarget.checked)}
          />
        )}
        {change.error && <ProblemNotice problem={change.error} title="Nothing was changed" />}
        <Group justify="flex-end" gap={8}>
          <Button size="xs" variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button size="xs" type="submit" loading={change.isPending} disabled={!isReady}>
            {SUBMIT[doing]}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
