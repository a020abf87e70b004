import assert from 'node:assert/strict';

export const title = 'asking for a scan, a target nobody understands, and the queue';

// The refusal is an answer of 4xx, which the browser writes to its console.
export const expectsFaults = true;

export default async function story({ page, url, axe }) {
  await page.goto(`${url}/scans`);
  await page.getByRole('heading', { name: 'Scans' }).waitFor();
  await page.getByRole('button', { name: 'Scan an image' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Scan an image' });
  await dialog.waitFor();
  assert.deepEqual(await axe(), []);
  await dialog.getByRole('textbox').fill('this is no image');
  await dialog.getByRole('button', { name: 'Scan', exact: true }).click();
  await dialog.getByText('The scan was not started').waitFor();

  await dialog.getByRole('textbox').fill('registry.invalid/team/app:1.0');
  await dialog.getByRole('button', { name: 'Scan', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('team/app').first().waitFor();
}
