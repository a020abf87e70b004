// Adding a registry, or changing one. What is secret goes in and never
// comes out again.

import { Checkbox, NativeSelect, PasswordInput, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import {
  type NewRegistry,
  type Registry,
  type RegistryChange,
  type RegistryKind,
  type RegistryMade,
  registries,
  useAddRegistry,
  useChangeRegistry,
} from '../../api/registries';
import { Waiting } from '../../components/List';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { useEnvironment } from '../../components/url';
import { FormButtons } from '../../ui/FormButtons';
import { Notice } from '../../ui/Notice';
import {
  CREDENTIALS,
  credentialOf,
  type Draft,
  draftOf,
  faultOf,
  KEEP,
  type NumberKey,
  optionsOf,
  turned,
} from './draft';
import classes from './registries.module.css';

const PLACEHOLDER: Partial<Record<RegistryKind, string>> = {
  distribution: 'registry.example.com:5000',
  harbor: 'harbor.example.com',
  azure: 'name.azurecr.io',
  amazon: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
  google: 'europe-west1-docker.pkg.dev',
};

export function RegistryForm({
  registry,
  onAdded,
  onChanged,
  onCancel,
}: {
  registry?: Registry;
  onAdded?: (made: RegistryMade) => void;
  onChanged?: () => void;
  onCancel: () => void;
}) {
  const environment = useEnvironment();
  const kinds = useQuery(registries.kinds());
  const add = useAddRegistry();
  const change = useChangeRegistry(registry?.id ?? '');
  const [draft, setDraft] = useState<Draft>(() => draftOf(registry));
  const set = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));
  if (!kinds.data)
    return kinds.error ? (
      <ProblemBlank problem={kinds.error} onRetry={() => kinds.refetch()} />
    ) : (
      <Waiting label="the form" rows={6} />
    );
  const kind = kinds.data.find((each) => each.kind === draft.kind);
  const fault = faultOf(draft, kind, registry);
  const failed = add.error ?? change.error;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    const credential = credentialOf(draft);
    const address = draft.address.trim();
    const wanted = {
      name: draft.name.trim(),
      options: optionsOf(draft),
      ...(address ? { address } : {}),
      // The contract leaves what credentials look like open.
      ...(credential ? { credential: credential as Record<string, never> } : {}),
    };
    if (registry) change.mutate(wanted as RegistryChange, { onSuccess: onChanged });
    else
      add.mutate({ ...wanted, environment, kind: draft.kind, paused: false } as NewRegistry, {
        onSuccess: onAdded,
      });
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {failed && <ProblemNotice problem={failed} title="It was not saved" />}
      <div className={classes.pair}>
        <TextInput
          size="xs"
          label="Name"
          maxLength={100}
          data-autofocus
          value={draft.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
        />
        <NativeSelect
          size="xs"
          label="Kind"
          disabled={registry !== undefined}
          data={kinds.data.map((each) => ({ value: each.kind, label: each.title }))}
          value={draft.kind}
          onChange={(event) => {
            const next = kinds.data.find((each) => each.kind === event.currentTarget.value);
            if (next) setDraft((old) => turned(old, next));
          }}
        />
      </div>
      <TextInput
        size="xs"
        label="Address"
        description="HOST or HOST:PORT, as in the names of its images"
        placeholder={kind?.address ?? PLACEHOLDER[draft.kind] ?? ''}
        maxLength={300}
        value={draft.address}
        onChange={(event) => set({ address: event.currentTarget.value })}
      />
      <Credentials
        draft={draft}
        kinds={kind?.credentials ?? []}
        kept={registry?.credential}
        onChange={set}
      />
      <Textarea
        size="xs"
        label="Repositories"
        description={
          kind?.has_catalogue === false
            ? 'It lists none by itself: whole names, or beginnings that end with *, one a line'
            : 'Whole names, or beginnings that end with *, one a line; empty: all it lists'
        }
        placeholder={'shop/*\nplatform/base'}
        autosize
        minRows={2}
        maxRows={8}
        spellCheck={false}
        className={classes.mono}
        value={draft.repositories}
        onChange={(event) => set({ repositories: event.currentTarget.value })}
      />
      <Numbers draft={draft} onChange={set} />
      <details className={classes.more}>
        <summary>How it is reached</summary>
        <div className={classes.form}>
          <Checkbox
            size="xs"
            label="It is on a private network"
            description="Or may lead there; such addresses are refused otherwise"
            checked={draft.allow_private}
            onChange={(event) => set({ allow_private: event.currentTarget.checked })}
          />
          <Checkbox
            size="xs"
            label="Without TLS"
            checked={draft.plain_http}
            onChange={(event) => set({ plain_http: event.currentTarget.checked })}
          />
          <Textarea
            size="xs"
            label="Certificates of further authorities"
            description="PEM; where its certificate is not from one everybody knows"
            autosize
            minRows={2}
            maxRows={6}
            spellCheck={false}
            className={classes.mono}
            value={draft.authorities}
            onChange={(event) => set({ authorities: event.currentTarget.value })}
          />
          {draft.kind === 'amazon' && (
            <TextInput
              size="xs"
              label="SQS queue"
              description="The address of the queue its events reach by EventBridge; empty: none"
              value={draft.queue}
              onChange={(event) => set({ queue: event.currentTarget.value })}
            />
          )}
          {['amazon', 'azure', 'google'].includes(draft.kind) && (
            <TextInput
              size="xs"
              label="Endpoint"
              description="Another address than the cloud’s own for its interface; usually empty"
              value={draft.endpoint}
              onChange={(event) => set({ endpoint: event.currentTarget.value })}
            />
          )}
        </div>
      </details>
      {draft.plain_http && (
        <Notice tone="warn" title="Without TLS anybody on the way reads its credentials" />
      )}
      <FormButtons fault={fault} isBusy={add.isPending || change.isPending} onCancel={onCancel}>
        {registry ? 'Save' : 'Add the registry'}
      </FormButtons>
    </form>
  );
}

function Credentials({
  draft,
  kinds,
  kept,
  onChange,
}: {
  draft: Draft;
  kinds: readonly string[];
  kept: string | undefined;
  onChange: (part: Partial<Draft>) => void;
}) {
  const choices = [
    ...(kept !== undefined
      ? [{ value: KEEP, label: `As before: ${CREDENTIALS[kept]?.label.toLowerCase() ?? kept}` }]
      : []),
    ...kinds.map((each) => ({ value: each, label: CREDENTIALS[each]?.label ?? each })),
  ];
  const fields = CREDENTIALS[draft.credential]?.fields ?? [];
  const give = (name: string, value: string) =>
    onChange({ given: { ...draft.given, [name]: value } });
  return (
    <>
      <NativeSelect
        size="xs"
        label="Asked as"
        data={choices}
        value={draft.credential}
        onChange={(event) => onChange({ credential: event.currentTarget.value, given: {} })}
      />
      {fields.map((field) => {
        const common = {
          size: 'xs',
          label: field.label,
          ...(field.help ? { description: field.help } : {}),
          autoComplete: 'off',
          spellCheck: false,
          value: draft.given[field.name] ?? '',
        } as const;
        if (field.isLong)
          return (
            <Textarea
              key={field.name}
              {...common}
              autosize
              minRows={3}
              maxRows={6}
              className={classes.mono}
              onChange={(event) => give(field.name, event.currentTarget.value)}
            />
          );
        const Input = field.isSecret ? PasswordInput : TextInput;
        return (
          <Input
            key={field.name}
            {...common}
            onChange={(event) => give(field.name, event.currentTarget.value)}
          />
        );
      })}
    </>
  );
}

const FIELDS: [key: NumberKey, label: string, help: string][] = [
  ['poll_minutes', 'Minutes between looks', '0: never, it tells by itself'],
  ['tags', 'Newest tags', 'Of each repository'],
  ['recent_days', 'In use', 'Days since an image was pulled or ran'],
  ['again_days', 'Read again', 'After so many days, where it is in use'],
  ['per_minute', 'Images a minute', '0: no limit'],
  ['concurrency', 'Images at once', '1 to 64'],
];

function Numbers({ draft, onChange }: { draft: Draft; onChange: (part: Partial<Draft>) => void }) {
  return (
    <div className={classes.numbers}>
      {FIELDS.map(([key, label, help]) => (
        <TextInput
          key={key}
          size="xs"
          label={label}
          description={help}
          inputMode="numeric"
          value={draft[key]}
          onChange={(event) => onChange({ [key]: event.currentTarget.value })}
        />
      ))}
    </div>
  );
}
