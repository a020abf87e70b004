import {
  Button,
  Checkbox,
  MultiSelect,
  NativeSelect,
  NumberInput,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { queries } from '../../api/queries';
import { type Route, type Sink, usePreviewRoute, useSaveRoute } from '../../api/settings';
import { ProblemNotice } from '../../components/ProblemNotice';
import { plural } from '../../lib/format';
import { Notice } from '../../ui/Notice';
import classes from './settings.module.css';
import { EVENTS } from './words';

const DIGESTS = [
  { value: '0', label: 'Each at once' },
  { value: '300', label: 'A digest every 5 minutes' },
  { value: '3600', label: 'A digest every hour' },
  { value: '86400', label: 'A digest every day' },
];

export function RouteForm({
  route,
  sinks,
  onDone,
}: {
  route: Route | undefined;
  sinks: Sink[];
  onDone: () => void;
}) {
  const save = useSaveRoute();
  const preview = usePreviewRoute();
  const { data: environments } = useQuery(queries.environments());
  const [name, setName] = useState(route?.name ?? '');
  const [sink, setSink] = useState(route?.sink.id ?? sinks[0]?.id ?? '');
  const [query, setQuery] = useState(route?.query ?? 'severity:>=high');
  const [where, setWhere] = useState(route?.environments ?? []);
  const [events, setEvents] = useState(route?.events ?? ['finding.opened', 'finding.reopened']);
  const [digest, setDigest] = useState(route?.digest_seconds ?? 0);
  const [most, setMost] = useState<number | ''>(route?.max_per_minute ?? '');
  const [asked] = useDebouncedValue(query.trim(), 250);
  const check = useQuery({ ...queries.check(asked), enabled: asked !== '' });
  const errors = asked === query.trim() ? (check.data?.errors ?? []) : [];
  const fault =
    name.trim() === ''
      ? 'Give it a name.'
      : events.length === 0
        ? 'Choose when it tells.'
        : errors.length > 0
          ? 'The query cannot be read.'
          : undefined;
  const draft = {
    name: name.trim() || 'unnamed',
    sink,
    enabled: route?.enabled ?? true,
    query: query.trim(),
    environments: where,
    events,
    digest_seconds: digest,
    ...(most === '' ? {} : { max_per_minute: most }),
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    save.mutate({ id: route?.id, route: draft }, { onSuccess: onDone });
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {save.error && <ProblemNotice problem={save.error} title="It was not saved" />}
      <div className={classes.row}>
        <TextInput
          label="Name"
          placeholder="Critical findings to the on-call channel"
          maxLength={100}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <NativeSelect
          label="Sink"
          data={sinks.map((each) => ({ value: each.id, label: each.name }))}
          value={sink}
          onChange={(event) => setSink(event.currentTarget.value)}
        />
      </div>
      <Textarea
        label="Which findings"
        description="In the grammar of the search box; empty: every finding."
        autosize
        minRows={1}
        spellCheck={false}
        value={query}
        error={
          errors[0] &&
          `${errors[0].message}${errors[0].suggestion ? ` Perhaps ${errors[0].suggestion}?` : ''}`
        }
        onChange={(event) => setQuery(event.currentTarget.value)}
      />
      <fieldset className={classes.checks}>
        <legend>When</legend>
        {EVENTS.map((each) => (
          <Checkbox
            key={each.id}
            size="xs"
            label={each.label}
            checked={events.includes(each.id)}
            onChange={() =>
              setEvents(
                events.includes(each.id)
                  ? events.filter((other) => other !== each.id)
                  : [...events, each.id],
              )
            }
          />
        ))}
      </fieldset>
      <div className={classes.row}>
        <MultiSelect
          label="Environments"
          placeholder={where.length === 0 ? 'All' : undefined}
          data={(environments ?? []).map((each) => ({ value: each.id, label: each.name }))}
          value={where}
          onChange={setWhere}
        />
        <NativeSelect
          label="How"
          data={DIGESTS}
          value={String(digest)}
          onChange={(event) => setDigest(Number(event.currentTarget.value))}
        />
        <NumberInput
          label="At most, a minute"
          placeholder="the sink’s own"
          min={0}
          allowDecimal={false}
          disabled={digest > 0}
          value={most}
          onChange={(next) => setMost(next === '' ? '' : Number(next))}
        />
      </div>
      {preview.error && <ProblemNotice problem={preview.error} title="It cannot be tried" />}
      {preview.data && (
        <Notice
          tone="info"
          title={`In the last ${preview.data.days} days it would have told of ${plural(preview.data.matched, 'finding')}${preview.data.capped ? ' or more' : ''}`}
        >
          {preview.data.sample.length > 0 && (
            <ul>
              {preview.data.sample.slice(0, 5).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          )}
        </Notice>
      )}
      <div className={classes.buttons}>
        <Button
          variant="default"
          size="xs"
          loading={preview.isPending}
          disabled={errors.length > 0 || events.length === 0}
          onClick={() => preview.mutate(draft)}
        >
          Try it on the last days
        </Button>
        <Button variant="default" size="xs" onClick={onDone}>
          Cancel
        </Button>
        <Button
          type="submit"
          size="xs"
          loading={save.isPending}
          disabled={fault !== undefined}
          title={fault}
        >
          {route ? 'Save' : 'Add the route'}
        </Button>
      </div>
    </form>
  );
}
