import assert from 'node:assert/strict';

export const title = 'a registry: added, read, told how to tell, and what is asked of the queue';
export const needsMock = true;

export default async function story({ page, url, axe }) {
  await page.goto(`${url}/registries`);
  const table = page.getByRole('table', { name: 'Registries' });
  await table.waitFor();
  assert.deepEqual(await axe(), []);
  await page.getByRole('button', { name: 'Add a registry' }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Staging');
  await page.getByRole('combobox', { name: 'Kind' }).selectOption('azure');
  await page.getByRole('textbox', { name: 'Address', exact: true }).fill('staging.azurecr.io');
  await page.getByRole('combobox', { name: 'Asked as' }).selectOption('managed_identity');
  assert.deepEqual(await axe(), []);
  await page.getByRole('button', { name: 'Add the registry' }).click();
  await page.getByText(/az acr webhook create --registry staging /).waitFor();
  assert.deepEqual(await axe(), []);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByRole('heading', { name: 'Staging', level: 1 }).waitFor();
  await page.getByText('It was not looked through yet').waitFor();

  await page.goto(`${url}/registries`);
  await table.getByRole('link', { name: 'Ours' }).click();
  await page.getByRole('link', { name: 'shop/checkout' }).click();
  await page.getByRole('table', { name: 'Tags' }).waitFor();
  assert.match(page.url(), /repo=shop\/checkout/);
  assert.deepEqual(await axe(), []);
  await page.goBack();
  await page.getByRole('table', { name: 'Repositories' }).waitFor();
  await page.getByRole('link', { name: 'How it tells' }).click();
  await page.getByText('Auth header:').waitFor();
  assert.deepEqual(await axe(), []);

  await page.goto(`${url}/scans?tab=given-up`);
  await page.getByRole('button', { name: 'Queue all again' }).click();
  await page.getByText('No scan was given up').waitFor();
  await page.getByRole('link', { name: /^Queue/ }).click();
  await page.getByRole('region', { name: 'Why it is there' }).waitFor();
  assert.deepEqual(await axe(), []);

  await page.goto(`${url}/packages`);
  await page.getByText('Who has a package?').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('log4j-core < 2.17');
  await page.getByRole('table', { name: 'Images that have it' }).waitFor();
  assert.deepEqual(await axe(), []);
}
