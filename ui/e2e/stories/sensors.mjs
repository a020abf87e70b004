import assert from 'node:assert/strict';

export const title = 'which nodes are watched, how well, and what one of them sees';

/** The sensor of a node of its own, as a real server is told of it. */
export const NODE = 'story-node-1';

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=empty`);
  if (isMock) {
    await page.goto(`${url}/sensors`);
    await page.getByText('No node is watched yet').waitFor();
    await page.getByText(/sudo seawall-sensor run/).waitFor();
    assert.deepEqual(await axe(), []);
    await page.goto(`${url}/?mock=normal`);
  } else {
    await page.goto(`${url}/settings/system`);
    await report(page);
  }

  const node = isMock ? 'prod-eu-node-2' : NODE;
  await page.goto(`${url}/sensors`);
  const table = page.getByRole('table', { name: 'Sensors' });
  await table.waitFor();
  assert.deepEqual(await axe(), []);
  await page.getByRole('button', { name: /^Degraded/ }).click();
  await page.waitForURL(/state=degraded/);
  await table.getByRole('link', { name: node }).click();
  await page.waitForURL(new RegExp(`/sensors/${node}`));

  await page.getByRole('heading', { name: node }).waitFor();
  await page.getByText('It works, and something is lost').waitFor();
  const classes = page.getByRole('region', { name: 'Classes of events' });
  await classes.getByText('not looked at for now').first().waitFor();
  await page.getByRole('region', { name: 'Kernel features' }).waitFor();
  assert.deepEqual(await axe(), []);

  // Typing in the filter narrows the containers, and the address knows.
  const containers = page.getByRole('table', { name: 'Containers' });
  await containers.waitFor();
  await page.getByRole('textbox', { name: /Filter by container/ }).fill('checkout');
  await page.waitForURL(/q=checkout/);
  await containers.getByText('checkout').first().waitFor();
}

/** Tells a real server of a sensor, as the sensor does. */
export async function report(page, more = {}) {
  const now = new Date().toISOString();
  const container = (name, index) => ({
    id: index.toString(16).padStart(64, 'c'),
    name,
    image: `registry.example/shop/${name}:1.0`,
    namespace: 'shop',
    pod: `${name}-7d9f-${index}`,
    runtime: 'containerd',
    processes: 3,
    events: 12.5 * index,
    cpu: 1.5,
    alerts: 0,
  });
  const kind = (name, dropped, shed) => ({
    name,
    seen: 90_000,
    filtered: 80_000,
    delivered: 10_000 - dropped,
    dropped,
    rate: shed ? 0 : 42.5,
    shed,
  });
  const status = {
    version: '0.1.0',
    boot: '6f0c1c1e-0000-4000-8000-5709e0de0001',
    cluster: 'stories',
    kernel: '6.12.48',
    architecture: 'x86_64',
    os: 'Debian GNU/Linux 13 (trixie)',
    started: new Date(Date.now() - 3_600_000).toISOString(),
    cpu: 1.4,
    memory: 38_000_000,
    memory_limit: 64_000_000,
    spool: 120_000,
    spool_limit: 268_435_456,
    processes: 214,
    features: [
      { name: 'files', state: 'active', detail: 'LSM file_open' },
      { name: 'io_uring', state: 'absent', detail: 'needs LSM', lost: 'its file access' },
    ],
    classes: [kind('process', 0, false), kind('file', 640, true), kind('network', 0, false)],
    containers: ['checkout', 'web', 'worker'].map((name, index) => container(name, index + 1)),
    rules: 96,
    policy: 'none',
    notes: ['files are shed: the processor budget is used up'],
    ...more,
  };
  const told = await page.evaluate(
    async ([path, body]) => {
      const answer = await fetch(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      return answer.ok ? '' : `${answer.status} ${await answer.text()}`;
    },
    [`/api/v1/sensors/${NODE}/status?environment=local`, JSON.stringify(status)],
  );
  assert.equal(told, '', now);
}
