import assert from 'node:assert/strict';

export const title = 'from a number on the overview to what to do about one finding';

export default async function story({ page, url, axe }) {
  await page.goto(url);
  const bar = page.getByRole('navigation', { name: 'Open findings by severity' });
  await bar.waitFor();
  const part = bar.getByRole('link').first();
  const said = Number((await part.textContent()).replace(/\D/g, ''));
  await part.click();

  const table = page.getByRole('table', { name: 'Findings' });
  await table.waitFor();
  assert.match(page.url(), /\/findings\?severity=\w+/);
  assert.equal(
    Number(await table.getAttribute('aria-rowcount')) - 1,
    said,
    'the number is the list’s',
  );

  await page.keyboard.press('j');
  const pane = page.getByRole('complementary');
  await pane.getByRole('heading', { name: 'What to do' }).first().waitFor();
  await pane.getByRole('heading', { name: 'Where' }).waitFor();
  await pane.getByRole('heading', { name: 'Why it matters' }).waitFor();
  assert.deepEqual(await axe(), []);

  const address = page.url();
  const name = await pane.getAttribute('aria-label');
  await page.reload();
  await pane.waitFor();
  assert.equal(page.url(), address);
  assert.equal(await pane.getAttribute('aria-label'), name, 'the address holds the open finding');

  await pane
    .getByRole('link')
    .filter({ hasNotText: /CVE|GHSA|https?:/ })
    .first()
    .click();
  await page.getByRole('navigation', { name: 'Parts of the image' }).waitFor();
  await page.goBack();
  await pane.waitFor();
}
