// A bill of materials from elsewhere: for an image by its digest, or to be
// listed by itself.

import { Button, FileInput, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { type SbomImported, useImportSbom } from '../../api/vex';
import { ImageLink } from '../../components/Names';
import { ProblemNotice } from '../../components/ProblemNotice';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment } from '../../components/url';
import { plural } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { FormButtons } from '../../ui/FormButtons';
import { Notice } from '../../ui/Notice';
import classes from './import.module.css';

/** What of the warnings is shown: the rest is more of the same. */
const WARNINGS = 10;

export function ImportSbom({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const [made, setMade] = useState<SbomImported>();
  const close = () => {
    setMade(undefined);
    onClose();
  };
  return (
    <Dialog opened={opened} onClose={close} title="Bring in an SBOM">
      {made ? <Done made={made} onClose={close} /> : <Form onCancel={close} onDone={setMade} />}
    </Dialog>
  );
}

function Form({
  onDone,
  onCancel,
}: {
  onDone: (made: SbomImported) => void;
  onCancel: () => void;
}) {
  const environment = useEnvironment();
  const load = useImportSbom();
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState('');
  const [digest, setDigest] = useState('');
  const isDigest = /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(digest.trim());
  const fault = !file
    ? 'Choose a file.'
    : digest.trim() !== '' && !isDigest
      ? 'A digest is sha256: and 64 digits.'
      : digest.trim() !== '' && name.trim() === ''
        ? 'Say which image it is of.'
        : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!file || fault) return;
    load.mutate(
      {
        file,
        name: name.trim() || file.name,
        environment,
        ...(digest.trim() ? { digest: digest.trim() } : {}),
      },
      { onSuccess: onDone },
    );
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {load.error && <ProblemNotice problem={load.error} title="It was not taken" />}
      <FileInput
        size="xs"
        label="File"
        description="CycloneDX (JSON, XML) or SPDX (JSON)"
        placeholder="Choose a file"
        accept=".json,.xml,.cdx,.spdx"
        value={file}
        onChange={setFile}
      />
      <TextInput
        size="xs"
        label="Name"
        description="The image it is of, or what to list it under; empty: the file’s"
        placeholder={file?.name ?? 'registry.example.com/shop/web:1'}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        label="Manifest digest"
        description="Of the image it is of; empty: it is listed by itself"
        placeholder="sha256:…"
        spellCheck={false}
        value={digest}
        onChange={(event) => setDigest(event.currentTarget.value)}
      />
      <FormButtons fault={fault} isBusy={load.isPending} onCancel={onCancel}>
        Bring it in
      </FormButtons>
    </form>
  );
}

function Done({ made, onClose }: { made: SbomImported; onClose: () => void }) {
  const { image, packages, counts, warnings } = made;
  return (
    <div className={classes.form}>
      <Notice tone="good" title={`${plural(packages, 'package')} were read and matched`}>
        <ImageLink image={image} />
      </Notice>
      <SeverityStrip counts={counts} />
      {warnings.length > 0 && (
        <Notice
          tone="warn"
          title={`${plural(warnings.length, 'thing')} in it could not be understood`}
        >
          <ul className={classes.warnings}>
            {warnings.slice(0, WARNINGS).map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </Notice>
      )}
      <div className={classes.buttons}>
        <Button size="xs" onClick={onClose}>
          Close
        </Button>
      </div>
    </div>
  );
}
