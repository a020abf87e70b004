import assert from 'node:assert/strict';

export const title = 'a link signs in once and leads back, a password as often as it is right';
export const needsMock = true;
export const expectsFaults = true;

export default async function story({ page, url }) {
  await page.goto(`${url}/?mock=signed-out`);
  await page.goto(`${url}/sign-in#token=spent`);
  await page.getByText('This link no longer works').waitFor();
  await page.goto(`${url}/sign-in?next=%2Fimages%3Fq%3Dshop#token=mock`);
  await page.reload();
  await page.getByRole('table', { name: 'Images' }).waitFor();
  assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/images?q=shop');
  assert.equal(new URL(page.url()).hash, '');

  await page.getByRole('button', { name: 'Settings and account' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('ines');
  await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('Name and password do not belong together').waitFor();
  await page.getByRole('textbox', { name: 'Password' }).fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}
