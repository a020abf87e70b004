import assert from 'node:assert/strict';

export const title = 'the same on a phone: a drawer, cards, no sideways scrolling';
export const isPhone = true;

export default async function story({ page, url, axe }) {
  await page.goto(url);
  for (const place of [
    'Alerts',
    'Recommendations',
    'Vulnerabilities',
    'Images',
    'Inventory',
    'ATT&CK',
    'Compliance',
    'Exemptions',
    'Scans',
    'Database',
    'Overview',
  ]) {
    await page.getByRole('button', { name: 'Open navigation' }).click();
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: place }).click();
    await page.getByRole('heading', { name: place, level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Open navigation' }).waitFor();
    await page.waitForLoadState('networkidle').catch(() => {});
    const spill = await page.evaluate(() => document.documentElement.scrollWidth - screen.width);
    assert.ok(spill <= 0, `${place} is ${spill} px wider than the screen`);
    assert.deepEqual(await axe(), [], place);
  }
  await page.goto(`${url}/images`);
  await page.getByRole('list', { name: 'Images' }).getByRole('link').first().click();
  await page.getByRole('navigation', { name: 'Parts of the image' }).waitFor();
}
