import assert from 'node:assert/strict';

export const title = 'an attack on a cluster: who did what, the incident, the rule, a mute';

const CLUSTER = 'story-cluster';

/** An event as an API server's audit log has it. */
function event(index, { verb, resource, subresource, name, more = {} }) {
  const time = new Date(Date.now() - (30 - index) * 1000).toISOString().replace('Z', '000Z');
  const group = resource.startsWith('clusterrole') ? 'rbac.authorization.k8s.io' : undefined;
  const path = [resource, name, subresource].filter(Boolean).join('/');
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'RequestResponse',
    auditID: `00000000-0000-4000-8000-${String(Date.now() + index)
      .padStart(12, '0')
      .slice(-12)}`,
    stage: 'ResponseComplete',
    requestURI: group ? `/apis/${group}/v1/${path}` : `/api/v1/namespaces/shop/${path}`,
    verb,
    user: {
      username: 'mallory@example.com',
      groups: ['developers', 'system:authenticated'],
    },
    sourceIPs: ['198.51.100.77'],
    userAgent: 'kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0',
    objectRef: {
      resource,
      ...(subresource ? { subresource } : {}),
      ...(group ? { apiGroup: group } : { namespace: 'shop' }),
      ...(name ? { name } : {}),
      apiVersion: 'v1',
    },
    responseStatus: { code: subresource === 'exec' ? 101 : 201 },
    requestReceivedTimestamp: time,
    stageTimestamp: time,
    annotations: { 'authorization.k8s.io/decision': 'allow' },
    ...more,
  };
}

const ATTACK = [
  { verb: 'create', resource: 'pods', subresource: 'exec', name: 'web-1' },
  {
    verb: 'create',
    resource: 'clusterrolebindings',
    name: 'helpers',
    more: {
      requestObject: {
        kind: 'ClusterRoleBinding',
        metadata: { name: 'helpers' },
        roleRef: {
          apiGroup: 'rbac.authorization.k8s.io',
          kind: 'ClusterRole',
          name: 'cluster-admin',
        },
        subjects: [{ kind: 'User', name: 'mallory@example.com' }],
      },
    },
  },
];

async function attack(page) {
  const items = ATTACK.map((step, index) => event(index, step));
  const body = JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items });
  await page.evaluate(
    async ([path, body]) => {
      const answer = await fetch(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      if (!answer.ok) throw new Error(await answer.text());
    },
    [`/api/v1/clusters/${CLUSTER}/audit?environment=local`, body],
  );
  await page.waitForFunction(async (cluster) => {
    const answer = await fetch(
      `/api/v1/findings?environment=local&q=kind:alert cluster:${cluster}&limit=1`,
    );
    return (await answer.json()).total >= 2;
  }, CLUSTER);
}

export default async function story({ page, url, isMock, axe }) {
  if (isMock) await page.goto(`${url}/?mock=normal`);
  else {
    await page.goto(`${url}/settings/system`);
    await attack(page);
    await page.goto(`${url}/settings/intake`);
    await page.getByRole('heading', { name: CLUSTER }).waitFor();
    assert.deepEqual(await axe(), []);
  }

  await page.goto(`${url}/alerts?q=${isMock ? 'rule:secrets-listed' : `cluster:${CLUSTER}`}`);
  await page.getByRole('table', { name: 'Alerts' }).waitFor();
  await page.keyboard.press('j');
  const pane = page.getByRole('complementary');
  await pane.getByRole('heading', { name: 'Who did what' }).waitFor();
  if (!isMock) await pane.getByRole('link', { name: 'mallory@example.com' }).first().waitFor();
  await pane.getByRole('button', { name: /secrets taken out/ }).click();
  await pane.getByText('audit.k8s.io/v1').first().waitFor();
  assert.deepEqual(await axe(), []);
  await page.keyboard.press('s');
  const dialog = page.getByRole('dialog');
  await dialog
    .getByRole('button', { name: /^This rule for / })
    .first()
    .click();
  assert.match(await dialog.getByRole('textbox', { name: 'Scope' }).inputValue(), /user:/);
  await dialog
    .locator('section[aria-busy=false]')
    .getByText(/out of what weighs/)
    .waitFor();
  assert.deepEqual(await axe(), []);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });

  await page.goto(`${url}/incidents`);
  await page.getByRole('table', { name: 'Incidents' }).waitFor();
  await page
    .getByRole('link', { name: isMock ? /techniques/ : /mallory/ })
    .first()
    .click();
  await page.getByRole('list', { name: 'Where in an attack it stands' }).waitFor();
  await page.getByRole('region', { name: 'Who did what to what' }).waitFor();
  assert.deepEqual(await axe(), []);
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await page.getByRole('button', { name: 'Acknowledge' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Close…' }).click();
  await dialog.getByRole('textbox', { name: 'Note' }).fill('A drill');
  await dialog.getByRole('button', { name: 'Close it' }).click();
  await page.getByRole('button', { name: 'Reopen' }).waitFor();

  await page.goto(`${url}/rules?q=${isMock ? 'secrets' : 'cluster-admin'}`);
  await page.getByRole('table', { name: 'Rules' }).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'How it is tested' }).waitFor();
  assert.deepEqual(await axe(), []);
  await page.getByRole('switch').click();
  await page.getByRole('textbox', { name: 'Why' }).fill('Tried in a story');
  await page.getByRole('button', { name: 'Switch it off' }).click();
  await page.getByText('It is off here').waitFor();
  await page.getByRole('switch').click();
  await page.getByRole('button', { name: 'Switch it on' }).click();
  await page.getByText('It watches here').waitFor();

  await page.goto(`${url}/attack`);
  await page.getByRole('button', { name: 'Not watched' }).click();
  await page.getByRole('region', { name: 'The matrix' }).waitFor();
  assert.deepEqual(await axe(), []);
}
