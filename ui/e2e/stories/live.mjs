import assert from 'node:assert/strict';
import { handIn, oneAlert } from '../browser.mjs';

export const title = 'new alerts wait for the reader: no row moves until asked';

export default async function story({ page, url, isMock }) {
  if (isMock) await page.goto(`${url}/?mock=busy`);
  await page.goto(`${url}/alerts?sort=-last_seen`);
  const table = page.getByRole('table', { name: 'Alerts' });
  await table.waitFor();
  const first = () => table.getByRole('row').nth(1).textContent();
  const before = await first();
  if (!isMock) await handIn(page, [oneAlert({ rule: 'Something new', pod: 'newcomer' })]);
  const pill = page.getByRole('button', { name: /new — show/ });
  await pill.waitFor();
  assert.equal(await first(), before, 'nothing moved');
  await page.keyboard.press('.');
  await page.waitForFunction(
    (old) => document.querySelectorAll('[role=row]')[1]?.textContent !== old,
    before,
  );
  if (isMock) await page.goto(`${url}/?mock=normal`);
}
