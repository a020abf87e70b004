// A browser and something to look at: the built dashboard over the mock,
// or, with SEAWALL_URL, a real server.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const AXE = readFileSync(join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');

export const DESK = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** Where the dashboard is: a real server, or the mock started here. */
export async function serve() {
  if (process.env.SEAWALL_URL) {
    return {
      url: process.env.SEAWALL_URL.replace(/\/$/, ''),
      isMock: false,
      close: async () => {},
    };
  }
  const server = await preview({
    root: ROOT,
    preview: { port: 0, host: '127.0.0.1' },
    logLevel: 'error',
  });
  const { port } = server.httpServer.address();
  return { url: `http://127.0.0.1:${port}`, isMock: true, close: () => server.close() };
}

/** A fresh browser profile; console errors are kept to be asserted on. */
export async function open({ scheme = 'light', viewport = DESK } = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'seawall-e2e-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    viewport,
    colorScheme: scheme,
    isMobile: viewport.width < 600,
    hasTouch: viewport.width < 600,
    reducedMotion: 'reduce',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-sync',
      '--no-first-run',
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  // SEAWALL_SLOW=6: as on a machine six times as slow, where races show.
  const rate = Number(process.env.SEAWALL_SLOW ?? 1);
  if (rate > 1) {
    const tools = await context.newCDPSession(page);
    await tools.send('Emulation.setCPUThrottlingRate', { rate });
  }
  const faults = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  return {
    page,
    context,
    faults,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Has the server scan what SEAWALL_SCAN names, comma-separated, so that
 * the stories find something of its own beside the demonstration. */
async function scanFirst(page) {
  const targets = (process.env.SEAWALL_SCAN ?? '').split(',').filter(Boolean);
  await page.evaluate(async (targets) => {
    for (const target of targets) {
      const answer = await fetch('/api/v1/scans', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ target }),
      });
      if (!answer.ok) throw new Error(`${target}: ${await answer.text()}`);
    }
    for (let round = 0; round < 100; round += 1) {
      const images = await (await fetch('/api/v1/images?environment=local')).json();
      if (images.items.length >= targets.length) return;
      await new Promise((done) => setTimeout(done, 200));
    }
    throw new Error('the scans did not end');
  }, targets);
}

/** An alert as Falco writes it. */
export function oneAlert({ rule, pod, secondsAgo = 0 }) {
  return {
    time: new Date(Date.now() - secondsAgo * 1000).toISOString(),
    rule,
    priority: 'Warning',
    hostname: 'story-node',
    tags: ['container', 'mitre_discovery', 'T1046'],
    output: `Warning: made up for a story (pod=${pod})`,
    output_fields: {
      'k8s.ns.name': 'stories',
      'k8s.pod.name': pod,
      'container.id': Buffer.from(pod).toString('hex').padEnd(12, '0').slice(-12),
      'container.name': 'main',
      'proc.name': 'nmap',
    },
  };
}

/** Hands alerts to a real server, as Falco does. */
export async function handIn(page, alerts) {
  await page.evaluate(async (body) => {
    const answer = await fetch('/api/v1/alerts/falco?cluster=stories', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    if (!answer.ok) throw new Error(await answer.text());
  }, JSON.stringify(alerts));
}

/** The session the one-time link (SEAWALL_LINK) buys, as cookies to be
 * carried from browser to browser; none over the mock. */
export async function signIn(server) {
  if (server.isMock || !process.env.SEAWALL_LINK) return [];
  const browser = await open();
  await browser.page.goto(process.env.SEAWALL_LINK);
  await browser.page.getByRole('navigation', { name: 'Main' }).waitFor();
  await scanFirst(browser.page);
  if (process.env.SEAWALL_SCAN) {
    const alerts = ['Network scan', 'Shell in a container'].flatMap((rule) =>
      Array.from({ length: 6 }, (_, index) =>
        oneAlert({ rule, pod: `${rule.length}-worker-${index}`, secondsAgo: 60 + index * 30 }),
      ),
    );
    await handIn(browser.page, alerts);
  }
  const cookies = await browser.context.cookies();
  await browser.close();
  return cookies;
}

/** Everything axe objects to, one line each. */
export async function axe(page) {
  // The page's policy refuses strangers' scripts, ours included; the
  // debugger's world is not the page's.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const result = await axe.run(document, { resultTypes: ['violations'] });
    return result.violations.flatMap((violation) =>
      violation.nodes.map(
        (node) =>
          `${violation.id}: ${node.html.slice(0, 140)} — ${(node.any[0]?.message ?? node.failureSummary ?? '').slice(0, 160)}`,
      ),
    );
  });
}
