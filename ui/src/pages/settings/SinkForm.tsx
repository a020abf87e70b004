// One form for every sort of sink: its fields are what the server says it
// has to be told.

import {
  Button,
  Checkbox,
  NativeSelect,
  NumberInput,
  PasswordInput,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import {
  type Sink,
  type SinkDescription,
  type SinkField,
  settings,
  useSaveSink,
} from '../../api/settings';
import { Waiting } from '../../components/List';
import { ProblemNotice } from '../../components/ProblemNotice';
import { Notice } from '../../ui/Notice';
import { PlainButton } from '../../ui/PlainButton';
import classes from './settings.module.css';
import { type Draft, draftOf, missing, settingsOf } from './sink-draft';

export function SinkForm({
  sink,
  onSaved,
  onCancel,
}: {
  sink: Sink | undefined;
  onSaved: (sink: Sink) => void;
  onCancel: () => void;
}) {
  const { data: kinds, error } = useQuery(settings.sinkKinds());
  const [chosen, setChosen] = useState<string | undefined>(sink?.kind);
  if (error) return <ProblemNotice problem={error} title="The sorts of sinks are not known" />;
  if (!kinds) return <Waiting label="sorts of sinks" rows={5} />;
  const kind = kinds.find((each) => each.kind === chosen);
  if (!kind) {
    return (
      <div className={classes.kinds}>
        {kinds.map((each) => (
          <PlainButton
            key={each.kind}
            className={classes.kind}
            onClick={() => setChosen(each.kind)}
          >
            <span className={classes.name}>{each.title}</span>
            <div className={classes.quiet}>{each.about}</div>
          </PlainButton>
        ))}
      </div>
    );
  }
  return <Fields key={kind.kind} kind={kind} sink={sink} onSaved={onSaved} onCancel={onCancel} />;
}

function Fields({
  kind,
  sink,
  onSaved,
  onCancel,
}: {
  kind: SinkDescription;
  sink: Sink | undefined;
  onSaved: (sink: Sink) => void;
  onCancel: () => void;
}) {
  const save = useSaveSink();
  const [name, setName] = useState(sink?.name ?? kind.title);
  const [draft, setDraft] = useState<Draft>(() => draftOf(kind.fields, sink));
  const kept = sink?.secrets ?? [];
  const lacking = missing(kind.fields, draft, kept);
  const fault =
    name.trim() === ''
      ? 'Give it a name.'
      : lacking.length > 0
        ? `Still needed: ${lacking.join(', ')}.`
        : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    save.mutate(
      {
        id: sink?.id,
        sink: {
          name: name.trim(),
          kind: kind.kind,
          // The contract leaves what a sink has to be told open.
          settings: settingsOf(kind.fields, draft) as Record<string, never>,
          paused: sink?.paused ?? false,
        },
      },
      { onSuccess: onSaved },
    );
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      <p className={classes.quiet}>{kind.about}</p>
      {save.error && <ProblemNotice problem={save.error} title="It was not saved" />}
      <TextInput
        label="Name"
        maxLength={100}
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      {kind.fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          value={draft[field.name] ?? ''}
          isKept={kept.includes(field.name)}
          onChange={(value) => setDraft((old) => ({ ...old, [field.name]: value }))}
        />
      ))}
      {kind.for_people && (
        <Notice tone="info" title="People read this">
          A route to it sends at most 20 messages a minute unless it says otherwise; the rest
          becomes one digest.
        </Notice>
      )}
      <div className={classes.buttons}>
        <Button variant="default" size="xs" onClick={onCancel}>
          Cancel
        </Button>
        <Button
          type="submit"
          size="xs"
          loading={save.isPending}
          disabled={fault !== undefined}
          title={fault}
        >
          {sink ? 'Save' : 'Add the sink'}
        </Button>
      </div>
    </form>
  );
}

function Field({
  field,
  value,
  isKept,
  onChange,
}: {
  field: SinkField;
  value: Draft[string];
  isKept: boolean;
  onChange: (value: Draft[string]) => void;
}) {
  const text = typeof value === 'string' ? value : '';
  const common = { label: field.title, description: field.help, withAsterisk: field.required };
  if (field.secret) {
    return (
      <PasswordInput
        {...common}
        autoComplete="off"
        placeholder={isKept ? 'set; leave empty to keep it' : ''}
        value={text}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    );
  }
  switch (field.input) {
    case 'boolean':
      return (
        <Checkbox
          label={field.title}
          description={field.help}
          checked={value === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
      );
    case 'number':
      return (
        <NumberInput
          {...common}
          allowDecimal={false}
          value={text}
          placeholder={field.default === undefined ? '' : String(field.default)}
          onChange={(next) => onChange(String(next))}
        />
      );
    case 'choice':
      return (
        <NativeSelect
          {...common}
          data={field.choices ?? []}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    case 'lines':
    case 'list':
    case 'pairs':
      return (
        <Textarea
          {...common}
          autosize
          minRows={2}
          maxRows={8}
          placeholder={field.input === 'pairs' ? 'name: value' : 'one a line'}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    default:
      return (
        <TextInput
          {...common}
          type={field.input === 'url' ? 'url' : 'text'}
          placeholder={field.default === undefined ? '' : String(field.default)}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
  }
}
