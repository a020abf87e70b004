import assert from 'node:assert/strict';

export const title = 'from what runs to what to do about it, and whose it is';
export const needsMock = true;

export default async function story({ page, url, axe }) {
  await page.goto(`${url}/?mock=normal`);
  await page.goto(`${url}/running`);
  const table = page.getByRole('table', { name: 'What runs' });
  await table.waitFor();
  assert.deepEqual(await axe(), []);
  await page.keyboard.press('j');
  await page.getByRole('heading', { name: /^\d+ workloads?$/ }).waitFor();
  assert.match(page.url(), /sel=/);
  assert.deepEqual(await axe(), []);

  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('q');
  await page.getByRole('list', { name: 'Steps' }).waitFor();
  await page.keyboard.press('j');
  await page
    .getByRole('button', { name: /^\d+ containers?$/ })
    .first()
    .click();
  await page.getByRole('list', { name: /^What runs / }).waitFor();
  assert.deepEqual(await axe(), []);
  await page.reload();
  await page.getByRole('heading', { name: /^What it closes/ }).waitFor();

  await page.goto(`${url}/vulnerabilities/CVE-2021-44228`);
  await page.getByRole('list', { name: 'Owners' }).waitFor();
  assert.deepEqual(await axe(), []);
  await page.getByRole('link', { name: /running image/ }).click();
  await table.waitFor();
  assert.match(page.url(), /vulnerability=CVE-2021-44228/);
}
