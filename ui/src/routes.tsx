// The whole site map. A route's search keys are listed here: what is not
// listed is not state.

import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouterHistory,
} from '@tanstack/react-router';
import { CrashPage } from './components/CrashPage';
import { NotFoundPage } from './components/NotFoundPage';
import { Shell } from './components/Shell';
import { parseSearch, pick, stringifySearch } from './lib/url-state';

const keys =
  <K extends string>(...names: K[]) =>
  (search: Record<string, unknown>) =>
    pick(search, [...names, 'environment', 'scan'] as const);

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  notFoundComponent: NotFoundPage,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>) => pick(search, ['next', 'token'] as const),
  component: lazyRouteComponent(() => import('./pages/sign-in/SignInPage'), 'SignInPage'),
});

const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell });

const overview = createRoute({
  getParentRoute: () => shell,
  path: '/',
  validateSearch: keys(),
  component: lazyRouteComponent(() => import('./pages/overview/OverviewPage'), 'OverviewPage'),
});

const images = createRoute({
  getParentRoute: () => shell,
  path: '/images',
  validateSearch: keys(
    'q',
    'kind',
    'severity',
    'partial',
    'fixable',
    'package',
    'vulnerability',
    'sort',
    'sel',
  ),
  component: lazyRouteComponent(() => import('./pages/images/ImagesPage'), 'ImagesPage'),
});

const image = createRoute({
  getParentRoute: () => shell,
  path: '/images/$id',
  validateSearch: keys(
    'tab',
    'q',
    'severity',
    'fixable',
    'kind',
    'layer',
    'suppressed',
    'kev',
    'package',
    'vulnerability',
    'sort',
    'sel',
  ),
  component: lazyRouteComponent(() => import('./pages/images/ImagePage'), 'ImagePage'),
});

const vulnerabilities = createRoute({
  getParentRoute: () => shell,
  path: '/vulnerabilities',
  validateSearch: keys('q', 'severity', 'kev', 'fixable', 'sort', 'sel'),
  component: lazyRouteComponent(
    () => import('./pages/vulnerabilities/VulnerabilitiesPage'),
    'VulnerabilitiesPage',
  ),
});

const vulnerability = createRoute({
  getParentRoute: () => shell,
  path: '/vulnerabilities/$id',
  validateSearch: keys(),
  component: lazyRouteComponent(
    () => import('./pages/vulnerabilities/VulnerabilityPage'),
    'VulnerabilityPage',
  ),
});

const findings = createRoute({
  getParentRoute: () => shell,
  path: '/findings',
  validateSearch: keys(
    'q',
    'severity',
    'fixable',
    'kind',
    'package',
    'vulnerability',
    'kev',
    'suppressed',
    'sort',
    'sel',
  ),
  component: lazyRouteComponent(() => import('./pages/findings/FindingsPage'), 'FindingsPage'),
});

const scans = createRoute({
  getParentRoute: () => shell,
  path: '/scans',
  validateSearch: keys('state', 'sel'),
  component: lazyRouteComponent(() => import('./pages/scans/ScansPage'), 'ScansPage'),
});

const database = createRoute({
  getParentRoute: () => shell,
  path: '/database',
  validateSearch: keys(),
  component: lazyRouteComponent(() => import('./pages/database/DatabasePage'), 'DatabasePage'),
});

const nowhere = createRoute({
  getParentRoute: () => shell,
  path: '$',
  validateSearch: keys(),
  component: NotFoundPage,
});

export const routeTree = root.addChildren([
  signIn,
  shell.addChildren([
    overview,
    images,
    image,
    vulnerabilities,
    vulnerability,
    findings,
    scans,
    database,
    nowhere,
  ]),
]);

export function createAppRouter(queryClient: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree,
    ...(history ? { history } : {}),
    context: { queryClient },
    parseSearch,
    stringifySearch,
    defaultErrorComponent: CrashPage,
    defaultNotFoundComponent: NotFoundPage,
    defaultPreload: 'intent',
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
