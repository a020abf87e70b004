import { ActionIcon, useMantineColorScheme } from '@mantine/core';
import {
  IconCheck,
  IconDeviceDesktop,
  IconKeyboard,
  IconLogout,
  IconMoon,
  IconSettings,
  IconSun,
  IconUser,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useSignOut } from '../api/actions';
import { queries } from '../api/queries';
import { settings } from '../api/settings';
import { Menu } from '../ui/Menu';

const SCHEMES = [
  { id: 'light', label: 'Light', icon: IconSun },
  { id: 'dark', label: 'Dark', icon: IconMoon },
  { id: 'auto', label: 'As the system', icon: IconDeviceDesktop },
] as const;

/** Colour scheme, shortcuts, version, the way out. */
export function Account({ onShortcuts }: { onShortcuts: () => void }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { data: session } = useQuery(queries.session());
  const { data: me } = useQuery(settings.me());
  const signOut = useSignOut();
  const navigate = useNavigate();
  return (
    <Menu position="bottom-end" width={210}>
      <Menu.Target>
        <ActionIcon variant="default" size={28} aria-label="Settings and account">
          <IconSettings size={15} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Colours</Menu.Label>
        {SCHEMES.map((scheme) => (
          <Menu.Item
            key={scheme.id}
            leftSection={<scheme.icon size={14} aria-hidden />}
            rightSection={
              colorScheme === scheme.id ? <IconCheck size={14} aria-label="chosen" /> : null
            }
            onClick={() => setColorScheme(scheme.id)}
          >
            {scheme.label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        {me && <Menu.Label>{me.display_name}</Menu.Label>}
        <Menu.Item
          component={Link}
          to="/settings/account"
          leftSection={<IconUser size={14} aria-hidden />}
        >
          Your account
        </Menu.Item>
        <Menu.Item leftSection={<IconKeyboard size={14} aria-hidden />} onClick={onShortcuts}>
          Keyboard shortcuts
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLogout size={14} aria-hidden />}
          onClick={() =>
            signOut.mutate(undefined, {
              onSuccess: (done) => {
                if (done?.provider_sign_out) location.assign(done.provider_sign_out);
                else navigate({ to: '/sign-in' });
              },
              onError: () => navigate({ to: '/sign-in' }),
            })
          }
        >
          Sign out
        </Menu.Item>
        {session && (
          <Menu.Label>
            Seawall {session.server.version} on {session.server.host}
          </Menu.Label>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
