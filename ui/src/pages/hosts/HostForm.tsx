// Adding a host, or giving it new credentials. What is secret goes in and
// never comes out again.

import { Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { type Host, type HostChange, useAddHost, useChangeHost } from '../../api/hosts';
import { ProblemNotice } from '../../components/ProblemNotice';
import { useEnvironment } from '../../components/url';
import { FormButtons } from '../../ui/FormButtons';
import { Notice } from '../../ui/Notice';
import classes from './hosts.module.css';

/** What keeps an address from being one; nothing where it is. */
export function addressFault(address: string): string | undefined {
  if (address.trim() === '') return 'Say where its engine listens.';
  if (!/^tcp:\/\/[^/\s]+$/.test(address.trim()))
    return 'An address is tcp://HOST:PORT, such as tcp://build-01:2376.';
  return undefined;
}

export function HostForm({
  host,
  onDone,
  onCancel,
}: {
  host?: Host;
  onDone: (host: Host) => void;
  onCancel: () => void;
}) {
  const environment = useEnvironment();
  const add = useAddHost();
  const change = useChangeHost(host?.id ?? '');
  const [name, setName] = useState(host?.name ?? '');
  const [address, setAddress] = useState(host?.address ?? 'tcp://');
  const [ca, setCa] = useState('');
  const [certificate, setCertificate] = useState('');
  const [key, setKey] = useState('');
  const given = [ca, certificate, key].filter((text) => text.trim() !== '').length;
  const fault =
    name.trim() === ''
      ? 'Give it a name.'
      : (addressFault(address) ??
        (given > 0 && ca.trim() === ''
          ? 'A certificate of ours is of no use without the authority of theirs.'
          : (certificate.trim() === '') !== (key.trim() === '')
            ? 'A certificate and its key go together.'
            : undefined));
  const isPlain = given === 0 && (host?.secrets.length ?? 0) === 0;
  const failed = add.error ?? change.error;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    const secrets =
      given > 0 ? { ca: ca.trim(), certificate: certificate.trim(), key: key.trim() } : {};
    const wanted = { name: name.trim(), address: address.trim(), ...secrets };
    if (host) change.mutate(wanted as HostChange, { onSuccess: onDone });
    else add.mutate({ ...wanted, environment, paused: false }, { onSuccess: onDone });
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {failed && <ProblemNotice problem={failed} title="It was not saved" />}
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
        description="Where its engine listens; 2376 is usual for TLS"
        maxLength={300}
        value={address}
        onChange={(event) => setAddress(event.currentTarget.value)}
      />
      {(
        [
          ['Their authority (ca.pem)', ca, setCa, 'ca'],
          ['Our certificate (cert.pem)', certificate, setCertificate, 'certificate'],
          ['Its key (key.pem)', key, setKey, 'key'],
        ] as const
      ).map(([label, value, set, id]) => (
        <Textarea
          key={id}
          size="xs"
          label={label}
          description={
            host?.secrets.includes(id)
              ? 'Kept; leave all three empty to leave them as they are'
              : 'PEM, as docker’s own tools write it'
          }
          autosize
          minRows={2}
          maxRows={6}
          spellCheck={false}
          autoComplete="off"
          className={classes.mono}
          value={value}
          onChange={(event) => set(event.currentTarget.value)}
        />
      ))}
      {isPlain && (
        <Notice tone="warn" title="Without an authority it is spoken to without TLS">
          Whoever reaches such an engine is root on its machine. It is looked at all the same, and
          that it answers is raised as a finding.
        </Notice>
      )}
      <FormButtons fault={fault} isBusy={add.isPending || change.isPending} onCancel={onCancel}>
        {host ? 'Save' : 'Add the host'}
      </FormButtons>
    </form>
  );
}
