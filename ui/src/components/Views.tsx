// Saved views: the page’s address under a name, kept by the server.

import { ActionIcon, Button, Checkbox, Group, Stack, TextInput } from '@mantine/core';
import { IconBookmark, IconChevronDown, IconPlus, IconTrash, IconUsers } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useDeleteView, useSaveView } from '../api/actions';
import { queries } from '../api/queries';
import { parseSearch, pick, stringifySearch } from '../lib/url-state';
import { Dialog } from '../ui/Dialog';
import { Menu } from '../ui/Menu';
import { keepEnvironment } from './Names';
import { ProblemNotice } from './ProblemNotice';
import { useUrl } from './url';

const KEPT = ['q', 'sort', 'group', 'suppressed', 'cluster', 'ns'] as const;

export function Views({ page }: { page: string }) {
  const { data } = useQuery(queries.views());
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const remove = useDeleteView();
  const [isSaving, setSaving] = useState(false);
  const here = stringifySearch(pick(search, KEPT)).replace(/^\?/, '');
  const same = (text: string) => stringifySearch(parseSearch(text)).replace(/^\?/, '') === here;
  const views = (data ?? []).filter((each) => each.page === page);
  const current = views.find((each) => same(each.search));
  return (
    <>
      <Menu position="bottom-end" width={280}>
        <Menu.Target>
          <Button
            size="compact-sm"
            h={28}
            variant="default"
            leftSection={<IconBookmark size={13} aria-hidden />}
            rightSection={<IconChevronDown size={12} aria-hidden />}
          >
            {current?.name ?? 'Views'}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            onClick={() =>
              set(Object.fromEntries([...KEPT, 'sel'].map((key) => [key, undefined])), 'push')
            }
          >
            Everything open
          </Menu.Item>
          {views.length > 0 && <Menu.Label>Saved</Menu.Label>}
          {views.map((view) => (
            <Group key={view.id} gap={2} wrap="nowrap">
              <Menu.Item
                aria-current={view === current || undefined}
                leftSection={
                  view.shared ? (
                    <IconUsers size={14} aria-label="shared" />
                  ) : (
                    <IconBookmark size={14} aria-hidden />
                  )
                }
                onClick={() =>
                  navigate({
                    to: page,
                    search: ((old: Record<string, unknown>) => ({
                      environment: keepEnvironment(old).environment,
                      ...pick(parseSearch(view.search), KEPT),
                    })) as never,
                  })
                }
              >
                {view.name}
              </Menu.Item>
              {view.mine && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  size={26}
                  aria-label={`Delete the view ${view.name}`}
                  onClick={() => remove.mutate(view.id)}
                >
                  <IconTrash size={14} aria-hidden />
                </ActionIcon>
              )}
            </Group>
          ))}
          <Menu.Divider />
          <Menu.Item
            leftSection={<IconPlus size={14} aria-hidden />}
            onClick={() => setSaving(true)}
          >
            Save this view…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Dialog opened={isSaving} onClose={() => setSaving(false)} title="Save this view">
        <SaveForm page={page} search={here} onDone={() => setSaving(false)} />
      </Dialog>
    </>
  );
}

function SaveForm({ page, search, onDone }: { page: string; search: string; onDone: () => void }) {
  const [name, setName] = useState('');
  const [isShared, setShared] = useState(false);
  const save = useSaveView();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === '') return;
    save.mutate({ name: name.trim(), page, search, shared: isShared }, { onSuccess: onDone });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap={10}>
        <TextInput
          label="Name"
          description="One of the same name is replaced"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          size="sm"
          maxLength={80}
          required
          data-autofocus
        />
        <Checkbox
          size="xs"
          label="Everybody sees it"
          checked={isShared}
          onChange={(event) => setShared(event.currentTarget.checked)}
        />
        {save.error && <ProblemNotice problem={save.error} title="It was not saved" />}
        <Group justify="flex-end">
          <Button size="xs" type="submit" loading={save.isPending} disabled={name.trim() === ''}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
