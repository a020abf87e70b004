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
import { parseSearch, pick, SCOPE_KEYS, stringifySearch } from './lib/url-state';

const keys =
  <K extends string>(...names: K[]) =>
  (search: Record<string, unknown>) =>
    pick(search, [...names, ...SCOPE_KEYS, 'scan'] as const);

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  notFoundComponent: NotFoundPage,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>) =>
    pick(search, ['next', 'token', 'error'] as const),
  component: lazyRouteComponent(() => import('./pages/sign-in/SignInPage'), 'SignInPage'),
});

// The first account is made here, by whoever opened the printed link.
const setup = createRoute({
  getParentRoute: () => root,
  path: '/setup',
  validateSearch: (search: Record<string, unknown>) => pick(search, [] as const),
  component: lazyRouteComponent(() => import('./pages/sign-in/SetupPage'), 'SetupPage'),
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
    'tab',
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

const compare = createRoute({
  getParentRoute: () => shell,
  path: '/images/$id/compare',
  validateSearch: keys('with'),
  component: lazyRouteComponent(() => import('./pages/images/ComparePage'), 'ComparePage'),
});

const running = createRoute({
  getParentRoute: () => shell,
  path: '/running',
  validateSearch: keys('q', 'scanned', 'fixable', 'vulnerability', 'sel'),
  component: lazyRouteComponent(() => import('./pages/running/RunningPage'), 'RunningPage'),
});

const fixFirst = createRoute({
  getParentRoute: () => shell,
  path: '/fix-first',
  validateSearch: keys('of', 'priority', 'sel'),
  component: lazyRouteComponent(() => import('./pages/fix-first/FixFirstPage'), 'FixFirstPage'),
});

const bases = createRoute({
  getParentRoute: () => shell,
  path: '/base-images',
  validateSearch: keys('q', 'sel'),
  component: lazyRouteComponent(() => import('./pages/bases/BasesPage'), 'BasesPage'),
});

const licences = createRoute({
  getParentRoute: () => shell,
  path: '/licences',
  validateSearch: keys('q', 'kind', 'sel'),
  component: lazyRouteComponent(() => import('./pages/licences/LicencesPage'), 'LicencesPage'),
});

const vex = createRoute({
  getParentRoute: () => shell,
  path: '/vex',
  validateSearch: keys('tab'),
  component: lazyRouteComponent(() => import('./pages/vex/VexPage'), 'VexPage'),
});

const packages = createRoute({
  getParentRoute: () => shell,
  path: '/packages',
  validateSearch: keys('q', 'kind', 'sel'),
  component: lazyRouteComponent(() => import('./pages/packages/PackagesPage'), 'PackagesPage'),
});

const registries = createRoute({
  getParentRoute: () => shell,
  path: '/registries',
  validateSearch: keys('q', 'tab', 'sel'),
  component: lazyRouteComponent(
    () => import('./pages/registries/RegistriesPage'),
    'RegistriesPage',
  ),
});

const registry = createRoute({
  getParentRoute: () => shell,
  path: '/registries/$id',
  validateSearch: keys('tab', 'q', 'repo', 'sel'),
  component: lazyRouteComponent(() => import('./pages/registries/RegistryPage'), 'RegistryPage'),
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

const alerts = createRoute({
  getParentRoute: () => shell,
  path: '/alerts',
  validateSearch: keys('q', 'sort', 'group', 'sel', 'process', 'did'),
  component: lazyRouteComponent(() => import('./pages/alerts/AlertsPage'), 'AlertsPage'),
});

const incidents = createRoute({
  getParentRoute: () => shell,
  path: '/incidents',
  validateSearch: keys('q', 'severity', 'state', 'sort', 'sel'),
  component: lazyRouteComponent(() => import('./pages/incidents/IncidentsPage'), 'IncidentsPage'),
});

const incident = createRoute({
  getParentRoute: () => shell,
  path: '/incidents/$id',
  validateSearch: keys(),
  component: lazyRouteComponent(() => import('./pages/incidents/IncidentPage'), 'IncidentPage'),
});

const rules = createRoute({
  getParentRoute: () => shell,
  path: '/rules',
  validateSearch: keys('q', 'severity', 'source', 'tactic', 'technique', 'state', 'sel'),
  component: lazyRouteComponent(() => import('./pages/rules/RulesPage'), 'RulesPage'),
});

const rule = createRoute({
  getParentRoute: () => shell,
  path: '/rules/$id',
  validateSearch: keys(),
  component: lazyRouteComponent(() => import('./pages/rules/RulePage'), 'RulePage'),
});

const policies = createRoute({
  getParentRoute: () => shell,
  path: '/policies',
  validateSearch: keys('q', 'action', 'severity', 'group', 'sort', 'sel'),
  component: lazyRouteComponent(() => import('./pages/policies/PoliciesPage'), 'PoliciesPage'),
});

const newPolicy = createRoute({
  getParentRoute: () => shell,
  path: '/policies/new',
  validateSearch: keys('from'),
  component: lazyRouteComponent(() => import('./pages/policies/PolicyEditor'), 'PolicyEditorPage'),
});

const policy = createRoute({
  getParentRoute: () => shell,
  path: '/policies/$id',
  validateSearch: keys('tab'),
  component: lazyRouteComponent(() => import('./pages/policies/PolicyPage'), 'PolicyPage'),
});

const admission = createRoute({
  getParentRoute: () => shell,
  path: '/admission',
  validateSearch: keys('q', 'policy', 'verdict', 'sel'),
  component: lazyRouteComponent(() => import('./pages/admission/AdmissionPage'), 'AdmissionPage'),
});

const clusters = createRoute({
  getParentRoute: () => shell,
  path: '/clusters',
  validateSearch: keys('sel'),
  component: lazyRouteComponent(() => import('./pages/clusters/ClustersPage'), 'ClustersPage'),
});

const cluster = createRoute({
  getParentRoute: () => shell,
  path: '/clusters/$cluster',
  validateSearch: keys('tab', 'q', 'state', 'sel'),
  component: lazyRouteComponent(() => import('./pages/clusters/ClusterPage'), 'ClusterPage'),
});

const hosts = createRoute({
  getParentRoute: () => shell,
  path: '/hosts',
  validateSearch: keys('q', 'tab', 'sel'),
  component: lazyRouteComponent(() => import('./pages/hosts/HostsPage'), 'HostsPage'),
});

const host = createRoute({
  getParentRoute: () => shell,
  path: '/hosts/$id',
  validateSearch: keys(),
  component: lazyRouteComponent(() => import('./pages/hosts/HostPage'), 'HostPage'),
});

const workload = createRoute({
  getParentRoute: () => shell,
  path: '/clusters/$cluster/workloads/$id',
  validateSearch: keys(),
  component: lazyRouteComponent(() => import('./pages/clusters/WorkloadPage'), 'WorkloadPage'),
});

const sensors = createRoute({
  getParentRoute: () => shell,
  path: '/sensors',
  validateSearch: keys('q', 'state', 'sort', 'sel'),
  component: lazyRouteComponent(() => import('./pages/sensors/SensorsPage'), 'SensorsPage'),
});

const sensor = createRoute({
  getParentRoute: () => shell,
  path: '/sensors/$node',
  validateSearch: keys('q', 'sort', 'sel'),
  component: lazyRouteComponent(() => import('./pages/sensors/SensorPage'), 'SensorPage'),
});

const drift = createRoute({
  getParentRoute: () => shell,
  path: '/drift',
  validateSearch: keys('sel'),
  component: lazyRouteComponent(() => import('./pages/drift/DriftPage'), 'DriftPage'),
});

const findings = createRoute({
  getParentRoute: () => shell,
  path: '/findings',
  validateSearch: keys('q', 'sort', 'group', 'sel', 'suppressed', 'process', 'did'),
  component: lazyRouteComponent(() => import('./pages/findings/FindingsPage'), 'FindingsPage'),
});

const finding = createRoute({
  getParentRoute: () => shell,
  path: '/findings/$id',
  validateSearch: keys('process', 'did'),
  component: lazyRouteComponent(() => import('./pages/findings/FindingPage'), 'FindingPage'),
});

const recommendations = createRoute({
  getParentRoute: () => shell,
  path: '/recommendations',
  validateSearch: keys('q', 'severity', 'state', 'sort', 'sel'),
  component: lazyRouteComponent(
    () => import('./pages/recommendations/RecommendationsPage'),
    'RecommendationsPage',
  ),
});

const recommendation = createRoute({
  getParentRoute: () => shell,
  path: '/recommendations/$id',
  validateSearch: keys('sel', 'sort'),
  component: lazyRouteComponent(
    () => import('./pages/recommendations/RecommendationPage'),
    'RecommendationPage',
  ),
});

const inventory = createRoute({
  getParentRoute: () => shell,
  path: '/inventory',
  validateSearch: keys('kind', 'q', 'open', 'gone', 'sel'),
  component: lazyRouteComponent(() => import('./pages/inventory/InventoryPage'), 'InventoryPage'),
});

const asset = createRoute({
  getParentRoute: () => shell,
  path: '/inventory/$id',
  validateSearch: keys('tab', 'q', 'sort', 'sel', 'process', 'did'),
  component: lazyRouteComponent(() => import('./pages/inventory/AssetPage'), 'AssetPage'),
});

const attack = createRoute({
  getParentRoute: () => shell,
  path: '/attack',
  validateSearch: keys('seen'),
  component: lazyRouteComponent(() => import('./pages/attack/AttackPage'), 'AttackPage'),
});

const compliance = createRoute({
  getParentRoute: () => shell,
  path: '/compliance',
  validateSearch: keys('standard', 'state', 'sel'),
  component: lazyRouteComponent(
    () => import('./pages/compliance/CompliancePage'),
    'CompliancePage',
  ),
});

const exemptions = createRoute({
  getParentRoute: () => shell,
  path: '/exemptions',
  validateSearch: keys('q', 'state', 'sel', 'new'),
  component: lazyRouteComponent(
    () => import('./pages/exemptions/ExemptionsPage'),
    'ExemptionsPage',
  ),
});

const settings = createRoute({
  getParentRoute: () => shell,
  path: '/settings',
  validateSearch: keys(),
  component: lazyRouteComponent(() => import('./pages/settings/SettingsPage'), 'SettingsPage'),
});

const settingsPart = createRoute({
  getParentRoute: () => shell,
  path: '/settings/$part',
  validateSearch: keys('q', 'sel', 'tab'),
  component: lazyRouteComponent(() => import('./pages/settings/SettingsPage'), 'SettingsPage'),
});

const scans = createRoute({
  getParentRoute: () => shell,
  path: '/scans',
  validateSearch: keys('tab', 'state', 'trigger', 'registry', 'sel'),
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
  setup,
  shell.addChildren([
    overview,
    images,
    image,
    compare,
    running,
    fixFirst,
    bases,
    licences,
    vex,
    packages,
    registries,
    registry,
    vulnerabilities,
    vulnerability,
    alerts,
    incidents,
    incident,
    rules,
    rule,
    policies,
    newPolicy,
    policy,
    admission,
    clusters,
    cluster,
    workload,
    hosts,
    host,
    sensors,
    sensor,
    drift,
    findings,
    finding,
    recommendations,
    recommendation,
    inventory,
    asset,
    attack,
    compliance,
    exemptions,
    settings,
    settingsPart,
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
