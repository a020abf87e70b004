import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { PolicyDetail } from '../api/policies';
import { renderApp } from '../testing';
import { addressFault } from './hosts/HostForm';
import { readParameters } from './policies/Setting';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);

describe('policies', () => {
  it('are listed with what is done about each', async () => {
    renderApp('/policies');
    const rows = within(await table('Policies')).getAllByRole('row');
    expect(rows.length).toBeGreaterThan(10);
    const text = rows.map((row) => row.textContent).join('\n');
    expect(text).toMatch(/Containers should not run privileged.*Deny/);
  });
  it('are narrowed by what is done, in the address', async () => {
    const { router } = renderApp('/policies');
    await table('Policies');
    await userEvent.click(screen.getByRole('button', { name: /^Deny/ }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ action: 'deny' }));
    expect(within(await table('Policies')).getAllByRole('row')).toHaveLength(2);
  });
  it('show what denying would mean before it is done, and want a reason', async () => {
    const { asked } = renderApp('/policies/pods-not-root');
    await userEvent.click(await screen.findByRole('button', { name: 'Change it…' }, find));
    await userEvent.click(screen.getByRole('radio', { name: /^Deny/ }));
    expect(await screen.findByText('What denying would mean', {}, find)).toBeTruthy();
    const save = screen.getByRole('button', { name: /^Deny in every cluster/ });
    expect((save as HTMLButtonElement).disabled).toBe(true);
    await userEvent.type(screen.getByRole('textbox', { name: 'Why' }), 'It was time.');
    await userEvent.click(save);
    await waitFor(() => expect(asked).toContain('PUT /api/v1/policies/pods-not-root/setting'));
    expect(await screen.findByText(/It was time/, {}, find)).toBeTruthy();
  });
  it('are narrowed to labels of namespaces and of objects', async () => {
    const { mock } = renderApp('/policies/pods-not-root');
    await userEvent.click(await screen.findByRole('button', { name: 'Change it…' }, find));
    await userEvent.type(screen.getByRole('textbox', { name: 'Why' }), 'Only the shop.');
    const save = screen.getByRole('button', { name: /in every cluster/ }) as HTMLButtonElement;
    const ofNamespace = screen.getByRole('textbox', { name: /namespaces with these labels/ });
    await userEvent.type(ofNamespace, 'team in shop');
    expect(screen.getByText(/“team in shop” is no condition/)).toBeTruthy();
    expect(save.disabled).toBe(true);
    await userEvent.clear(ofNamespace);
    await userEvent.type(ofNamespace, 'team=shop, !legacy');
    const ofObject = screen.getByRole('textbox', { name: /objects with these labels/ });
    await userEvent.type(ofObject, 'tier in (web, api)');
    await userEvent.click(save);
    await screen.findByText(/Only the shop\./, {}, find);
    const answer = await mock.handle(new Request('http://mock/api/v1/policies/pods-not-root'));
    const { policy } = (await answer.json()) as PolicyDetail;
    expect(policy.settings.map((each) => each.scope)).toContainEqual({
      namespaces: [],
      excluded_namespaces: [],
      namespace_selector: {
        matchLabels: { team: 'shop' },
        matchExpressions: [{ key: 'legacy', operator: 'DoesNotExist' }],
      },
      label_selector: {
        matchExpressions: [{ key: 'tier', operator: 'In', values: ['web', 'api'] }],
      },
    });
  });
  it('are not changed by those who may only look', async () => {
    renderApp('/policies/pods-not-root', 'reader');
    const change = await screen.findByRole('button', { name: 'Change it…' }, find);
    await waitFor(() => expect((change as HTMLButtonElement).disabled).toBe(true));
  });
  it('of one’s own are tried on what is there, then kept', async () => {
    const { router } = renderApp('/policies/new');
    await userEvent.click(await screen.findByRole('button', { name: 'Try it' }, find));
    expect((await screen.findAllByText(/has no label owner/, {}, find)).length).toBeGreaterThan(0);
    await userEvent.click(screen.getByRole('button', { name: 'Keep it' }));
    await waitFor(() => expect(router.state.location.pathname).toBe('/policies/ownerlabel'));
  });
  it('take parameters as one object of JSON', () => {
    expect(readParameters('')).toEqual({});
    expect(readParameters('{"a": 1}')).toEqual({ value: { a: 1 } });
    expect(readParameters('[1]').fault).toContain('one JSON object');
    expect(readParameters('{a').fault).toContain('no JSON');
  });
});

describe('admission', () => {
  it('shows what was decided, why, and what mends it', async () => {
    renderApp('/admission');
    const list = await table('Decisions');
    const denied = within(list)
      .getAllByRole('row')
      .find((row) => row.textContent?.includes('Denied'));
    expect(denied).toBeTruthy();
    await userEvent.click(denied as HTMLElement);
    const pane = await screen.findByRole('complementary', {}, find);
    expect(pane.textContent).toContain('securityContext/privileged');
    expect(screen.getByText(/is silent/)).toBeTruthy();
  });
  it('says how to begin where nobody decides', async () => {
    renderApp('/admission', 'empty');
    expect(await screen.findByText('No cluster asks before it stores', {}, find)).toBeTruthy();
  });
});

describe('clusters', () => {
  it('say which of them nobody tells of any more', async () => {
    renderApp('/clusters');
    const list = await table('Clusters');
    expect(list.textContent).toMatch(/staging.*Silent/);
  });
  it('show each workload in one picture', async () => {
    const { router } = renderApp('/clusters/prod-eu');
    const list = await table('Workloads');
    await userEvent.click(within(list).getByRole('link', { name: 'storefront' }));
    await waitFor(() => expect(router.state.location.pathname).toContain('/workloads/'));
    expect(
      (await screen.findByRole('region', { name: 'Who reaches it' }, find).catch(() => null)) ??
        (await screen.findByText('Who reaches it', {}, find)),
    ).toBeTruthy();
    expect(screen.getByText(/can be reached from outside/)).toBeTruthy();
  });
  it('show what checks found on each machine', async () => {
    renderApp('/clusters/prod-eu?tab=nodes');
    const rows = within(await table('Nodes')).getAllByRole('row');
    expect(rows).toHaveLength(4);
    expect(rows[1]?.textContent).toMatch(/prod-eu-node-1self-managedv1\.35\.4.*2 findings/);
    expect(rows[3]?.textContent).toMatch(/prod-eu-node-3self-managed–/);
    const link = within(rows[1] as HTMLElement).getByRole('link');
    expect(decodeURIComponent(link.getAttribute('href') ?? '')).toMatch(/prod-eu-node-1/);
    expect(rows[3]?.textContent).toMatch(/none.*1 thing/);
  });
  it('say how to look at machines where nobody has', async () => {
    renderApp('/clusters/staging?tab=nodes');
    expect(await screen.findByText(/Nobody has looked at the machines/, {}, find)).toBeTruthy();
  });
  it('say how to connect the first', async () => {
    renderApp('/clusters', 'empty');
    expect(await screen.findByText('No cluster is connected yet', {}, find)).toBeTruthy();
  });
});

describe('hosts', () => {
  it('say why one was not reached, and what to do', async () => {
    renderApp('/hosts');
    const list = await table('Docker hosts');
    await userEvent.click(within(list).getByRole('link', { name: 'edge-02' }));
    expect(await screen.findByText(/ended three days ago/, {}, find)).toBeTruthy();
    expect(screen.getByText(/Make the engine a new one/)).toBeTruthy();
  });
  it('are added by their address', async () => {
    const { router } = renderApp('/hosts');
    await table('Docker hosts');
    await userEvent.click(screen.getByRole('button', { name: 'Add a host' }));
    await userEvent.type(await screen.findByRole('textbox', { name: 'Name' }, find), 'ci-03');
    const address = screen.getByRole('textbox', { name: 'Address' });
    await userEvent.clear(address);
    await userEvent.type(address, 'tcp://ci-03:2376');
    await userEvent.click(screen.getByRole('button', { name: 'Add the host' }));
    await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/hosts\/./));
  });
  it('have an address with a host and a port', () => {
    expect(addressFault('tcp://build-01:2376')).toBeUndefined();
    expect(addressFault('build-01')).toContain('tcp://HOST:PORT');
    expect(addressFault(' ')).toContain('where its engine listens');
  });
});

describe('compliance', () => {
  it('shows what answers a control, and what fails it', async () => {
    renderApp('/compliance?standard=CIS-K8S');
    const failed = (await screen.findAllByRole('row', {}, find)).find((row) =>
      row.textContent?.includes('Not met'),
    );
    await userEvent.click(within(failed as HTMLElement).getByRole('button'));
    expect(await screen.findByText('What answers it', {}, find)).toBeTruthy();
    expect(await screen.findByText('What fails it', {}, find)).toBeTruthy();
    const report = screen.getByRole('link', { name: 'Report to print' });
    expect(report.getAttribute('href')).toContain('format=html');
  });
});
