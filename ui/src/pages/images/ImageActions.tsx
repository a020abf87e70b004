import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconArrowsDiff,
  IconChevronDown,
  IconDownload,
  IconRefresh,
  IconTrash,
} from '@tabler/icons-react';
import { useNavigate } from '@tanstack/react-router';
import { useDeleteImage, useStartScan } from '../../api/actions';
import type { ImageDetail } from '../../api/types';
import { keepEnvironment } from '../../components/Names';
import { ProblemNotice } from '../../components/ProblemNotice';
import { Dialog } from '../../ui/Dialog';
import { Menu } from '../../ui/Menu';
import { CompareDialog } from './CompareDialog';

const FORMATS: { id: string; label: string }[] = [
  { id: 'json', label: 'JSON, everything' },
  { id: 'csv', label: 'CSV, findings' },
  { id: 'sarif', label: 'SARIF 2.1' },
  { id: 'cyclonedx', label: 'CycloneDX' },
  { id: 'spdx', label: 'SPDX' },
];

export function ImageActions({ detail }: { detail: ImageDetail }) {
  const { image } = detail;
  const [isAsking, ask] = useDisclosure(false);
  const [isComparing, compare] = useDisclosure(false);
  const rescan = useStartScan();
  const remove = useDeleteImage();
  const navigate = useNavigate();
  const isBusy = image.scanning || rescan.isPending || rescan.isSuccess;
  return (
    <>
      {rescan.error && <ProblemNotice problem={rescan.error} title="The scan was not started" />}
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            rightSection={<IconChevronDown size={12} aria-hidden />}
          >
            Export
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {FORMATS.map((format) => (
            <Menu.Item
              key={format.id}
              component="a"
              href={`/api/v1/images/${encodeURIComponent(image.id)}/report?format=${format.id}`}
              download
            >
              {format.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconArrowsDiff size={14} aria-hidden />}
        onClick={compare.open}
      >
        Compare
      </Button>
      <CompareDialog image={image} opened={isComparing} onClose={compare.close} />
      <Button
        size="xs"
        variant="default"
        leftSection={<IconRefresh size={14} aria-hidden />}
        disabled={isBusy}
        title={isBusy ? 'A scan of it is under way' : undefined}
        onClick={() =>
          rescan.mutate({
            target: detail.target,
            ...(image.platform && image.kind === 'image' ? { platform: image.platform } : {}),
          })
        }
      >
        {isBusy ? 'Scanning' : 'Scan again'}
      </Button>
      <Button
        size="xs"
        variant="default"
        leftSection={<IconTrash size={14} aria-hidden />}
        onClick={ask.open}
      >
        Delete
      </Button>
      <Dialog opened={isAsking} onClose={ask.close} title="Delete this image’s results?">
        <Text size="sm">
          What Seawall knows of <b>{image.name}</b>, its findings and their history, is deleted. The
          image itself is not touched, and scanning it again brings its findings back.
        </Text>
        {remove.error && <ProblemNotice problem={remove.error} title="It was not deleted" />}
        <Group justify="flex-end" mt="md" gap={8}>
          <Button size="xs" variant="default" onClick={ask.close}>
            Keep
          </Button>
          <Button
            size="xs"
            color="red"
            loading={remove.isPending}
            onClick={() =>
              remove.mutate(image.id, {
                onSuccess: () => navigate({ to: '/images', search: keepEnvironment as never }),
              })
            }
          >
            Delete
          </Button>
        </Group>
      </Dialog>
    </>
  );
}
