import { Menu, UnstyledButton } from '@mantine/core';
import { IconCheck, IconChevronDown, IconFlask, IconServer2, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useDemo } from '../api/actions';
import { queries } from '../api/queries';
import { plural } from '../lib/format';
import classes from './EnvironmentPicker.module.css';
import { LOCAL, useEnvironment } from './url';

/** Whose things are shown. The demonstration is never mistaken for them. */
export function EnvironmentPicker() {
  const { data } = useQuery(queries.environments());
  const chosen = useEnvironment();
  const navigate = useNavigate();
  const demo = useDemo();
  const environments = data ?? [];
  const current = environments.find((each) => each.id === chosen);
  const isDemo = current?.demo ?? false;
  const hasDemo = environments.some((each) => each.demo);
  const go = (id: string | undefined) =>
    navigate({ to: '/', search: { environment: id } as never });

  return (
    <Menu position="bottom-start" width={260}>
      <Menu.Target>
        <UnstyledButton
          className={classes.button}
          data-demo={isDemo || undefined}
          aria-label={`Environment: ${current?.name ?? 'loading'}`}
        >
          {isDemo ? <IconFlask size={14} aria-hidden /> : <IconServer2 size={14} aria-hidden />}
          <span className="truncate">{current?.name ?? '…'}</span>
          <IconChevronDown size={12} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Environment</Menu.Label>
        {environments.map((each) => (
          <Menu.Item
            key={each.id}
            leftSection={
              each.demo ? (
                <IconFlask size={14} aria-hidden />
              ) : (
                <IconServer2 size={14} aria-hidden />
              )
            }
            rightSection={
              each.id === current?.id ? <IconCheck size={14} aria-label="current" /> : null
            }
            onClick={() => go(each.id === LOCAL ? undefined : each.id)}
          >
            {each.name}
            <span className={classes.count}>{plural(each.images, 'image')}</span>
          </Menu.Item>
        ))}
        <Menu.Divider />
        {hasDemo ? (
          <Menu.Item
            leftSection={<IconTrash size={14} aria-hidden />}
            disabled={demo.isPending}
            onClick={() => demo.mutate(false, { onSuccess: () => go(undefined) })}
          >
            Remove the demonstration
          </Menu.Item>
        ) : (
          <Menu.Item
            leftSection={<IconFlask size={14} aria-hidden />}
            disabled={demo.isPending}
            onClick={() => demo.mutate(true, { onSuccess: () => go('demo') })}
          >
            Load the demonstration
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
