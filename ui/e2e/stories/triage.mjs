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
  assert.match(page.url(), /\/findings\?q=severity:\w+/);
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
  await pane.getByRole('heading', { name: 'History' }).waitFor();
  assert.equal(page.url(), address);
  assert.equal(await pane.getAttribute('aria-label'), name, 'the address holds the open finding');

  await page.keyboard.press('Enter');
  await page.waitForURL(/\/findings\/\d+/);
  await page.getByRole('heading', { name: 'Why am I seeing this' }).waitFor();
  assert.deepEqual(await axe(), []);
  const first = page.url();
  await page.keyboard.press(']');
  await page.waitForFunction((old) => location.href !== old, first);
  await page.keyboard.press('[');
  await page.waitForURL(first);
}
