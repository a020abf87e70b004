import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { renderApp } from '../testing';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);

describe('sensors', () => {
  it('show at once which node is not watched, and what is dropped', async () => {
    renderApp('/sensors');
    const rows = within(await table('Sensors')).getAllByRole('row');
    // The silent first, then the degraded.
    expect(rows[1]?.textContent).toContain('prod-us-node-2');
    expect(rows[2]?.textContent).toMatch(/prod-eu-node-2.*Degraded.*48k/);
    expect(screen.getByText('prod-us-node-2 is not watched')).toBeTruthy();
    expect(screen.getByText('1 sensor leaves something out for now')).toBeTruthy();
  });
  it('are narrowed by their state, in the address', async () => {
    const { router } = renderApp('/sensors');
    await table('Sensors');
    await userEvent.click(screen.getByRole('button', { name: /^Degraded/ }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ state: 'degraded' }));
    expect(within(await table('Sensors')).getAllByRole('row')).toHaveLength(2);
  });
  it('say how to install the first', async () => {
    renderApp('/sensors', 'empty');
    expect(await screen.findByText('No node is watched yet', {}, find)).toBeTruthy();
    expect(screen.getByText(/sudo seawall-sensor run/)).toBeTruthy();
    expect(screen.getByText(/daemonset\.yaml/)).toBeTruthy();
  });
});

describe('a sensor', () => {
  it('says what its kernel allows and what is lost without', async () => {
    renderApp('/sensors/staging-node-1');
    const features = await screen.findByRole('region', { name: 'Kernel features' }, find);
    const ring = within(features).getByText('io_uring').closest('tr');
    expect(ring?.textContent).toContain('Not possible');
    expect(ring?.textContent).toContain('files opened through io_uring are not seen');
  });
  it('says what was dropped and why, and lists its containers', async () => {
    renderApp('/sensors/prod-eu-node-2');
    const classes = await screen.findByRole('region', { name: 'Classes of events' }, find);
    const files = within(classes).getByText('Files').closest('tr');
    expect(files?.textContent).toContain('48,210');
    expect(files?.textContent).toContain('not looked at for now');
    expect(screen.getByText(/the ring of bulk events was full/)).toBeTruthy();
    expect(within(await table('Containers')).getAllByRole('row').length).toBeGreaterThan(5);
  });
  it('of a node that is gone for good is forgotten, when asked twice', async () => {
    const { router } = renderApp('/sensors/prod-us-node-2');
    await userEvent.click(await screen.findByRole('button', { name: 'Forget it…' }, find));
    await userEvent.click(screen.getByRole('button', { name: 'Forget prod-us-node-2' }));
    await waitFor(() => expect(router.state.location.pathname).toBe('/sensors'));
    expect((await table('Sensors')).textContent).not.toContain('prod-us-node-2');
  });
  it('that is not there says so', async () => {
    renderApp('/sensors/nowhere');
    expect(await screen.findByText('This sensor is not here', {}, find)).toBeTruthy();
  });
});

describe('an alert of a sensor', () => {
  const open = async () => {
    const app = renderApp('/alerts?q=rule:drifted-executable');
    await table('Alerts');
    await userEvent.keyboard('j');
    const tree = await screen.findByRole('tree', { name: 'Processes' }, find);
    return { ...app, tree };
  };
  const items = (tree: HTMLElement) => within(tree).getAllByRole('treeitem');
  const focused = () => document.activeElement?.textContent ?? '';

  it('has its processes as a tree that is walked by keys', async () => {
    const { tree } = await open();
    const all = items(tree);
    expect(all[0]?.textContent).toContain('on the host');
    expect(all[1]?.textContent).toContain('in the container');
    const subject = all.find((item) => item.textContent?.includes('the alert is about this'));
    expect(subject?.tabIndex).toBe(0);
    expect(all.filter((item) => item.tabIndex === 0)).toHaveLength(1);
    fireEvent.focus(subject as HTMLElement);
    subject?.focus();
    await userEvent.keyboard('{ArrowLeft}');
    expect(focused()).toContain('sh -c');
    await userEvent.keyboard('{ArrowLeft}');
    expect(items(tree).length).toBe(all.length - 3);
    await userEvent.keyboard('{ArrowRight}');
    expect(items(tree).length).toBe(all.length);
    await userEvent.keyboard('{Home}');
    expect(focused()).toContain('containerd-shim');
    await userEvent.keyboard('{ArrowDown}{ArrowDown}');
    expect(focused()).toContain('--worker 1');
  });
  it('tells what its container did, narrowed by process and kind', async () => {
    const { tree, router } = await open();
    expect(screen.getByText(/What this container did in the two minutes before/)).toBeTruthy();
    const list = () => screen.getByRole('list', { name: 'What happened, oldest first' });
    const lines = within(list()).getAllByRole('listitem').length;
    expect(list().textContent).toContain('212 times');
    const wget = items(tree).find((item) => item.textContent?.startsWith('wget'));
    await userEvent.click(wget as HTMLElement);
    await waitFor(() =>
      expect(router.state.location.search).toMatchObject({ process: expect.stringMatching(/@/) }),
    );
    const narrowed = within(list()).getAllByRole('listitem');
    expect(narrowed.length).toBeLessThan(lines);
    expect(narrowed.every((line) => line.textContent?.includes('wget'))).toBe(true);
    await userEvent.click(screen.getByRole('button', { name: /^Kind/ }));
    await userEvent.click(screen.getByRole('menuitemcheckbox', { name: /Connected to/ }));
    await waitFor(() => expect(within(list()).getAllByRole('listitem')).toHaveLength(1));
    expect(router.state.location.search).toMatchObject({ did: 'connect' });
  });
  it('says how the attempt ended', async () => {
    await open();
    expect(screen.getByText(/^(Blocked|Killed|Would have been blocked)$/)).toBeTruthy();
  });
});

describe('the drift policy', () => {
  const rules = () => within(screen.getByRole('list', { name: /^Rules/ })).getAllByRole('listitem');
  const ready = () => screen.findByText('The platform’s own agents', {}, find);

  it('says what each rule does and what it decides about now', async () => {
    renderApp('/drift');
    await ready();
    expect(rules()[1]?.textContent).toMatch(
      /In containers in the namespaces shop or billing in the cluster prod-\*, programs .* stopped/,
    );
    await waitFor(
      () => expect(rules()[1]?.textContent).toMatch(/decides about \d+ running containers/),
      find,
    );
    expect(rules()[3]?.textContent).toMatch(/by (its|their) labels|fits nothing/);
  });
  it('is put in another order by keys, and saved', async () => {
    const { asked } = renderApp('/drift');
    await ready();
    const handle = screen.getByRole('button', { name: /^Move Shop, strictly: number 2/ });
    handle.focus();
    await userEvent.keyboard('{ArrowUp}');
    expect(rules()[0]?.textContent).toContain('Shop, strictly');
    expect(screen.getByText('Shop, strictly is now number 1 of 4')).toBeTruthy();
    expect(screen.getByText('Not saved yet.')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByText(/^Saved\./, {}, find)).toBeTruthy();
    expect(asked.some((line) => line.startsWith('PUT /api/v1/drift/policy'))).toBe(true);
  });
  it('refuses two rules of one name, and a rule without one', async () => {
    renderApp('/drift');
    await ready();
    await userEvent.click(screen.getByRole('button', { name: 'New rule' }));
    expect(await screen.findAllByText('Give it a name.', {}, find)).not.toHaveLength(0);
    expect(screen.getByRole('button', { name: 'Save' })).toHaveProperty('disabled', true);
    await userEvent.click(screen.getByRole('textbox', { name: 'Name' }));
    await userEvent.paste('Shop, strictly');
    expect(screen.getAllByText('Another rule has this name.').length).toBeGreaterThan(0);
  });
  it('is not left by accident with changes', async () => {
    const { router } = renderApp('/drift');
    await ready();
    await userEvent.click(screen.getByRole('button', { name: 'Remove Try blocking in search' }));
    await userEvent.click(screen.getByRole('link', { name: 'Sensors' }));
    const dialog = await screen.findByRole('dialog', {}, find);
    expect(router.state.location.pathname).toBe('/drift');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Stay' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(rules()).toHaveLength(3);
    await userEvent.click(screen.getByRole('link', { name: 'Sensors' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Leave, and lose it' }, find));
    await waitFor(() => expect(router.state.location.pathname).toBe('/sensors'));
  });
  it('somebody else changed meanwhile is not overwritten unasked', async () => {
    const { mock } = renderApp('/drift');
    await ready();
    await userEvent.click(screen.getByRole('button', { name: 'Remove Try blocking in search' }));
    const theirs = await (
      await mock.handle(new Request('http://localhost/api/v1/drift/policy?environment=local'))
    ).json();
    theirs.drift.rules[0].action = 'alert';
    await mock.handle(
      new Request('http://localhost/api/v1/drift/policy', {
        method: 'PUT',
        body: JSON.stringify({
          environment: 'local',
          revision: theirs.revision,
          drift: theirs.drift,
          deny: theirs.deny,
        }),
      }),
    );
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByText(/anna changed the policy meanwhile/, {}, find)).toBeTruthy();
    expect(screen.getByText(/They changed “The platform’s own agents”/)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Save' })).toHaveProperty('disabled', true);
    await userEvent.click(screen.getByRole('button', { name: /^Keep mine/ }));
    await userEvent.click(screen.getByRole('button', { name: 'Save' }));
    expect(await screen.findByText(/^Saved\./, {}, find)).toBeTruthy();
    expect(rules()).toHaveLength(3);
  });
  it('is read, not changed, by whoever may only look', async () => {
    renderApp('/drift?sel=2', 'reader');
    await ready();
    expect(await screen.findByText('You may look, not change', {}, find)).toBeTruthy();
    expect(screen.getByRole('textbox', { name: 'Name' })).toHaveProperty('readOnly', true);
    expect(screen.queryByRole('button', { name: /^Remove / })).toBeNull();
    expect(screen.getByRole('button', { name: 'New rule' }).title).toMatch(/role/);
  });
});
