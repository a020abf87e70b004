// Pictures of every page, light, dark and on a phone, for eyes to judge.
// usage: [LOOKS=light,dark,phone] node e2e/shots.mjs [folder] [name…]

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { axe, DESK, open, PHONE, ROOT, serve, signIn } from './browser.mjs';

const [folder = join(ROOT, 'e2e/shots'), ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

/** The first row of a list, or its first card on a phone, beside its links. */
async function openFirst(page) {
  await page.locator('[data-opens] [role=row], li[data-index]').first().waitFor();
  const row = page.locator('[data-opens] [role=row]').first();
  if (await row.isVisible()) await row.click({ position: { x: 500, y: 8 } });
  else
    await page
      .locator('li[data-index]')
      .first()
      .click({ position: { x: 300, y: 60 } });
}

/** name, scenario of the mock, path, what to do before the picture */
const PAGES = [
  ['overview', 'normal', '/'],
  ['overview-demo', 'normal', '/?environment=demo'],
  ['overview-starter', 'starter', '/'],
  ['overview-empty', 'empty', '/'],
  ['overview-first', 'first', '/'],
  ['overview-error', 'error', '/'],
  ['overview-slow', 'slow', '/'],
  ['images', 'normal', '/images'],
  ['images-filtered', 'normal', '/images?q=nothing-like-this'],
  ['images-empty', 'empty', '/images'],
  ['image', 'normal', '/images/:image'],
  [
    'image-pane',
    'normal',
    '/images/:image',
    async (page) => {
      await openFirst(page);
      await page.getByRole('complementary').waitFor();
    },
  ],
  ['image-packages', 'normal', '/images/:image?tab=packages'],
  ['image-layers', 'normal', '/images/:image?tab=layers'],
  ['image-timeline', 'normal', '/images/:image?tab=timeline'],
  ['image-history', 'normal', '/images/:image?tab=history'],
  ['image-about', 'normal', '/images/:image?tab=about'],
  ['image-clean', 'clean', '/images/:image'],
  ['vulnerabilities', 'normal', '/vulnerabilities'],
  ['vulnerability', 'normal', '/vulnerabilities/CVE-2021-44228'],
  ['findings', 'normal', '/findings?q=is:fixable+severity:critical,high'],
  ['findings-empty', 'empty', '/findings'],
  ['finding', 'normal', '/findings/:alert'],
  ['finding-vulnerability', 'normal', '/findings/:vulnerability'],
  ['alerts', 'normal', '/alerts'],
  ['alerts-pane', 'normal', '/alerts?sel=:alert'],
  [
    'alerts-chosen',
    'normal',
    '/alerts',
    async (page) => {
      const boxes = page.getByRole('checkbox', { name: /Choose row/ });
      await boxes.nth(1).click();
      await boxes.nth(3).click();
    },
  ],
  ['alerts-grouped', 'normal', '/alerts?group=workload'],
  ['alerts-filtered', 'normal', '/alerts?q=nothing-like-this'],
  ['alerts-empty', 'clean', '/alerts'],
  ['alerts-error', 'error', '/alerts'],
  [
    'alerts-exempt',
    'normal',
    '/alerts?sel=:alert',
    async (page) => {
      await page.getByRole('button', { name: 'Exempt…' }).first().click();
      await page.getByRole('checkbox', { name: /^This rule/ }).click();
      const effect = page.getByRole('region', { name: 'What it would do' });
      await effect.getByText(/^\d+ open findings?$/).waitFor();
    },
  ],
  [
    'alerts-decide',
    'normal',
    '/alerts?sel=:alert',
    async (page) => {
      await page.keyboard.press('e');
      await page.getByRole('dialog').waitFor();
    },
  ],
  [
    'search-error',
    'normal',
    '/alerts',
    async (page) => {
      await page.keyboard.press('/');
      await page.keyboard.type('severty:high kind:alert');
      await page.getByText(/There is no field/).waitFor();
    },
  ],
  [
    'search-completion',
    'normal',
    '/alerts',
    async (page) => {
      await page.keyboard.press('/');
      await page.keyboard.type('severity:high s');
      await page.getByRole('option').first().waitFor();
    },
  ],
  ['alert-audit', 'normal', '/alerts?q=rule:secrets-listed&sel=:audited'],
  [
    'alert-mute',
    'normal',
    '/alerts?q=rule:secrets-listed&sel=:audited',
    async (page) => {
      await page.getByRole('button', { name: 'Exempt…' }).first().click();
      await page.getByText('Mute, by example').waitFor();
    },
  ],
  ['alert-trace', 'normal', '/findings/:traced'],
  ['alert-trace-pane', 'normal', '/alerts?sel=:traced'],
  [
    'alert-trace-narrowed',
    'normal',
    '/findings/:traced',
    async (page) => {
      await page.getByRole('treeitem').nth(4).click();
    },
  ],
  ['sensors', 'normal', '/sensors'],
  ['sensors-empty', 'empty', '/sensors'],
  ['sensor', 'normal', '/sensors/prod-eu-node-2'],
  ['sensor-old', 'normal', '/sensors/staging-node-1'],
  ['sensor-silent', 'normal', '/sensors/prod-us-node-2'],
  ['clusters', 'normal', '/clusters'],
  ['clusters-empty', 'empty', '/clusters'],
  ['cluster', 'normal', '/clusters/prod-eu'],
  [
    'workload',
    'normal',
    '/clusters/prod-eu',
    async (page) => {
      await page.getByText('storefront', { exact: true }).first().click();
      await page.getByText('Who reaches it').waitFor();
    },
  ],
  ['hosts', 'normal', '/hosts'],
  ['hosts-add', 'normal', '/hosts?tab=new'],
  ['running', 'normal', '/running'],
  ['running-unscanned', 'normal', '/running?scanned=false'],
  ['running-empty', 'empty', '/running'],
  [
    'running-pane',
    'normal',
    '/running?q=checkout',
    async (page) => {
      await openFirst(page);
      await page.getByRole('heading', { name: /^\d+ workloads$/ }).waitFor();
    },
  ],
  ['fix-first', 'normal', '/fix-first'],
  [
    'fix-first-open',
    'normal',
    '/fix-first',
    async (page) => {
      await page.keyboard.press('j');
      await page
        .getByRole('button', { name: /^\d+ containers?$/ })
        .first()
        .click();
      await page.getByRole('list', { name: /^What runs / }).waitFor();
    },
  ],
  ['fix-first-clean', 'clean', '/fix-first'],
  ['base-images', 'normal', '/base-images'],
  [
    'base-images-pane',
    'normal',
    '/base-images?q=debian:12',
    async (page) => {
      await openFirst(page);
      await page.getByText('Of the base').first().waitFor();
    },
  ],
  ['base-images-empty', 'empty', '/base-images'],
  ['image-runs', 'normal', '/images/:image?tab=runs'],
  ['image-secrets', 'normal', '/images/:image?tab=secrets'],
  ['image-licences', 'normal', '/images/:image?tab=licences'],
  ['image-signatures', 'normal', '/images/:image?tab=signatures'],
  ['licences', 'normal', '/licences'],
  ['licences-pane', 'normal', '/licences?sel=BUSL-1.1'],
  ['licences-empty', 'empty', '/licences'],
  ['vex', 'normal', '/vex'],
  ['vex-empty', 'empty', '/vex'],
  ['vex-source', 'normal', '/vex?tab=source'],
  ['vex-document', 'normal', '/vex?tab=document'],
  ['sbom-import', 'normal', '/images?tab=sbom'],
  [
    'settings-trust-images',
    'normal',
    '/settings/trust',
    async (page) => {
      await page
        .getByRole('link', { name: /^\d+ signed$/ })
        .first()
        .click();
      await page.getByRole('heading', { name: /^Images of / }).waitFor();
    },
  ],
  [
    'settings-trust-new',
    'normal',
    '/settings/trust',
    async (page) => {
      await page.getByRole('button', { name: 'New trust policy' }).click();
      await page.getByRole('dialog').waitFor();
    },
  ],
  ['packages-ask', 'normal', '/packages'],
  ['packages', 'normal', '/packages?q=log4j-core+<+2.17'],
  ['packages-none', 'normal', '/packages?q=log4j-core+>+9'],
  ['compare', 'normal', '/images/:image/compare?with=:other'],
  [
    'compare-choose',
    'normal',
    '/images/:image',
    async (page) => {
      await page.getByRole('button', { name: 'Compare' }).click();
      const field = page.getByRole('textbox', { name: 'The later image' });
      await field.fill('shop');
      await page.getByRole('list', { name: 'Images to compare with' }).waitFor();
    },
  ],
  ['registries', 'normal', '/registries'],
  ['registries-empty', 'empty', '/registries'],
  ['registries-add', 'normal', '/registries?tab=new'],
  [
    'registries-added',
    'normal',
    '/registries?tab=new',
    async (page) => {
      await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Staging');
      await page
        .getByRole('textbox', { name: 'Address', exact: true })
        .fill('staging.example:5000');
      await page.getByRole('button', { name: 'Add the registry' }).click();
      await page.getByText('Staging is watched').waitFor();
    },
  ],
  ['registry', 'normal', '/registries/:registry'],
  ['registry-tags', 'normal', '/registries/:registry?repo=shop/checkout'],
  ['registry-telling', 'normal', '/registries/:registry?tab=telling'],
  ['registry-scans', 'normal', '/registries/:registry?tab=scans'],
  [
    'registry-failing',
    'normal',
    '/registries',
    async (page) => {
      await page.getByText('GitHub', { exact: true }).first().click();
      await page
        .getByText(/refused the token/)
        .first()
        .waitFor();
    },
  ],
  ['policies', 'normal', '/policies'],
  ['policy', 'normal', '/policies/pods-not-privileged'],
  [
    'policy-deny',
    'normal',
    '/policies/pods-not-root',
    async (page) => {
      await page.getByRole('button', { name: 'Change it…' }).click();
      await page.getByRole('radio', { name: /^Deny/ }).click();
      await page.getByText('What denying would mean').waitFor();
    },
  ],
  ['policy-new', 'normal', '/policies/new'],
  ['admission', 'normal', '/admission'],
  ['admission-empty', 'empty', '/admission'],
  ['drift', 'normal', '/drift'],
  ['drift-rule', 'normal', '/drift?sel=2'],
  ['drift-reader', 'reader', '/drift?sel=2'],
  [
    'drift-changed',
    'normal',
    '/drift',
    async (page) => {
      await page.getByRole('button', { name: /^New rule/ }).click();
      await page.getByRole('textbox', { name: 'Name' }).fill('Shop, strictly');
    },
  ],
  ['incidents', 'normal', '/incidents'],
  ['incidents-empty', 'empty', '/incidents'],
  ['incident', 'normal', '/incidents/:incident'],
  [
    'incident-close',
    'normal',
    '/incidents/:incident',
    async (page) => {
      await page.getByRole('button', { name: 'Close…' }).click();
      await page.getByRole('dialog').waitFor();
    },
  ],
  ['rules', 'normal', '/rules'],
  ['rule', 'normal', '/rules/:rule'],
  ['recommendations', 'normal', '/recommendations'],
  ['recommendations-empty', 'empty', '/recommendations'],
  ['recommendation', 'normal', '/recommendations/privileged-containers'],
  ['exemptions', 'normal', '/exemptions?state=all'],
  ['exemptions-empty', 'clean', '/exemptions'],
  [
    'exemptions-pane',
    'normal',
    '/exemptions',
    async (page) => {
      await page.keyboard.press('j');
      await page.waitForTimeout(400);
    },
  ],
  ['inventory', 'normal', '/inventory'],
  ['inventory-list', 'normal', '/inventory?kind=workload'],
  ['inventory-empty', 'empty', '/inventory'],
  ['asset', 'normal', '/inventory/:cluster'],
  ['attack', 'normal', '/attack'],
  ['attack-gaps', 'normal', '/attack?seen=gaps'],
  ['compliance', 'normal', '/compliance'],
  [
    'compliance-control',
    'normal',
    '/compliance',
    async (page) => {
      await page.locator('table button').first().click();
      await page.getByText('What answers it').waitFor();
    },
  ],
  ['compliance-empty', 'empty', '/compliance'],
  ...[
    'account',
    'sessions',
    'tokens',
    'people',
    'trust',
    'intake',
    'notifications',
    'deliveries',
    'audit',
    'system',
  ].flatMap((part) => [
    [`settings-${part}`, 'normal', `/settings/${part}`],
    [`settings-${part}-empty`, 'empty', `/settings/${part}`],
  ]),
  ['settings-people-reader', 'reader', '/settings/people'],
  [
    'settings-people-new',
    'normal',
    '/settings/people',
    async (page) => {
      await page.getByRole('button', { name: 'New account' }).click();
      await page.getByRole('dialog').waitFor();
    },
  ],
  [
    'settings-token-new',
    'normal',
    '/settings/tokens',
    async (page) => {
      await page.getByRole('button', { name: 'New token' }).click();
      await page.getByRole('dialog').waitFor();
    },
  ],
  ['scans', 'normal', '/scans'],
  [
    'scans-pane',
    'normal',
    '/scans?state=failed',
    async (page) => {
      await page.getByText('Failed').last().click();
    },
  ],
  ['scans-queue', 'normal', '/scans?tab=queue'],
  ['scans-given-up', 'normal', '/scans?tab=given-up'],
  ['scan-dialog', 'normal', '/images?scan=new'],
  ['database', 'normal', '/database'],
  ['database-starter', 'starter', '/database'],
  ['database-updating', 'updating', '/database'],
  ['setup', 'empty', '/setup'],
  ['setup-done', 'normal', '/setup'],
  ['sign-in', 'signed-out', '/'],
  ['sign-in-expired', 'signed-out', '/sign-in#token=old'],
  [
    'palette',
    'normal',
    '/',
    async (page) => {
      await page.keyboard.press('Control+k');
      await page.keyboard.type('log4j');
      await page.getByRole('option').filter({ hasText: 'CVE-2021-44228' }).waitFor();
    },
  ],
  [
    'shortcuts',
    'normal',
    '/',
    async (page) => {
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
    },
  ],
  ['not-found', 'normal', '/nowhere'],
  [
    'menu',
    'normal',
    '/',
    async (page) => {
      const burger = page.getByLabel('Open navigation');
      if (await burger.isVisible()) await burger.click();
      else await page.getByLabel('Settings and account').click();
    },
  ],
];

const server = await serve();
const cookies = await signIn(server);
// The demonstration is the same on every machine; SEAWALL_ENVIRONMENT
// names another.
const environment = server.isMock ? '' : (process.env.SEAWALL_ENVIRONMENT ?? 'demo');
/** Where the picture is taken, in the environment that is photographed. */
const inEnvironment = (path, name) =>
  name && !path.includes('environment=')
    ? `${path}${path.includes('?') ? '&' : '?'}environment=${name}`
    : path;
/** Where the first of each sort is found. */
const LISTS = {
  alert: 'findings?q=kind:alert&',
  audited: 'findings?q=kind:alert+rule:secrets-listed&',
  traced: 'findings?q=kind:alert+rule:drifted-executable&',
  vulnerability: 'findings?q=kind:vulnerability&',
  cluster: 'assets?kind=cluster,host&',
  incident: 'incidents?',
  rule: 'rules?',
  registry: 'registries?',
};
/** Ids of whatever is there: `:alert`, `:rule`; nothing where there is none. */
async function filled(page, path, scope) {
  const [, noun] = /[/=]:(\w+)/.exec(path) ?? [];
  if (!noun) return path;
  const answer = await page.request.get(
    `${server.url}/api/v1/${LISTS[noun]}environment=${scope}&limit=1`,
  );
  const answered = await answer.json();
  const [item] = answered.items ?? answered;
  return item && path.replace(`:${noun}`, encodeURIComponent(item.id ?? item.asset.id));
}
let objections = 0;
const looks = (process.env.LOOKS ?? 'light,dark,phone').split(',');
for (const [look, scheme, viewport] of [
  ['light', 'light', DESK],
  ['dark', 'dark', DESK],
  ['phone', 'light', PHONE],
]) {
  if (!looks.includes(look)) continue;
  const browser = await open({ scheme, viewport });
  await browser.context.addCookies(cookies);
  const { page } = browser;
  for (const [name, scenario, path, act] of PAGES) {
    if (only.length > 0 && !only.some((each) => name === each || `${name}-${look}` === each))
      continue;
    // A real server is full where the demonstration is, and empty beside it.
    if (!server.isMock && scenario !== 'normal' && !(scenario === 'empty' && path !== '/setup'))
      continue;
    const place = server.isMock ? '' : scenario === 'empty' ? 'local' : environment;
    try {
      if (server.isMock)
        await page.goto(`${server.url}/?mock=${scenario}`, { waitUntil: 'domcontentloaded' });
      let target = path;
      if (path.includes(':image')) {
        const answer = await page.request.get(
          server.isMock
            ? `${server.url}/api/v1/images?environment=local&q=checkout&limit=1`
            : `${server.url}/api/v1/images?environment=${environment}&sort=severity&limit=1`,
        );
        target = path.replace(':image', (await answer.json()).items[0].id);
        if (target.includes(':other')) {
          const others = await page.request.get(
            `${server.url}/api/v1/images?environment=${place || 'local'}&kind=image&limit=3`,
          );
          const other = (await others.json()).items.find(({ id }) => !target.includes(id));
          target = target.replace(':other', other.id);
        }
      }
      target = await filled(page, target, place || 'local');
      if (!target) {
        console.log(`skipped: ${name}-${look} (there is none)`);
        continue;
      }
      await page.goto(`${server.url}${inEnvironment(target, place)}`, {
        waitUntil: 'domcontentloaded',
      });
      await page.locator('h1, h2').first().waitFor();
      await page.waitForTimeout(scenario === 'error' ? 4500 : 700);
      if (act) {
        await act(page);
        await page.waitForTimeout(350);
      }
      await page.screenshot({ path: join(folder, `${name}-${look}.png`) });
      const found = await axe(page);
      objections += found.length;
      for (const line of new Set(found)) console.log(`axe ${name}-${look}: ${line}`);
    } catch (error) {
      objections += 1;
      console.log(`FAULT ${name}-${look}: ${String(error).slice(0, 400)}`);
    }
  }
  for (const fault of new Set(browser.faults))
    console.log(`console (${look}): ${fault.slice(0, 300)}`);
  await browser.close();
}
await server.close();
console.log(`${objections} objections; pictures in ${folder}`);
process.exit(objections > 0 ? 1 : 0);
