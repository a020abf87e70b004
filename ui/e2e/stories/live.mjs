import assert from 'node:assert/strict';

export const title = 'new alerts wait for the reader: no row moves until asked';
export const needsMock = true;

export default async function story({ page, url }) {
  await page.goto(`${url}/?mock=busy`);
  await page.goto(`${url}/alerts?sort=-last_seen`);
  const table = page.getByRole('table', { name: 'Alerts' });
  await table.waitFor();
  const first = () => table.getByRole('row').nth(1).textContent();
  const before = await first();
  const pill = page.getByRole('button', { name: /new — show/ });
  await pill.waitFor();
  assert.equal(await first(), before, 'nothing moved');
  await page.keyboard.press('.');
  await page.waitForFunction(
    (old) => document.querySelectorAll('[role=row]')[1]?.textContent !== old,
    before,
  );
  await page.goto(`${url}/?mock=normal`);
}
