import assert from 'node:assert/strict';

export const title = 'dark, everywhere, and nothing for axe to find';

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=normal`);
  await page.goto(`${url}/`);
  await page.getByLabel('Settings and account').click();
  await page.getByRole('menuitem', { name: 'Dark' }).click();
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === 'dark');
  for (const path of [
    '/',
    '/alerts',
    '/fix-first',
    '/running',
    '/base-images',
    '/licences',
    '/vex',
    '/settings/trust',
    '/recommendations',
    '/findings',
    '/inventory',
    '/clusters',
    '/hosts',
    '/sensors',
    '/policies',
    '/policies/new',
    '/admission',
    '/drift',
    '/attack',
    '/compliance',
    '/exemptions',
    '/settings',
  ]) {
    await page.goto(url + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(500);
    assert.deepEqual(await axe(), [], path);
  }
  await page.getByLabel('Settings and account').click();
  await page.getByRole('menuitem', { name: 'Light' }).click();
}
