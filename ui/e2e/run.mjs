// The user stories, each in a fresh browser, over the mock or, with
// SEAWALL_URL (and SEAWALL_LINK, the sign-in link), a real server.
// usage: node e2e/run.mjs [story…]

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { axe, open, PHONE, ROOT, serve, signIn } from './browser.mjs';

const only = process.argv.slice(2);
const stories = readdirSync(join(ROOT, 'e2e/stories'))
  .filter((file) => file.endsWith('.mjs'))
  .sort();
const server = await serve();
let failures = 0;

const cookies = await signIn(server);
let ahead = 0;

/** Moves the real server's clock on, where it was started to be moved. */
function passTime(seconds) {
  const file = process.env.SEAWALL_CLOCK_FILE;
  if (!file) throw new Error('SEAWALL_CLOCK_FILE is not set: the clock cannot be moved');
  ahead += seconds;
  writeFileSync(file, `${ahead}\n`);
}

for (const file of stories) {
  const {
    default: story,
    title,
    needsMock = false,
    needsServer = false,
    isPhone = false,
    expectsFaults = false,
  } = await import(`./stories/${file}`);
  if (only.length > 0 && !only.some((name) => file.startsWith(name))) continue;
  if (needsMock && !server.isMock) {
    console.log(`skipped: ${title} (plays a state only the mock can be put into)`);
    continue;
  }
  if (needsServer && server.isMock) {
    console.log(`skipped: ${title} (needs a real server)`);
    continue;
  }
  const started = Date.now();
  const others = [];
  const browser = await open(isPhone ? { viewport: PHONE } : {});
  await browser.context.addCookies(cookies);
  browser.page.setDefaultTimeout(20_000);
  try {
    await story({
      page: browser.page,
      url: server.url,
      isMock: server.isMock,
      axe: () => axe(browser.page),
      /** Somebody else's browser, signed in as nobody. */
      other: async () => {
        const their = await open();
        their.page.setDefaultTimeout(20_000);
        others.push(their);
        return their.page;
      },
      passTime,
    });
    // A refused style or script shows here: the policy is tested by every story.
    if (!expectsFaults && browser.faults.length > 0)
      throw new Error(`console: ${browser.faults.join('\n')}`);
    console.log(`ok      ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED  ${title}\n${error.stack ?? error}`);
    await browser.page
      .screenshot({ path: join(ROOT, `e2e/shots/failed-${file}.png`) })
      .catch(() => {});
  }
  await browser.close();
  for (const their of others) await their.close();
}
await server.close();
console.log(failures === 0 ? 'all stories hold' : `${failures} failed`);
process.exit(failures > 0 ? 1 : 0);
