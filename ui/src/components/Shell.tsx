import { AppShell, Burger, Kbd, NavLink, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconBox,
  IconBug,
  IconDatabase,
  IconLayoutDashboard,
  IconRadar2,
  IconSearch,
} from '@tabler/icons-react';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { useState } from 'react';
import { useKeys } from '../ui/keys';
import { Account } from './Account';
import { EnvironmentPicker } from './EnvironmentPicker';
import { Activity, LivePill } from './LivePill';
import { Mark } from './Mark';
import { keepEnvironment } from './Names';
import { Palette } from './Palette';
import classes from './Shell.module.css';
import { Shortcuts } from './Shortcuts';
import { StartScan } from './StartScan';
import { useUrl } from './url';

const PLACES = [
  { to: '/', label: 'Overview', key: 'o', icon: IconLayoutDashboard },
  { to: '/images', label: 'Images', key: 'i', icon: IconBox },
  { to: '/vulnerabilities', label: 'Vulnerabilities', key: 'v', icon: IconBug },
  { to: '/scans', label: 'Scans', key: 's', icon: IconRadar2 },
  { to: '/database', label: 'Database', key: 'd', icon: IconDatabase },
] as const;

export function Shell() {
  const [isMenuOpen, menu] = useDisclosure(false);
  const [dialog, setDialog] = useState<'palette' | 'shortcuts'>();
  const [search, setSearch] = useUrl();
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const close = () => setDialog(undefined);

  useKeys({
    ...Object.fromEntries(
      PLACES.map((place) => [
        `g ${place.key}`,
        () => navigate({ to: place.to, search: keepEnvironment as never }),
      ]),
    ),
    '/': () => {
      const field = document.querySelector<HTMLInputElement>('input[data-page-search]');
      if (field) field.select();
      else setDialog('palette');
    },
    'mod+k': () => setDialog('palette'),
    '?': () => setDialog('shortcuts'),
    n: () => setSearch({ scan: 'new' }),
  });

  return (
    <AppShell
      header={{ height: 44 }}
      navbar={{ width: 188, breakpoint: 'sm', collapsed: { mobile: !isMenuOpen } }}
      transitionDuration={120}
    >
      <AppShell.Header className={classes.header}>
        <a href="#main" className={classes.skip}>
          Skip to content
        </a>
        <Burger
          opened={isMenuOpen}
          onClick={menu.toggle}
          hiddenFrom="sm"
          size="sm"
          aria-label={isMenuOpen ? 'Close navigation' : 'Open navigation'}
        />
        <Link
          to="/"
          search={keepEnvironment as never}
          className={classes.brand}
          aria-label="Seawall, overview"
        >
          <Mark />
          <span className={classes.name}>Seawall</span>
        </Link>
        <EnvironmentPicker />
        <UnstyledButton className={classes.search} onClick={() => setDialog('palette')}>
          <IconSearch size={14} aria-hidden />
          <span className={classes.searchText}>Search images, vulnerabilities, packages</span>
          <Kbd size="xs" className={classes.searchKey} aria-hidden>
            Ctrl K
          </Kbd>
        </UnstyledButton>
        <Activity />
        <LivePill />
        <Account onShortcuts={() => setDialog('shortcuts')} />
      </AppShell.Header>
      <AppShell.Navbar className={classes.nav} aria-label="Main">
        {PLACES.map((place) => {
          const isHere = place.to === '/' ? path === '/' : path.startsWith(place.to);
          return (
            <NavLink
              key={place.to}
              component={Link}
              to={place.to}
              search={keepEnvironment as never}
              label={place.label}
              leftSection={<place.icon size={16} stroke={1.6} aria-hidden />}
              active={isHere}
              aria-current={isHere ? 'page' : undefined}
              onClick={menu.close}
              className={classes.place}
            />
          );
        })}
        <div className={classes.hint}>
          <Kbd size="xs">?</Kbd> keyboard shortcuts
        </div>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <Outlet />
      </AppShell.Main>
      <Palette opened={dialog === 'palette'} onClose={close} places={PLACES} />
      <Shortcuts opened={dialog === 'shortcuts'} onClose={close} places={PLACES} />
      <StartScan opened={search.scan === 'new'} onClose={() => setSearch({ scan: undefined })} />
    </AppShell>
  );
}
