export const title = 'the demonstration is marked, and goes with one click';
export const needsMock = true;

export default async function story({ page, url }) {
  await page.goto(url);
  await page.getByRole('button', { name: /^Scope:/ }).click();
  await page.getByRole('menuitem', { name: /Demo/ }).first().click();
  await page.getByText('This is the demonstration').waitFor();
  await page.getByRole('button', { name: 'Scope: Demo' }).click();
  await page.getByRole('menuitem', { name: 'Remove the demonstration' }).click();
  await page.getByRole('button', { name: 'Scope: This server' }).waitFor();
}
