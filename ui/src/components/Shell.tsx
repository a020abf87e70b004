import { ActionIcon, Kbd } from '@mantine/core';
import {
  IconBell,
  IconBox,
  IconBug,
  IconBuildingWarehouse,
  IconChecklist,
  IconClipboardCheck,
  IconCommand,
  IconCpu,
  IconDatabase,
  IconDoorEnter,
  IconEyeCheck,
  IconGavel,
  IconGridDots,
  IconHammer,
  IconHandStop,
  IconLayoutDashboard,
  IconLicense,
  IconListSearch,
  IconMenu2,
  IconMessageReport,
  IconPackages,
  IconPlayerPlay,
  IconRadar2,
  IconServer,
  IconSettings,
  IconShieldOff,
  IconSitemap,
  IconStack2,
  IconTimelineEvent,
  IconTopologyStar,
  IconX,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState } from 'react';
import { queries } from '../api/queries';
import { compact } from '../lib/format';
import { totalOf } from '../lib/severity';
import { pick, SCOPE_KEYS } from '../lib/url-state';
import { useKeys } from '../ui/keys';
import { PlainButton } from '../ui/PlainButton';
import { Tooltip } from '../ui/Tooltip';
import { Account } from './Account';
import { DoneProvider } from './done';
import { EnvironmentPicker } from './EnvironmentPicker';
import { CarriedScope, Go, type ScopeSearch } from './Go';
import { Activity, LivePill } from './LivePill';
import { Mark } from './Mark';
import { keepEnvironment } from './Names';
import { Palette } from './Palette';
import { GROUPS, PLACES, type Place } from './places';
import { SearchBox } from './SearchBox';
import classes from './Shell.module.css';
import { useEnvironment, useUrl } from './url';

// Fetched when they are first opened; the palette is not, for it is typed
// into the moment it opens and no letter may be lost.
const Shortcuts = lazy(async () => ({ default: (await import('./Shortcuts')).Shortcuts }));
const StartScan = lazy(async () => ({ default: (await import('./StartScan')).StartScan }));

const ICONS: Record<string, typeof IconBox> = {
  '/fix-first': IconHammer,
  '/running': IconPlayerPlay,
  '/base-images': IconStack2,
  '/licences': IconLicense,
  '/vex': IconMessageReport,
  '/': IconLayoutDashboard,
  '/alerts': IconBell,
  '/incidents': IconTimelineEvent,
  '/recommendations': IconChecklist,
  '/vulnerabilities': IconBug,
  '/findings': IconListSearch,
  '/images': IconBox,
  '/packages': IconPackages,
  '/registries': IconBuildingWarehouse,
  '/inventory': IconSitemap,
  '/clusters': IconTopologyStar,
  '/hosts': IconServer,
  '/sensors': IconCpu,
  '/attack': IconGridDots,
  '/rules': IconEyeCheck,
  '/policies': IconGavel,
  '/admission': IconDoorEnter,
  '/drift': IconHandStop,
  '/compliance': IconClipboardCheck,
  '/exemptions': IconShieldOff,
  '/scans': IconRadar2,
  '/database': IconDatabase,
  '/settings': IconSettings,
};

type Counts = Record<NonNullable<Place['counts']>, number>;

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
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [dialog, setDialog] = useState<'palette' | 'shortcuts'>();
  const [search, setSearch] = useUrl();
  const navigate = useNavigate();
  const close = () => setDialog(undefined);
  const { environment, cluster, ns } = search;
  const scope = useMemo<ScopeSearch>(
    () => pick({ environment, cluster, ns }, SCOPE_KEYS),
    [environment, cluster, ns],
  );

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
    <CarriedScope value={scope}>
      <DoneProvider>
        <div className="sw-frame">
          <header className="sw-head">
            <a href="#main" className={classes.skip}>
              Skip to content
            </a>
            <PlainButton
              className={classes.burger}
              onClick={() => setMenuOpen(!isMenuOpen)}
              aria-label={isMenuOpen ? 'Close navigation' : 'Open navigation'}
              aria-expanded={isMenuOpen}
            >
              {isMenuOpen ? <IconX size={20} aria-hidden /> : <IconMenu2 size={20} aria-hidden />}
            </PlainButton>
            <Go to="/" className="sw-brand" label="Seawall, overview">
              <Mark />
              <b>Seawall</b>
            </Go>
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
          </header>
          <Navigation isOpen={isMenuOpen} onGo={() => setMenuOpen(false)} />
          <main id="main" tabIndex={-1} className="sw-main">
            <Outlet />
          </main>
          <Palette opened={dialog === 'palette'} onClose={close} places={PLACES} />
          <Suspense>
            {dialog === 'shortcuts' && <Shortcuts opened onClose={close} places={PLACES} />}
            {search.scan === 'new' && (
              <StartScan opened onClose={() => setSearch({ scan: undefined })} />
            )}
          </Suspense>
        </div>
      </DoneProvider>
    </CarriedScope>
  );
}

function Navigation({ isOpen, onGo }: { isOpen: boolean; onGo: () => void }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const counts = useCounts();
  return (
    <nav className="sw-nav" aria-label="Main" data-open={isOpen || undefined}>
      {GROUPS.map((group) => (
        <div key={group.name ?? ''} className="sw-group">
          {group.name && <span>{group.name}</span>}
          {group.places.map((place) => {
            const open = place.counts && counts[place.counts];
            const Icon = ICONS[place.to];
            return (
              <Go
                key={place.to}
                to={place.to}
                className="sw-place"
                isHere={place.to === '/' ? path === '/' : path.startsWith(place.to)}
                onClick={onGo}
              >
                <i aria-hidden>{Icon && <Icon size={16} stroke={1.6} />}</i>
                {place.label}
                {open !== undefined && <em>{compact(open)}</em>}
              </Go>
            );
          })}
        </div>
      ))}
      <div className="sw-hint">
        <Kbd size="xs">?</Kbd> keyboard shortcuts
      </div>
    </nav>
  );
}
