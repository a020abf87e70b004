import assert from 'node:assert/strict';

export const title = 'the queue by keyboard: choose, dismiss, undo, assign, comment';

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=normal`);
  await page.goto(`${url}/alerts`);
  const table = page.getByRole('table', { name: 'Alerts' });
  await table.waitFor();
  const rows = async () => Number(await table.getAttribute('aria-rowcount')) - 1;
  const holds = (wanted) =>
    page.waitForFunction(
      (count) =>
        Number(
          document.querySelector('[role=table][aria-label=Alerts]')?.getAttribute('aria-rowcount'),
        ) ===
        count + 1,
      wanted,
    );
  const before = await rows();

  for (const key of ['j', 'x', 'j', 'x', 'j']) await page.keyboard.press(key);
  await page.getByText('2 alerts chosen').waitFor();
  await page.keyboard.press('e');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  assert.deepEqual(await axe(), []);
  await page.keyboard.press('d');
  await dialog.getByRole('radio', { name: 'Expected' }).check();
  await dialog.getByRole('button', { name: 'Dismiss' }).click();
  await page.getByText('2 findings dismissed').waitFor();
  await holds(before - 2);
  await dialog.waitFor({ state: 'detached' });
  // A tooltip under the pointer is no content of the page.
  await page.mouse.move(0, 0);
  await page.getByRole('tooltip').waitFor({ state: 'detached' });
  assert.deepEqual(await axe(), []);

  await page.keyboard.press('z');
  await page.getByText('Undone: 2 findings dismissed').waitFor();
  await holds(before);

  // Beyond the toast: the list of what was lately done.
  await page.keyboard.press('x');
  await page.getByRole('toolbar').getByRole('button', { name: 'Assign…' }).click();
  await dialog.getByRole('textbox').fill('bo');
  await page.keyboard.press('Enter');
  await page.getByText('1 finding assigned').waitFor();
  await page.getByRole('button', { name: 'Dismiss the message' }).click();
  await page.getByRole('button', { name: 'Recent actions' }).click();
  await page.getByRole('menuitem', { name: /Undo: 1 finding assigned/ }).click();
  await page.getByRole('menuitem', { name: /Undone: 1 finding assigned/ }).waitFor();
  await page.keyboard.press('Escape');

  const pane = page.getByRole('complementary');
  await pane.getByRole('textbox', { name: 'Comment' }).fill('Asked the team');
  await pane.getByRole('button', { name: 'Comment' }).click();
  await pane.getByText('Asked the team').first().waitFor();
}
