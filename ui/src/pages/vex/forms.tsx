// Adding an address VEX documents are fetched from, or one document.

import { Checkbox, FileInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useAddVex, useAddVexSource, type VexDocument } from '../../api/vex';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { useEnvironment } from '../../components/url';
import { FormButtons } from '../../ui/FormButtons';
import classes from './vex.module.css';

export function SourceForm({
  onDone,
  onCancel,
}: {
  onDone: (name: string) => void;
  onCancel: () => void;
}) {
  const environment = useEnvironment();
  const add = useAddVexSource();
  const [name, setName] = useState('');
  const [address, setAddress] = useState('');
  const [hours, setHours] = useState('24');
  const [isPrivate, setPrivate] = useState(false);
  const [isHere, setHere] = useState(false);
  const every = Number(hours);
  const fault =
    name.trim() === ''
      ? 'Give it a name.'
      : !/^https?:\/\/\S+$/.test(address.trim())
        ? 'The address begins with https://.'
        : !Number.isInteger(every) || every < 1 || every > 720
          ? 'It is looked at every 1 to 720 hours.'
          : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    add.mutate(
      {
        name: name.trim(),
        address: address.trim(),
        allow_private: isPrivate,
        every_hours: every,
        ...(isHere ? { environment } : {}),
      },
      { onSuccess: (made) => onDone(made.name) },
    );
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {add.error && <ProblemNotice problem={add.error} title="It was not added" />}
      <TextInput
        size="xs"
        label="Name"
        maxLength={100}
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label="Address"
        description="Of a document, or of a VEX repository: its vex-repository.json, archive or index"
        placeholder="https://vendor.example/vex-repository.json"
        maxLength={2000}
        value={address}
        onChange={(event) => setAddress(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label="Hours between two looks"
        inputMode="numeric"
        value={hours}
        onChange={(event) => setHours(event.currentTarget.value)}
      />
      <Checkbox
        size="xs"
        label="It is on a private network"
        description="Or on this machine; such addresses are refused otherwise"
        checked={isPrivate}
        onChange={(event) => setPrivate(event.currentTarget.checked)}
      />
      <Checkbox
        size="xs"
        label={`Only in ${environment}`}
        checked={isHere}
        onChange={(event) => setHere(event.currentTarget.checked)}
      />
      <FormButtons fault={fault} isBusy={add.isPending} onCancel={onCancel}>
        Add the address
      </FormButtons>
    </form>
  );
}

export function DocumentForm({
  onDone,
  onCancel,
}: {
  onDone: (made: VexDocument) => void;
  onCancel: () => void;
}) {
  const environment = useEnvironment();
  const { everywhere } = usePermissions();
  const add = useAddVex();
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState('');
  const [isHere, setHere] = useState(false);
  const isOnlyHere = isHere || everywhere !== undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!file) return;
    add.mutate(
      {
        file,
        name: name.trim() || file.name,
        ...(isOnlyHere ? { environment } : {}),
      },
      { onSuccess: onDone },
    );
  };
  const fault = file ? undefined : 'Choose a file.';
  return (
    <form onSubmit={submit} className={classes.form}>
      {add.error && <ProblemNotice problem={add.error} title="It was not taken" />}
      <FileInput
        size="xs"
        label="File"
        description="OpenVEX, CSAF or CycloneDX, as JSON"
        placeholder="Choose a file"
        accept=".json"
        value={file}
        onChange={setFile}
      />
      <TextInput
        size="xs"
        label="Name"
        description="A document of the same name is replaced; empty: the file’s"
        placeholder={file?.name ?? ''}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Checkbox
        size="xs"
        label={`Only in ${environment}`}
        description={everywhere ? 'You may not decide for all environments' : undefined}
        disabled={everywhere !== undefined}
        checked={isOnlyHere}
        onChange={(event) => setHere(event.currentTarget.checked)}
      />
      <FormButtons fault={fault} isBusy={add.isPending} onCancel={onCancel}>
        Add the document
      </FormButtons>
    </form>
  );
}
