import assert from 'node:assert/strict';
import { report } from './sensors.mjs';

export const title = 'the drift policy: a rule is written, tried, moved, and saved';

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=normal`);
  else {
    await page.goto(`${url}/settings/system`);
    await report(page);
  }
  await page.goto(`${url}/drift`);
  await page.getByRole('heading', { name: 'Drift policy' }).waitFor();
  assert.deepEqual(await axe(), []);

  // Until it has a name it cannot be saved, and says why.
  await page.getByRole('button', { name: 'New rule' }).click();
  const name = page.getByRole('textbox', { name: 'Name', exact: true });
  await name.waitFor();
  const save = page.getByRole('button', { name: 'Save', exact: true });
  assert.equal(await save.isDisabled(), true);
  await name.fill('Strict in the shop');
  const field = page.getByLabel('Namespaces', { exact: true }).first();
  await field.fill('shop');
  await field.press('Enter');
  await page.getByRole('radio', { name: /^Block/ }).check();
  await page.getByRole('checkbox', { name: /^Dry run/ }).check();
  const rule = page.getByRole('listitem').filter({ hasText: 'Strict in the shop' }).first();
  await rule.getByText(/an alert says that they would have been stopped/).waitFor();
  await rule
    .getByText(/decides about \d+ running|never reached|taken by rules/)
    .first()
    .waitFor();
  assert.deepEqual(await axe(), []);

  // To the top by keys, then by pointer once more where there are others.
  const handle = page.getByRole('button', { name: /^Move Strict in the shop: number/ });
  await handle.focus();
  await page.keyboard.press('Home');
  await page.getByRole('button', { name: /^Move Strict in the shop: number 1/ }).waitFor();
  if (isMock) {
    const target = page.getByRole('button', { name: /^Move .*: number 3/ });
    const [from, to] = [await handle.boundingBox(), await target.boundingBox()];
    await page.mouse.move(from.x + 8, from.y + 12);
    await page.mouse.down();
    await page.mouse.move(to.x + 8, to.y + to.height - 4, { steps: 20 });
    await page.mouse.up();
    await page.getByRole('button', { name: /^Move Strict in the shop: number [2-5]/ }).waitFor();
    await handle.focus();
    await page.keyboard.press('Home');
  }

  // Leaving with changes is asked about.
  await page.getByRole('link', { name: 'Sensors', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Stay' }).click();
  await dialog.waitFor({ state: 'detached' });
  await save.click();
  await page.getByText(/^Saved\./).waitFor();

  // It is kept.
  await page.goto(`${url}/drift`);
  await page.getByRole('button', { name: /^Move Strict in the shop: number 1/ }).waitFor();
  await page.getByRole('button', { name: 'Remove Strict in the shop' }).click();
  await save.click();
  await page.getByText(/^Saved\./).waitFor();
}
