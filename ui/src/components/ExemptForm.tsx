// An exemption in the making: what it covers, as conditions and as a query,
// what that would do, and who answers for it until when.

import { Button, Checkbox, Group, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useCreateExemption } from '../api/actions';
import { queries } from '../api/queries';
import type { Finding, Reason } from '../api/types';
import { plural } from '../lib/format';
import { EXPIRIES, exactly, expiryOf, scopeOf, sharedConditions } from '../lib/scope';
import { totalOf } from '../lib/severity';
import { day } from '../lib/time';
import { useNow } from '../ui/clock';
import { Chip, Chips } from '../ui/Filters';
import { PlainButton } from '../ui/PlainButton';
import { useDone } from './done';
import classes from './ExemptForm.module.css';
import { FindingName, whereText } from './FindingTable';
import { ProblemNotice } from './ProblemNotice';
import { SeverityMark, SeverityStrip } from './Severity';
import { useScope } from './url';
import { REASONS } from './words';

/** Beyond this many, naming each finding is no scope but a list. */
const MOST_NAMED = 50;

export function ExemptForm({
  findings,
  proposed = '',
  onDone,
}: {
  findings: Finding[];
  /** The scope to begin with, where no finding says one. */
  proposed?: string | undefined;
  onDone: () => void;
}) {
  const { environment } = useScope();
  const now = useNow();
  const conditions = sharedConditions(findings);
  const canName = findings.length > 0 && findings.length <= MOST_NAMED;
  const [fields, setFields] = useState<string[]>([]);
  const [scope, setScope] = useState(canName ? exactly(findings) : proposed);
  const [isEverywhere, setEverywhere] = useState(false);
  const [reason, setReason] = useState<Reason>('accepted_risk');
  const [note, setNote] = useState('');
  const [owner, setOwner] = useState('');
  const [expires, setExpires] = useState(expiryOf(30, now).slice(0, 10));
  const create = useCreateExemption();
  const { say } = useDone();

  const [asked] = useDebouncedValue(scope.trim(), 250);
  const where = isEverywhere ? undefined : environment;
  const preview = useQuery({
    ...queries.exemptionPreview(asked, where),
    enabled: asked !== '',
  });
  const choose = (next: string[]) => {
    setFields(next);
    const chosen = conditions.filter((each) => next.includes(each.field));
    setScope(chosen.length > 0 ? scopeOf(chosen) : canName ? exactly(findings) : '');
  };
  const problem =
    scope.trim() === ''
      ? 'Say what it covers.'
      : preview.error
        ? 'The scope cannot be read.'
        : note.trim() === ''
          ? 'Say why, in the note.'
          : undefined;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (problem) return;
    create.mutate(
      {
        scope: scope.trim(),
        reason,
        note: note.trim(),
        ...(where ? { environment: where } : {}),
        ...(owner.trim() ? { owner: owner.trim() } : {}),
        ...(expires ? { expires: `${expires}T23:59:59Z` } : {}),
      },
      {
        onSuccess: (made) => {
          say(`${plural(made.findings, 'finding')} exempted. End the exemption to undo it.`);
          onDone();
        },
      },
    );
  };

  const [only] = findings.length === 1 ? findings : [];
  return (
    <form onSubmit={submit} className={classes.form}>
      <div className={classes.left}>
        {only?.kind === 'alert' && (
          <ByExample
            id={only.id}
            scope={scope}
            onChoose={(proposed) => {
              setScope(proposed);
              setFields(['']);
            }}
          />
        )}
        {findings.length > 0 && (
          <fieldset className={classes.fieldset}>
            <legend>What it covers</legend>
            {canName && (
              <Checkbox
                size="xs"
                label={findings.length === 1 ? 'This finding alone' : 'These findings alone'}
                checked={fields.length === 0}
                onChange={() => choose([])}
              />
            )}
            {conditions.map((each) => (
              <Checkbox
                key={each.field}
                size="xs"
                checked={fields.includes(each.field)}
                onChange={() =>
                  choose(
                    fields.includes(each.field)
                      ? fields.filter((field) => field !== each.field)
                      : [...fields, each.field],
                  )
                }
                label={
                  <span className={classes.condition}>
                    {each.label} <code title={each.value}>{each.value}</code>
                  </span>
                }
              />
            ))}
          </fieldset>
        )}
        <Textarea
          label="Scope"
          description="The same as a query; identities only. Edit it freely."
          value={scope}
          onChange={(event) => {
            setScope(event.currentTarget.value);
            setFields(['']);
          }}
          autosize
          minRows={1}
          maxRows={4}
          size="sm"
          classNames={{ input: classes.scope ?? '' }}
          spellCheck={false}
          error={preview.error?.message}
          required
          data-autofocus={findings.length === 0 || undefined}
        />
        <Checkbox
          size="xs"
          label="In every environment, not only this one"
          checked={isEverywhere}
          onChange={(event) => setEverywhere(event.currentTarget.checked)}
        />
        <div className={classes.pair}>
          <NativeSelect
            label="Reason"
            size="sm"
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value as Reason)}
            data={REASONS.map(({ value, label }) => ({ value, label }))}
          />
          <TextInput
            label="Owner"
            size="sm"
            placeholder="you"
            value={owner}
            onChange={(event) => setOwner(event.currentTarget.value)}
          />
        </div>
        <Textarea
          label="Note"
          description="Why it may stay; whoever finds it later reads this"
          size="sm"
          autosize
          minRows={2}
          maxRows={6}
          value={note}
          onChange={(event) => setNote(event.currentTarget.value)}
          required
          data-autofocus={findings.length > 0 || undefined}
        />
        <TextInput
          type="date"
          label="Ends"
          description={expires ? 'Findings reopen after this day' : 'Never: somebody must end it'}
          size="sm"
          value={expires}
          onChange={(event) => setExpires(event.currentTarget.value)}
        />
        <Chips label="Ends in">
          {EXPIRIES.map((preset) => {
            const date = preset.days === null ? '' : day(expiryOf(preset.days, now));
            return (
              <Chip key={preset.label} isOn={expires === date} onClick={() => setExpires(date)}>
                {preset.label}
              </Chip>
            );
          })}
        </Chips>
      </div>
      <Preview
        data={asked === '' ? undefined : preview.data}
        isOld={preview.isPlaceholderData || asked !== scope.trim()}
      />
      <div className={classes.foot}>
        {create.error && <ProblemNotice problem={create.error} title="It was not exempted" />}
        <Group justify="flex-end" gap={10}>
          {problem && <span className={classes.problem}>{problem}</span>}
          <Button
            size="xs"
            type="submit"
            disabled={problem !== undefined}
            loading={create.isPending}
          >
            Exempt
            {preview.data && asked !== ''
              ? ` ${plural(totalOf(preview.data.counts), 'finding')}`
              : ''}
          </Button>
        </Group>
      </div>
    </form>
  );
}

/** What this alert could be muted by, from narrow to wide, in one click each. */
function ByExample({
  id,
  scope,
  onChoose,
}: {
  id: string;
  scope: string;
  onChoose: (scope: string) => void;
}) {
  const { data } = useQuery(queries.findingMutes(id));
  if (!data || data.length === 0) return null;
  return (
    <fieldset className={classes.fieldset}>
      <legend>Mute, by example</legend>
      {data.map((each) => (
        <PlainButton
          key={each.scope}
          className={classes.example}
          aria-pressed={each.scope === scope}
          onClick={() => onChoose(each.scope)}
        >
          <span>{each.label}</span>
          <span className={classes.open}>{plural(each.open, 'open finding')}</span>
        </PlainButton>
      ))}
    </fieldset>
  );
}

function Preview({
  data,
  isOld,
}: {
  data: { counts: Parameters<typeof totalOf>[0]; examples: Finding[]; score: number } | undefined;
  isOld: boolean;
}) {
  const total = data ? totalOf(data.counts) : 0;
  return (
    <section
      className={classes.preview}
      aria-label="What it would do"
      aria-busy={isOld}
      aria-live="polite"
    >
      <h3>What it would do</h3>
      {!data ? (
        <p>{isOld ? '…' : 'Nothing yet: the scope is empty.'}</p>
      ) : total === 0 ? (
        <p>No open finding is covered now. Later ones would be.</p>
      ) : (
        <>
          <p>
            Takes <b>{plural(total, 'open finding')}</b> out of what weighs.
          </p>
          <SeverityStrip counts={data.counts as never} />
          <p>
            Secure score{' '}
            <b>
              {data.score > 0 ? '+' : data.score < 0 ? '−' : '±'}
              {Math.abs(data.score).toFixed(1)}
            </b>{' '}
            points, counted as exempted.
          </p>
          <ul className={classes.examples}>
            {data.examples.map((each) => (
              <li key={each.id}>
                <SeverityMark severity={each.severity} />
                <div>
                  <FindingName finding={each} />
                  <div className={classes.where}>{whereText(each)}</div>
                </div>
              </li>
            ))}
          </ul>
          {total > data.examples.length && (
            <p className={classes.where}>
              and {plural(total - data.examples.length, 'more', 'more')}
            </p>
          )}
        </>
      )}
    </section>
  );
}
