import assert from 'node:assert/strict';

// Named to come last: it leaves accounts behind, and time has passed.
export const title = 'the first account, three roles, an exemption that runs out, and its trail';
export const needsServer = true;
// Refused requests are part of it, and the browser's console says each.
export const expectsFaults = true;

const PASSWORD = 'a wall of the sea';
const DAY = 86_400;

export default async function story({ page, url, axe, other, passTime }) {
  await page.goto(`${url}/setup`);
  await page.getByLabel(/^Name/).fill('ines');
  await page.getByRole('textbox', { name: 'New password' }).fill('short');
  await page.getByText('7 more').waitFor();
  await page.getByRole('textbox', { name: 'New password' }).fill(PASSWORD);
  await page.getByRole('textbox', { name: 'Once more' }).fill(PASSWORD);
  assert.deepEqual(await axe(), []);
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();

  // By name and password, in a browser of her own.
  const admin = await other();
  await admin.goto(`${url}/sign-in?next=%2Fsettings%2Fpeople`);
  await signIn(admin, 'ines');
  await admin.getByRole('button', { name: 'New account' }).waitFor();
  const reader = await join(admin, other, url, 'rui', ['Security reader']);
  const platform = await join(admin, other, url, 'olga', ['Platform admin']);
  const triage = await join(admin, other, url, 'sami', ['Security admin']);

  // Who may only look is told so before trying.
  await reader.goto(`${url}/findings`);
  await reader.getByRole('table', { name: 'Findings' }).waitFor();
  await reader.keyboard.press('j');
  const pane = reader.getByRole('complementary');
  await pane.getByRole('button', { name: 'Dismiss…' }).waitFor();
  assert.equal(
    await pane.getByRole('button', { name: 'Dismiss…' }).getAttribute('aria-disabled'),
    'true',
  );
  await reader.goto(`${url}/settings/people`);
  await reader.getByText('This needs the role platform admin.').waitFor();

  // Who runs the installation sees people, and no finding.
  await platform.goto(`${url}/settings/people`);
  await platform.getByText('rui', { exact: true }).first().waitFor();
  const refused = await platform.evaluate(async () => (await fetch('/api/v1/findings')).status);
  assert.ok([403, 404].includes(refused), `findings: ${refused}`);

  // A security admin dismisses, and takes it back.
  await triage.goto(`${url}/findings`);
  const table = triage.getByRole('table', { name: 'Findings' });
  await table.waitFor();
  for (const key of ['j', 'x', 'j', 'x']) await triage.keyboard.press(key);
  await triage.getByText('2 findings chosen').waitFor();
  await triage.keyboard.press('e');
  const dialog = triage.getByRole('dialog');
  await dialog.waitFor();
  await triage.keyboard.press('d');
  await dialog.getByRole('radio', { name: 'Expected' }).check();
  await dialog.getByRole('button', { name: 'Dismiss' }).click();
  await triage.getByText('2 findings dismissed').waitFor();
  await dialog.waitFor({ state: 'detached' });
  await triage.keyboard.press('z');
  await triage.getByText('Undone: 2 findings dismissed').waitFor();

  // An exemption for a week; nine days later the finding is open again.
  await triage.goto(`${url}/findings`);
  await table.waitFor();
  await triage.keyboard.press('j');
  await triage.keyboard.press('s');
  await dialog.getByText('1 open finding', { exact: true }).waitFor();
  await dialog.getByRole('button', { name: '1 week' }).click();
  await dialog.getByRole('textbox', { name: 'Note' }).fill('Rebuilt next week');
  await dialog.getByRole('button', { name: /^Exempt/ }).click();
  await triage
    .getByText(/exempted/)
    .first()
    .waitFor();
  await triage.goto(`${url}/exemptions`);
  const row = triage.getByRole('row').filter({ hasText: 'Rebuilt next week' });
  await row.waitFor();
  const held = await exemptions(triage);
  assert.equal(held[0].state, 'active');
  assert.equal(held[0].findings, 1);
  const finding = held[0].scope.replace(/^finding:/, '');
  passTime(9 * DAY);
  await signInAgain(triage, url, 'sami');
  await until(async () => (await exemptions(triage))[0].state === 'expired');
  const detail = await triage.evaluate(
    async (id) => (await fetch(`/api/v1/findings/${id}`)).json(),
    finding,
  );
  assert.equal(detail.finding.state, 'open');
  assert.ok(detail.history.some((event) => event.what === 'exemption_ended'));

  // All of it is in the trail, and the trail is whole.
  await signInAgain(admin, url, 'ines');
  await admin.goto(`${url}/settings/audit`);
  await admin.getByRole('button', { name: 'Verify the chain' }).click();
  await admin.getByText(/entries are as written/).waitFor();
  await admin.getByText('user.create').first().waitFor();
}

async function signIn(page, name) {
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** After a jump in time every session is over. */
async function signInAgain(page, url, name) {
  await page.goto(`${url}/sign-in`);
  const field = page.getByRole('textbox', { name: 'Password' });
  const open = page.getByRole('button', { name: 'Open the dashboard' });
  await field.or(open).first().waitFor();
  if (await open.isVisible()) return;
  await signIn(page, name);
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
}

/** Makes an account, and uses its link in a browser of its own. */
async function join(admin, other, url, name, roles) {
  await admin.goto(`${url}/settings/people`);
  await admin.getByRole('button', { name: 'New account' }).click();
  const dialog = admin.getByRole('dialog');
  await dialog.getByLabel(/^Name/).fill(name);
  for (const label of ['Security reader', 'Security admin', 'Platform admin']) {
    const box = dialog.getByRole('checkbox', { name: label });
    if ((await box.isChecked()) !== roles.includes(label)) await box.click();
  }
  await dialog.getByRole('button', { name: 'Make the account' }).click();
  const link = await dialog.locator('code').filter({ hasText: 'invitation=' }).textContent();
  await dialog.getByRole('button', { name: 'I have kept it' }).click();
  const page = await other();
  await page.goto(link);
  await page.getByRole('textbox', { name: 'New password' }).fill(PASSWORD);
  await page.getByRole('textbox', { name: 'Once more' }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Set the password and sign in' }).click();
  await page.getByRole('navigation', { name: 'Main' }).waitFor();
  return page;
}

async function exemptions(page) {
  const answer = await page.evaluate(async () => (await fetch('/api/v1/exemptions')).json());
  return answer.items;
}

async function until(holds) {
  for (let round = 0; round < 120; round += 1) {
    if (await holds()) return;
    await new Promise((done) => setTimeout(done, 500));
  }
  throw new Error('it did not come to be within a minute');
}
