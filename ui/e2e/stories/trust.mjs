import assert from 'node:assert/strict';

export const title = 'whose signature and whose word counts';
export const needsMock = true;

export default async function story({ page, url, axe }) {
  await page.goto(`${url}/?mock=normal`);
  await page.goto(`${url}/settings/trust`);
  await page
    .getByRole('link', { name: /^\d+ signed$/ })
    .first()
    .click();
  await page.getByRole('table', { name: 'Its images' }).waitFor();
  assert.deepEqual(await axe(), []);

  await page.goto(`${url}/vex`);
  await page.getByRole('button', { name: 'Add an address' }).click();
  await page.getByRole('dialog').waitFor();
  assert.deepEqual(await axe(), []);
}
