// Making a trust policy, or changing one.

import { ActionIcon, Button, Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { type TrustPolicy, useAddTrust, useChangeTrust } from '../../api/trust';
import { ProblemNotice } from '../../components/ProblemNotice';
import { useEnvironment } from '../../components/url';
import { FormButtons } from '../../ui/FormButtons';
import classes from './trust.module.css';
import {
  draftOf,
  faultOf,
  newSigner,
  newStamper,
  policyOf,
  SIGNER_TYPES,
  type SignerDraft,
  type SignerType,
  type StamperDraft,
  type TrustDraft,
} from './trust-draft';

export function TrustForm({
  policy,
  onDone,
  onCancel,
}: {
  policy: TrustPolicy | undefined;
  onDone: (name: string) => void;
  onCancel: () => void;
}) {
  const environment = useEnvironment();
  const add = useAddTrust();
  const change = useChangeTrust(policy?.id ?? '');
  const [draft, setDraft] = useState<TrustDraft>(() => draftOf(policy));
  const set = (part: Partial<TrustDraft>) => setDraft((old) => ({ ...old, ...part }));
  const fault = faultOf(draft);
  const failed = add.error ?? change.error;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    const done = { onSuccess: () => onDone(draft.name.trim()) };
    if (policy) change.mutate(policyOf(draft), done);
    else add.mutate(policyOf(draft, environment), done);
  };
  const setSigner = (index: number, part: Partial<SignerDraft>) =>
    set({
      signers: draft.signers.map((each, at) => (at === index ? { ...each, ...part } : each)),
    });
  const setStamper = (index: number, part: Partial<StamperDraft>) =>
    set({
      stampers: draft.stampers.map((each, at) => (at === index ? { ...each, ...part } : each)),
    });
  return (
    <form onSubmit={submit} className={classes.form}>
      {failed && <ProblemNotice problem={failed} title="It was not saved" />}
      <TextInput
        size="xs"
        label="Name"
        maxLength={100}
        data-autofocus
        value={draft.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
      />
      <TextInput
        size="xs"
        label="Description"
        maxLength={2000}
        value={draft.description}
        onChange={(event) => set({ description: event.currentTarget.value })}
      />
      <Textarea
        size="xs"
        label="Repositories"
        description="With their registry, one a line; * stands for anything"
        placeholder={'registry.example.com/shop/*\nghcr.io/acme/*'}
        autosize
        minRows={2}
        maxRows={8}
        spellCheck={false}
        className={classes.mono}
        value={draft.repositories}
        onChange={(event) => set({ repositories: event.currentTarget.value })}
      />
      <fieldset className={classes.signers}>
        <legend>Whose signature will do: any one of them</legend>
        {draft.signers.map((signer, index) => (
          <Signer
            key={index}
            signer={signer}
            number={index + 1}
            onChange={(part) => setSigner(index, part)}
            {...(draft.signers.length > 1
              ? { onRemove: () => set({ signers: draft.signers.filter((_, at) => at !== index) }) }
              : {})}
          />
        ))}
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconPlus size={13} aria-hidden />}
          onClick={() => set({ signers: [...draft.signers, newSigner()] })}
        >
          Another signer
        </Button>
      </fieldset>
      <details className={classes.more}>
        <summary>The root that identities are checked against</summary>
        <div className={classes.form}>
          <Textarea
            size="xs"
            label="Sigstore’s trusted root"
            description={
              draft.hasRoot
                ? 'One is set and stays; give another to replace it'
                : 'trusted_root.json: needed for identities, and for the log of any signature'
            }
            autosize
            minRows={2}
            maxRows={6}
            spellCheck={false}
            className={classes.mono}
            value={draft.root}
            onChange={(event) => set({ root: event.currentTarget.value })}
          />
        </div>
      </details>
      <fieldset className={classes.signers}>
        <legend>Timestamp authorities whose stamps on notation’s signatures are believed</legend>
        {draft.stampers.map((stamper, index) => (
          <Stamper
            key={index}
            stamper={stamper}
            number={index + 1}
            onChange={(part) => setStamper(index, part)}
            onRemove={() => set({ stampers: draft.stampers.filter((_, at) => at !== index) })}
          />
        ))}
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<IconPlus size={13} aria-hidden />}
          onClick={() => set({ stampers: [...draft.stampers, newStamper()] })}
        >
          {draft.stampers.length > 0 ? 'Another authority' : 'An authority'}
        </Button>
      </fieldset>
      <Checkbox
        size="xs"
        label="It holds"
        description="Otherwise it is kept, and nothing is verified by it"
        checked={draft.enabled}
        onChange={(event) => set({ enabled: event.currentTarget.checked })}
      />
      <FormButtons fault={fault} isBusy={add.isPending || change.isPending} onCancel={onCancel}>
        {policy ? 'Save' : 'Make the policy'}
      </FormButtons>
    </form>
  );
}

function Signer({
  signer,
  number,
  onChange,
  onRemove,
}: {
  signer: SignerDraft;
  number: number;
  onChange: (part: Partial<SignerDraft>) => void;
  onRemove?: () => void;
}) {
  const isIdentity = signer.type === 'identity';
  return (
    <div className={classes.signer} role="group" aria-label={`Signer ${number}`}>
      <div className={classes.pair}>
        <NativeSelect
          size="xs"
          label="Signed with"
          data={SIGNER_TYPES}
          value={signer.type}
          onChange={(event) => onChange({ type: event.currentTarget.value as SignerType })}
        />
        {isIdentity ? (
          <TextInput
            size="xs"
            label="Issuer"
            placeholder="https://token.actions.githubusercontent.com"
            value={signer.issuer}
            onChange={(event) => onChange({ issuer: event.currentTarget.value })}
          />
        ) : (
          <TextInput
            size="xs"
            label="What people know it by"
            maxLength={100}
            value={signer.name}
            onChange={(event) => onChange({ name: event.currentTarget.value })}
          />
        )}
        {onRemove && (
          <ActionIcon
            size={26}
            variant="default"
            aria-label={`Remove signer ${number}`}
            onClick={onRemove}
          >
            <IconTrash size={14} aria-hidden />
          </ActionIcon>
        )}
      </div>
      {!isIdentity && (
        <Textarea
          size="xs"
          label={signer.type === 'key' ? 'Public key' : 'Certificate, or its authority’s'}
          placeholder={
            signer.type === 'key' ? '-----BEGIN PUBLIC KEY-----' : '-----BEGIN CERTIFICATE-----'
          }
          autosize
          minRows={2}
          maxRows={6}
          spellCheck={false}
          className={classes.mono}
          value={signer.pem}
          onChange={(event) => onChange({ pem: event.currentTarget.value })}
        />
      )}
      {signer.type !== 'key' && (
        <TextInput
          size="xs"
          label="Subject"
          description={
            isIdentity
              ? 'Who signs, as the issuer names them; * stands for anything'
              : 'Whose certificate; empty: of whoever the authority vouches for'
          }
          placeholder={isIdentity ? 'https://github.com/acme/*' : ''}
          value={signer.subject}
          onChange={(event) => onChange({ subject: event.currentTarget.value })}
        />
      )}
    </div>
  );
}

function Stamper({
  stamper,
  number,
  onChange,
  onRemove,
}: {
  stamper: StamperDraft;
  number: number;
  onChange: (part: Partial<StamperDraft>) => void;
  onRemove: () => void;
}) {
  return (
    <div className={classes.signer} role="group" aria-label={`Timestamp authority ${number}`}>
      <div className={classes.pair}>
        <TextInput
          size="xs"
          label="What people know the authority by"
          maxLength={100}
          value={stamper.name}
          onChange={(event) => onChange({ name: event.currentTarget.value })}
        />
        <ActionIcon
          size={26}
          variant="default"
          aria-label={`Remove timestamp authority ${number}`}
          onClick={onRemove}
        >
          <IconTrash size={14} aria-hidden />
        </ActionIcon>
      </div>
      <Textarea
        size="xs"
        label="Its root"
        placeholder="-----BEGIN CERTIFICATE-----"
        autosize
        minRows={2}
        maxRows={6}
        spellCheck={false}
        className={classes.mono}
        value={stamper.pem}
        onChange={(event) => onChange({ pem: event.currentTarget.value })}
      />
    </div>
  );
}
