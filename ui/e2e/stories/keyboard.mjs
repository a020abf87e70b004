import assert from 'node:assert/strict';

export const title = 'everything by keyboard: go, search, move, open, close';

export default async function story({ page, url }) {
  // As fast as a person would, however long the page takes over each.
  const keys = (...names) => Promise.all(names.map((name) => page.keyboard.press(name)));
  await page.goto(url);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await keys('g', 'i');
  await page.getByRole('table', { name: 'Images' }).waitFor();

  await page.keyboard.press('j');
  await page.waitForURL(/sel=/);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation', { name: 'Parts of the image' }).waitFor();

  await keys('g', 'v');
  await page.getByRole('table', { name: 'Vulnerabilities' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('zzz-no-such-thing');
  await page.getByText('No vulnerability matches these filters').waitFor();
  assert.match(page.url(), /q=zzz-no-such-thing/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await page.getByRole('table', { name: 'Vulnerabilities' }).waitFor();

  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });

  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search everything' }).waitFor();
  await page.keyboard.type('database');
  await page.getByRole('option', { name: /Database/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/database/);
}
