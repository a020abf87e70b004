import assert from 'node:assert/strict';

export const title = 'every state is told apart: first run, starter, old, failed, waiting, gone';
export const needsMock = true;
export const expectsFaults = true;

export default async function story({ page, url, axe }) {
  const at = async (scenario, path, text) => {
    await page.goto(`${url}/?mock=${scenario}`);
    await page.goto(url + path);
    await page.getByText(text).first().waitFor();
    assert.deepEqual(await axe(), [], `${scenario} ${path}`);
  };
  await at('empty', '/', 'Nothing has been scanned yet');
  await at('empty', '/images', 'Nothing has been scanned yet');
  await at('first', '/', 'The first scans are under way');
  await at('starter', '/', 'Only the built-in starter advisories are in use');
  await at('stale', '/database', 'The database is old');
  await at('updating', '/database', /Updating · Debian/);
  await at('clean', '/vulnerabilities', 'No open vulnerabilities');
  await at('error', '/images', 'the server failed to answer');
  await at('offline', '/', 'Not live');
  await at('normal', '/images/nothing', 'This image is not here');
  await at('normal', '/nowhere', 'There is no such page');
  await at('signed-out', '/images?q=shop', 'Sign in');

  await page.goto(`${url}/?mock=slow`);
  await page.goto(`${url}/images`);
  await page.getByRole('status', { name: 'Loading Images' }).waitFor();
}
