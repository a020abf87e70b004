import { ActionIcon, AppShell, Burger, Kbd, NavLink, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconBell,
  IconBox,
  IconBug,
  IconChecklist,
  IconClipboardCheck,
  IconCommand,
  IconDatabase,
  IconGridDots,
  IconLayoutDashboard,
  IconListSearch,
  IconRadar2,
  IconSettings,
  IconShieldOff,
  IconSitemap,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { queries } from '../api/queries';
import { compact } from '../lib/format';
import { totalOf } from '../lib/severity';
import { useKeys } from '../ui/keys';
import { Account } from './Account';
import { DoneProvider } from './done';
import { EnvironmentPicker } from './EnvironmentPicker';
import { Activity, LivePill } from './LivePill';
import { Mark } from './Mark';
import { keepEnvironment } from './Names';
import { Palette } from './Palette';
import { SearchBox } from './SearchBox';
import classes from './Shell.module.css';
import { useEnvironment, useUrl } from './url';

// Fetched when they are first opened; the palette is not, for it is typed
// into the moment it opens and no letter may be lost.
const Shortcuts = lazy(async () => ({ default: (await import('./Shortcuts')).Shortcuts }));
const StartScan = lazy(async () => ({ default: (await import('./StartScan')).StartScan }));

interface Place {
  to: string;
  label: string;
  key: string;
  icon: typeof IconBox;
  /** Which of the open counts stands beside it. */
  counts?: keyof Counts;
}

const GROUPS: { name?: string; places: Place[] }[] = [
  { places: [{ to: '/', label: 'Overview', key: 'o', icon: IconLayoutDashboard }] },
  {
    name: 'Work',
    places: [
      { to: '/alerts', label: 'Alerts', key: 'a', icon: IconBell, counts: 'alerts' },
      {
        to: '/recommendations',
        label: 'Recommendations',
        key: 'r',
        icon: IconChecklist,
        counts: 'recommendations',
      },
      {
        to: '/vulnerabilities',
        label: 'Vulnerabilities',
        key: 'v',
        icon: IconBug,
        counts: 'vulnerabilities',
      },
      { to: '/findings', label: 'All findings', key: 'f', icon: IconListSearch },
    ],
  },
  {
    name: 'What there is',
    places: [
      { to: '/images', label: 'Images', key: 'i', icon: IconBox, counts: 'images' },
      { to: '/inventory', label: 'Inventory', key: 'n', icon: IconSitemap },
    ],
  },
  {
    name: 'How it stands',
    places: [
      { to: '/attack', label: 'ATT&CK', key: 't', icon: IconGridDots },
      { to: '/compliance', label: 'Compliance', key: 'c', icon: IconClipboardCheck },
      { to: '/exemptions', label: 'Exemptions', key: 'e', icon: IconShieldOff },
    ],
  },
  {
    name: 'The product',
    places: [
      { to: '/scans', label: 'Scans', key: 's', icon: IconRadar2 },
      { to: '/database', label: 'Database', key: 'd', icon: IconDatabase },
      { to: '/settings', label: 'Settings', key: ',', icon: IconSettings },
    ],
  },
];
const PLACES = GROUPS.flatMap((group) => group.places);

interface Counts {
  alerts: number;
  recommendations: number;
  vulnerabilities: number;
  images: number;
}

/** What is open, beside each place; absent while it is not known. */
function useCounts(): Partial<Counts> {
  const environment = useEnvironment();
  const { data } = useQuery(queries.overview(environment));
  const { data: recommendations } = useQuery(queries.recommendations({ environment }));
  if (!data) return {};
  const alerts = data.kinds?.find((each) => each.kind === 'alert');
  return {
    ...(alerts ? { alerts: totalOf(alerts.open) } : {}),
    vulnerabilities: totalOf(data.totals.vulnerabilities),
    images: data.totals.images + data.totals.machines + data.totals.sboms,
    ...(recommendations ? { recommendations: recommendations.length } : {}),
  };
}

export function Shell() {
  const [isMenuOpen, menu] = useDisclosure(false);
  const [dialog, setDialog] = useState<'palette' | 'shortcuts'>();
  const [search, setSearch] = useUrl();
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const close = () => setDialog(undefined);
  const counts = useCounts();

  useKeys({
    ...Object.fromEntries(
      PLACES.map((place) => [
        `g ${place.key}`,
        () => navigate({ to: place.to, search: keepEnvironment } as never),
      ]),
    ),
    '/': () => {
      const field =
        document.querySelector<HTMLInputElement>('input[data-page-search]') ??
        document.querySelector<HTMLInputElement>('input[data-main-search]');
      field?.focus();
      field?.select();
    },
    'mod+k': () => setDialog('palette'),
    '?': () => setDialog('shortcuts'),
    n: () => setSearch({ scan: 'new' }),
  });

  return (
    <DoneProvider>
      <AppShell
        header={{ height: 44 }}
        navbar={{ width: 204, breakpoint: 'sm', collapsed: { mobile: !isMenuOpen } }}
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
          <SearchBox />
          <Tooltip label="Go anywhere (Ctrl K)">
            <ActionIcon
              variant="default"
              size={28}
              aria-label="Search everything"
              className={classes.palette}
              onClick={() => setDialog('palette')}
            >
              <IconCommand size={15} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <Activity />
          <LivePill />
          <Account onShortcuts={() => setDialog('shortcuts')} />
        </AppShell.Header>
        <AppShell.Navbar className={classes.nav} aria-label="Main">
          {GROUPS.map((group) => (
            <div key={group.name ?? ''} className={classes.group}>
              {group.name && <div className={classes.groupName}>{group.name}</div>}
              {group.places.map((place) => {
                const isHere = place.to === '/' ? path === '/' : path.startsWith(place.to);
                const open = place.counts && counts[place.counts];
                return (
                  <NavLink
                    key={place.to}
                    component={Link}
                    to={place.to}
                    search={keepEnvironment as never}
                    label={place.label}
                    leftSection={<place.icon size={16} stroke={1.6} aria-hidden />}
                    rightSection={
                      open === undefined ? null : (
                        <span className={classes.count}>{compact(open)}</span>
                      )
                    }
                    active={isHere}
                    aria-current={isHere ? 'page' : undefined}
                    onClick={menu.close}
                    className={classes.place}
                  />
                );
              })}
            </div>
          ))}
          <div className={classes.hint}>
            <Kbd size="xs">?</Kbd> keyboard shortcuts
          </div>
        </AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
          <Outlet />
        </AppShell.Main>
        <Palette opened={dialog === 'palette'} onClose={close} places={PLACES} />
        <Suspense>
          {dialog === 'shortcuts' && <Shortcuts opened onClose={close} places={PLACES} />}
          {search.scan === 'new' && (
            <StartScan opened onClose={() => setSearch({ scan: undefined })} />
          )}
        </Suspense>
      </AppShell>
    </DoneProvider>
  );
}
