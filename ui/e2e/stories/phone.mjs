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
    'Packages',
    'Registries',
    'Inventory',
    'Sensors',
    'Drift policy',
    'ATT&CK',
    'Compliance',
    'Exemptions',
    'Scans',
    'Database',
    'Overview',
  ]) {
    await page.getByRole('button', { name: 'Open navigation' }).click();
    await page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link', { name: new RegExp(`^${place}`) })
      .click();
    await page.getByRole('heading', { name: place, level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Open navigation' }).waitFor();
    await page.waitForLoadState('networkidle').catch(() => {});
    const spill = await page.evaluate(() => document.documentElement.scrollWidth - screen.width);
    assert.ok(spill <= 0, `${place} is ${spill} px wider than the screen`);
    assert.deepEqual(await axe(), [], place);
  }
  // A rule of the policy is read and changed on a phone, too.
  await page.goto(`${url}/drift`);
  await page.getByRole('button', { name: 'New rule' }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).waitFor();
  const spill = await page.evaluate(() => document.documentElement.scrollWidth - screen.width);
  assert.ok(spill <= 0, `a rule is ${spill} px wider than the screen`);
  await page.getByRole('button', { name: 'Discard the changes' }).click();

  await page.goto(`${url}/images`);
  await page.getByRole('list', { name: 'Images' }).getByRole('link').first().click();
  await page.getByRole('navigation', { name: 'Parts of the image' }).waitFor();
}
