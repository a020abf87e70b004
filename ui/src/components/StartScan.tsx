import { Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useStartScan } from '../api/actions';
import { Dialog } from '../ui/Dialog';
import { keepEnvironment } from './Names';
import { ProblemNotice } from './ProblemNotice';

const PLATFORMS = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/386',
  'linux/ppc64le',
  'linux/s390x',
];

/** The form that asks what to scan, in a dialog or on a page. */
export function ScanForm({
  onStarted,
  isWide = false,
}: {
  onStarted?: () => void;
  isWide?: boolean;
}) {
  const [target, setTarget] = useState('');
  const [platform, setPlatform] = useState('');
  const start = useStartScan();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (target.trim() === '') return;
    start.mutate(
      { target: target.trim(), ...(platform ? { platform } : {}) },
      {
        onSuccess: () => {
          setTarget('');
          onStarted?.();
        },
      },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack gap={10}>
        <TextInput
          label="What to scan"
          description="A registry reference, or a path on the server: an archive, an OCI layout, a root file system or an SBOM"
          placeholder="registry.example.com/team/app:1.4"
          value={target}
          onChange={(event) => setTarget(event.currentTarget.value)}
          size="sm"
          data-autofocus
          autoComplete="off"
          spellCheck={false}
          required
        />
        {isWide && (
          <NativeSelect
            label="Platform"
            description="Only for images that exist for several"
            data={[{ value: '', label: 'The server’s own' }, ...PLATFORMS]}
            value={platform}
            onChange={(event) => setPlatform(event.currentTarget.value)}
            size="sm"
          />
        )}
        {start.error && <ProblemNotice problem={start.error} title="The scan was not started" />}
        <Group justify="flex-end">
          <Button type="submit" size="xs" loading={start.isPending} disabled={target.trim() === ''}>
            Scan
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

export function StartScan({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  return (
    <Dialog opened={opened} onClose={onClose} title="Scan an image">
      <ScanForm
        isWide
        onStarted={() => navigate({ to: '/scans', search: keepEnvironment as never })}
      />
    </Dialog>
  );
}
