import assert from 'node:assert/strict';

export const title = 'an exemption: its effect before, its owner and end, its early end';

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=normal`);
  await page.goto(`${url}/alerts?q=rule:network-scan`);
  await page.getByRole('table', { name: 'Alerts' }).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('s');
  const dialog = page.getByRole('dialog');
  const effect = dialog.getByRole('region', { name: 'What it would do' });
  await effect.getByText('1 open finding', { exact: true }).waitFor();
  await dialog.getByRole('checkbox', { name: /^This rule/ }).check();
  await dialog.getByRole('checkbox', { name: /^This cluster/ }).check();
  const scope = await dialog.getByRole('textbox', { name: 'Scope' }).inputValue();
  assert.match(scope, /^rule:network-scan cluster:\S+$/);
  await effect.getByText(/^\d+ open findings$/).waitFor();
  await dialog.getByRole('button', { name: '90 days' }).click();
  assert.deepEqual(await axe(), []);
  assert.ok(await dialog.getByRole('button', { name: /^Exempt/ }).isDisabled(), 'a note is needed');
  await dialog.getByRole('textbox', { name: 'Owner' }).fill('chidi');
  await dialog.getByRole('textbox', { name: 'Note' }).fill('Our own scanner runs there');
  await dialog.getByRole('button', { name: /^Exempt/ }).click();
  await page.getByText(/findings exempted/).waitFor();

  await page.goto(`${url}/exemptions`);
  const row = page.getByRole('row').filter({ hasText: scope });
  await row.waitFor();
  assert.match(await row.textContent(), /chidi/);
  assert.match(await row.textContent(), /in (2|3) mo|in \d\d d/);
  await row.click({ position: { x: 420, y: 8 } });
  await page.getByRole('button', { name: '1 week' }).click();
  await page.getByRole('button', { name: 'Move the end' }).click();
  await row.getByText(/in 7 d/).waitFor();
  await page.getByRole('button', { name: 'End it now…' }).click();
  await page.getByRole('button', { name: /^End it, reopen/ }).click();
  await page.getByText(/open again/).waitFor();
  assert.deepEqual(await axe(), []);
}
