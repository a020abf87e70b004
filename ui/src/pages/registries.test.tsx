import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { RegistryTag } from '../api/registries';
import { renderApp } from '../testing';
import { beside } from './images/TimelineTab';
import { every } from './registries/parts';
import { comparable } from './registries/Repositories';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);
const open = async (name: string) => {
  const app = renderApp('/registries');
  await userEvent.click(within(await table('Registries')).getByRole('link', { name }));
  await screen.findByRole('heading', { name, level: 1 }, find);
  return app;
};

describe('registries', () => {
  it('say how each is, and when it was looked at', async () => {
    renderApp('/registries');
    const rows = within(await table('Registries')).getAllByRole('row');
    const text = rows.map((row) => row.textContent).join('\n');
    expect(text).toMatch(/Ours.*Working.*Harbor.*registry\.example\.com/);
    expect(text).toMatch(/Docker Hub.*Held back/);
    expect(text).toMatch(/GitHub.*Failing/);
    expect(text).toMatch(/Lab.*Paused/);
  });
  it('say how to begin', async () => {
    renderApp('/registries', 'empty');
    expect(await screen.findByText('No registry is watched yet', {}, find)).toBeTruthy();
    expect(screen.getByText(/seawall registry add/)).toBeTruthy();
  });
  it('are not added before all that is needed is there', async () => {
    renderApp('/registries');
    await table('Registries');
    await userEvent.click(screen.getByRole('button', { name: 'Add a registry' }));
    await userEvent.type(await screen.findByRole('textbox', { name: 'Name' }, find), 'Staging');
    const add = screen.getByRole('button', { name: 'Add the registry' });
    expect(screen.getByText('Say where it is.')).toBeTruthy();
    await userEvent.type(screen.getByRole('textbox', { name: 'Address' }), 'staging.example');
    await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Asked as' }), 'token');
    expect(screen.getByText('Still needed: Token.')).toBeTruthy();
    expect((add as HTMLButtonElement).disabled).toBe(true);
    await userEvent.type(screen.getByLabelText('Token'), 't');
    expect((add as HTMLButtonElement).disabled).toBe(false);
  });
  it('show their secret once, with where it goes', async () => {
    const { router } = renderApp('/registries?tab=new');
    await userEvent.type(await screen.findByRole('textbox', { name: 'Name' }, find), 'Mirror');
    await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Kind' }), 'quay');
    await userEvent.click(screen.getByRole('button', { name: 'Add the registry' }));
    expect(await screen.findByText('Mirror is watched', {}, find)).toBeTruthy();
    expect(screen.getByText(/hook\?token=[0-9a-f]{43}$/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'I have kept it' }));
    await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/registries\/./));
  });
  it('are not added by those who may only look', async () => {
    renderApp('/registries', 'reader');
    await table('Registries');
    const add = screen.getByRole('button', { name: 'Add a registry' });
    await waitFor(() => expect((add as HTMLButtonElement).disabled).toBe(true));
    expect(add.title).toMatch(/security admin/);
  });
});

describe('a registry', () => {
  it('says which of its repositories could not be read, and why', async () => {
    await open('Ours');
    expect(screen.getByText('1 repository could not be read')).toBeTruthy();
    const repositories = await table('Repositories');
    const mark = within(repositories).getByText('not read');
    expect(mark.title).toMatch(/denied.*credentials/);
  });
  it('says what it told to no avail', async () => {
    await open('Build cluster');
    const notice = await screen.findByText('Not all it told came to something', {}, find);
    expect(notice.parentElement?.textContent).toMatch(/2 events.*1 could not be understood/);
  });
  it('shows its repositories, and the tags of one', async () => {
    const { router } = await open('Ours');
    const repositories = await table('Repositories');
    await userEvent.click(within(repositories).getByRole('link', { name: 'shop/checkout' }));
    await waitFor(() =>
      expect(router.state.location.search).toMatchObject({ repo: 'shop/checkout' }),
    );
    const tags = await table('Tags');
    expect(within(tags).getByRole('link', { name: '2.8.1' }).getAttribute('href')).toMatch(
      /^\/images\//,
    );
    expect(tags.textContent).toContain('not scanned yet');
  });
  it('says which repositories are gone, and narrows them in the address', async () => {
    const { router } = await open('Ours');
    await table('Repositories');
    await userEvent.type(screen.getByRole('textbox', { name: 'Filter by name' }), 'importer');
    await waitFor(() => expect(router.state.location.search).toMatchObject({ q: 'importer' }));
    await waitFor(
      async () =>
        expect((await table('Repositories')).textContent).toMatch(/tools\/old-importer.*gone/),
      find,
    );
  });
  it('says why it is not reached, and what to do', async () => {
    await open('GitHub');
    expect(await screen.findByText(/refused the token/, {}, find)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Try the connection' }));
    const dialog = await screen.findByRole('dialog', {}, find);
    expect(dialog.textContent).toContain('401');
  });
  it('says what it answers when it is tried', async () => {
    await open('Ours');
    await userEvent.click(screen.getByRole('button', { name: 'Try the connection' }));
    const dialog = await screen.findByRole('dialog', {}, find);
    await waitFor(() => expect(dialog.textContent).toContain('accepts the credentials'), find);
  });
  it('says how it is brought to tell by itself', async () => {
    await open('Ours');
    await userEvent.click(screen.getByRole('link', { name: 'How it tells' }));
    expect(await screen.findByText(/replication status changed/, {}, find)).toBeTruthy();
    expect(screen.getByText('every 15 minutes')).toBeTruthy();
  });
  it('is given a new secret, and forgotten, when asked twice', async () => {
    const { router } = await open('Quay');
    await userEvent.click(screen.getByRole('button', { name: 'Change' }));
    await userEvent.click(screen.getByRole('menuitem', { name: /New webhook secret/ }));
    await userEvent.click(await screen.findByRole('button', { name: 'Make a new secret' }, find));
    await userEvent.click(await screen.findByRole('button', { name: 'I have kept it' }, find));
    await userEvent.click(screen.getByRole('button', { name: 'Change' }));
    await userEvent.click(screen.getByRole('menuitem', { name: /Remove/ }));
    await userEvent.click(await screen.findByRole('button', { name: 'Remove Quay' }, find));
    await waitFor(() => expect(router.state.location.pathname).toBe('/registries'));
    expect((await table('Registries')).textContent).not.toContain('quay.io');
  });
  it('compares two scanned tags, the older first', () => {
    const tag = (name: string, pushed: string, id?: string): RegistryTag => ({
      name,
      first_seen: pushed,
      last_seen: pushed,
      pushed,
      ...(id ? { image: { id, name, environment: 'local', kind: 'image' } } : {}),
    });
    const [old, now] = [
      tag('1', '2026-01-01T00:00:00Z', 'a'),
      tag('2', '2026-02-01T00:00:00Z', 'b'),
    ];
    expect(comparable([now, old])).toEqual({ before: 'a', after: 'b', names: ['1', '2'] });
    expect(comparable([old])).toMatchObject({ whyNot: expect.stringContaining('two') });
    expect(comparable([old, tag('3', old.first_seen)])).toHaveProperty('whyNot');
    expect(comparable([old, tag('latest', old.first_seen, 'a')])).toHaveProperty('whyNot');
  });
  it('is looked through in words people use', () => {
    expect([1, 15, 60, 120, 1440, 2880].map(every)).toEqual([
      'every minute',
      'every 15 minutes',
      'every hour',
      'every 2 hours',
      'every day',
      'every 2 days',
    ]);
  });
});

describe('the queue of scans', () => {
  it('says why each waits, and when it is tried again', async () => {
    renderApp('/scans?tab=queue');
    const rows = within(await table('Scans')).getAllByRole('row');
    const text = rows.map((row) => row.textContent).join('\n');
    expect(text).toMatch(/ml\/trainer.*% read/);
    expect(text).toMatch(/shop\/cart.*Runs.*failed 2 times, again .*503/);
    expect(screen.getByText('Docker Hub allows no more requests for a while')).toBeTruthy();
    const why = screen.getByRole('region', { name: 'Why it is there' });
    expect(within(why).getByRole('link', { name: 'Pushed' }).getAttribute('href')).toBe(
      '/scans?tab=queue&trigger=push',
    );
  });
  it('is narrowed by why, in the address', async () => {
    const { asked } = renderApp('/scans?tab=queue&trigger=push');
    await table('Scans');
    const request = asked.find((each) => /scans\?.*trigger=push/.test(each));
    expect(request).toContain('state=queued%2Crunning');
  });
  it('has what was given up, which is queued again', async () => {
    const { asked } = renderApp('/scans?tab=given-up');
    expect((await table('Scans')).textContent).toMatch(/old-importer.*not what its digest says/);
    await userEvent.keyboard('j');
    const pane = await screen.findByRole('complementary', {}, find);
    await userEvent.click(within(pane).getByRole('button', { name: 'Queue it again' }));
    await waitFor(() =>
      expect(asked.some((each) => /^POST .*\/scans\/\w+\/retry$/.test(each))).toBe(true),
    );
    await userEvent.click(screen.getByRole('button', { name: 'Queue all again' }));
    expect(await screen.findByText('No scan was given up', {}, find)).toBeTruthy();
  });
  it('is empty, and says so', async () => {
    renderApp('/scans?tab=queue', 'clean');
    expect(await screen.findByText('Nothing waits', {}, find)).toBeTruthy();
  });
});

/** The page of the image with log4j in it. */
async function checkout(tab: string) {
  const app = renderApp('/images?q=checkout');
  const link = within(await table('Images')).getByRole('link');
  const path = link.getAttribute('href') ?? '';
  await app.router.navigate({ to: `${path}?tab=${tab}` as never });
  await screen.findByRole('navigation', { name: 'Parts of the image' }, find);
  return { ...app, path };
}

describe('an image', () => {
  it('has a timeline of why it was looked at and what changed', async () => {
    const { router } = await checkout('timeline');
    expect(await screen.findByText(/because advisory .* changed/, {}, find)).toBeTruthy();
    expect(screen.getByText('Pushed')).toBeTruthy();
    expect(screen.getByText('Copied in')).toBeTruthy();
    expect(screen.getByText('Scan failed')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Changes' }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ kind: 'change' }));
    await waitFor(() => expect(screen.queryByText('Pushed')).toBeNull());
    expect(screen.getByText(/because advisory .* changed/)).toBeTruthy();
  });
  it('has reasons that say nothing twice', () => {
    expect(beside('Pushed', 'pushed to shop/web:1')).toBe(' to shop/web:1');
    expect(beside('Due', 'last read 8 days ago')).toBe(' · last read 8 days ago');
  });
});
