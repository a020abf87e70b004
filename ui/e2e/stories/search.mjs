import assert from 'node:assert/strict';

export const title = 'the search completes, says where a mistake is, and is kept as a view';

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=normal`);
  await page.goto(`${url}/findings`);
  await page.getByRole('table', { name: 'Findings' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('severty:high');
  const alert = page.getByRole('alert').filter({ hasText: 'severty' });
  await alert.waitFor();
  assert.equal(await page.locator('u').first().textContent(), 'severty', 'it is underlined');
  assert.deepEqual(await axe(), []);
  await page.keyboard.press('Tab');
  await page.waitForURL(/q=severity:high/);
  await alert.waitFor({ state: 'detached' });

  const box = page.getByRole('combobox', { name: 'Search findings' });
  await box.press('End');
  await page.keyboard.type(' kin');
  await page.getByRole('option', { name: /kind:/ }).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.type('vul');
  await page.getByRole('option', { name: /vulnerability/ }).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForURL(/kind:vulnerability/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view…' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('High vulnerabilities');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'High vulnerabilities' }).waitFor();
  await page.goto(`${url}/findings`);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'High vulnerabilities' }).click();
  await page.waitForURL(/severity:high/);
  await page.getByRole('button', { name: 'High vulnerabilities' }).click();
  await page.getByRole('button', { name: 'Delete the view High vulnerabilities' }).click();
  await page.getByRole('button', { name: 'Views' }).waitFor();
}
