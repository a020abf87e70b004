import assert from 'node:assert/strict';

export const title = 'an image’s packages, layers, history, and its report as a file';

export default async function story({ page, url, axe }) {
  await page.goto(`${url}/images?kind=image&sort=severity`);
  const table = page.getByRole('table', { name: 'Images' });
  const isThere = await table.waitFor().then(
    () => true,
    () => false,
  );
  if (!isThere) await page.goto(`${url}/images`);
  await table.getByRole('row').nth(1).getByRole('link').first().click();
  const parts = page.getByRole('navigation', { name: 'Parts of the image' });
  await parts.waitFor();

  await parts.getByRole('link', { name: /Packages/ }).click();
  const packages = page.getByRole('table', { name: 'Packages' });
  await packages.waitFor();
  assert.ok(Number(await packages.getAttribute('aria-rowcount')) > 1);
  assert.deepEqual(await axe(), []);

  const layers = parts.getByRole('link', { name: /Layers/ });
  if ((await layers.count()) > 0) {
    await layers.click();
    await page.getByRole('list', { name: 'Layers, topmost first' }).waitFor();
    assert.deepEqual(await axe(), []);
  }
  await parts.getByRole('link', { name: 'Scans', exact: true }).click();
  await page.getByRole('table', { name: 'Scans' }).waitFor();

  await page.getByRole('button', { name: 'Export' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: /CycloneDX/ }).click(),
  ]);
  assert.equal(await download.failure(), null);
}
