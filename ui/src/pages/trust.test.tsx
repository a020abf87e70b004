import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { Scenario } from '../../mock-api/handlers';
import { renderApp } from '../testing';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);

async function image(q: string, tab: string, scenario?: Scenario) {
  const app = renderApp(`/images?q=${q}`, scenario);
  const [link] = within(await table('Images')).getAllByRole('link');
  await app.router.navigate({ to: `${link?.getAttribute('href')}?tab=${tab}` as never });
  await screen.findByRole('navigation', { name: 'Parts of the image' }, find);
  return app;
}

describe('the signatures of an image', () => {
  it('are told by each trust policy', async () => {
    await image('checkout', 'signatures');
    expect(await screen.findByRole('heading', { name: 'Shop' }, find)).toBeTruthy();
    expect(screen.getByText('Verdict')).toBeTruthy();
  });
  it('are asked for by none, and it says where one is made', async () => {
    await image('platform/gateway', 'signatures');
    expect(await screen.findByText('No trust policy holds for it', {}, find)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Trust policies' }).getAttribute('href')).toBe(
      '/settings/trust',
    );
  });
});

describe('what is attached to an image', () => {
  it('is told with its sort, and how it was found', async () => {
    await image('checkout', 'attached');
    const attached = await screen.findByRole('list', { name: 'Attached' }, find);
    const [signature, sbom, attestation] = within(attached).getAllByRole('listitem');
    expect(signature?.textContent).toMatch(/Signature.*listed by the registry/);
    expect(sbom?.textContent).toContain('org.opencontainers.image.created: 2026');
    expect(attestation?.textContent).toMatch(/attached to its index · beside it in its index/);
    expect(attestation?.textContent).toMatch(/gone/);
    expect(screen.queryByText(/More may have come/)).toBeNull();
  });
  it('is nothing, and it says when all of it is asked for', async () => {
    await image('platform/gateway', 'attached');
    expect(await screen.findByText('Nothing is known to be attached to it', {}, find)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Trust policies' })).toBeTruthy();
  });
});

describe('what an image says of itself', () => {
  it('names what it is built on', async () => {
    await image('checkout', 'about');
    expect(await screen.findByText('Built on', {}, find)).toBeTruthy();
  });
});

const KEY = '-----BEGIN PUBLIC KEY-----{enter}MFkw{enter}-----END PUBLIC KEY-----';

describe('trust policies', () => {
  it('say for what they hold, and what was found', async () => {
    const { router } = renderApp('/settings/trust');
    expect(await screen.findByText('registry.example.com/shop/*', {}, find)).toBeTruthy();
    const counts = screen.getByRole('list', { name: 'Images of Shop' });
    const [first] = within(counts).getAllByRole('link');
    await userEvent.click(first as HTMLElement);
    await waitFor(() => expect(router.state.location.search).toHaveProperty('sel'));
    expect(await table('Its images')).toBeTruthy();
  });
  it('are made once all is there', async () => {
    const { asked } = renderApp('/settings/trust');
    await userEvent.click(await screen.findByRole('button', { name: 'New trust policy' }, find));
    await userEvent.type(await screen.findByRole('textbox', { name: 'Name' }, find), 'Data');
    const make = screen.getByRole('button', { name: 'Make the policy' });
    expect(screen.getByText('Say for which repositories it holds.')).toBeTruthy();
    await userEvent.type(
      screen.getByRole('textbox', { name: 'Repositories' }),
      'registry.example.com/data/*',
    );
    await userEvent.type(
      screen.getByRole('textbox', { name: 'What people know it by' }),
      'data-release',
    );
    await userEvent.type(screen.getByRole('textbox', { name: 'Public key' }), KEY);
    await waitFor(() => expect((make as HTMLButtonElement).disabled).toBe(false));
    await userEvent.click(make);
    await waitFor(() => expect(asked).toContain('POST /api/v1/trust'));
    expect(await screen.findByText('registry.example.com/data/*', {}, find)).toBeTruthy();
  });
  it('name as many timestamp authorities as there are', async () => {
    renderApp('/settings/trust');
    await userEvent.click(await screen.findByRole('button', { name: 'New trust policy' }, find));
    await userEvent.click(await screen.findByRole('button', { name: 'An authority' }, find));
    await userEvent.click(screen.getByRole('button', { name: 'Another authority' }));
    const authorities = () => screen.queryAllByRole('group', { name: /^Timestamp authority/ });
    expect(authorities()).toHaveLength(2);
    const second = within(authorities()[1] as HTMLElement);
    await userEvent.type(second.getByRole('textbox', { name: /know the authority by/ }), 'b');
    await userEvent.click(screen.getByRole('button', { name: 'Remove timestamp authority 1' }));
    expect(authorities()).toHaveLength(1);
    expect(screen.getByDisplayValue('b')).toBeTruthy();
  });
  it('are removed when asked twice', async () => {
    renderApp('/settings/trust');
    await userEvent.click(await screen.findByRole('button', { name: 'Remove Vendors' }, find));
    const dialog = await screen.findByRole('dialog', {}, find);
    await userEvent.click(within(dialog).getByRole('button', { name: 'Remove Vendors' }));
    await waitFor(() => expect(screen.queryByText('docker.io/library/*')).toBeNull(), find);
  });
  it('are not made by those who may only look', async () => {
    renderApp('/settings/trust', 'reader');
    const make = await screen.findByRole('button', { name: 'New trust policy' }, find);
    await waitFor(() => expect((make as HTMLButtonElement).disabled).toBe(true));
    expect(make.title).toMatch(/security admin/);
  });
  it('are none, and it says what is understood', async () => {
    renderApp('/settings/trust', 'empty');
    expect(await screen.findByText('Nobody’s signature is asked for', {}, find)).toBeTruthy();
  });
});

describe('VEX', () => {
  it('says how each address goes', async () => {
    renderApp('/vex');
    expect(
      await screen.findByText('https://vex.example/vex-repository.json', {}, find),
    ).toBeTruthy();
    expect(screen.getByText(/404 Not Found/)).toBeTruthy();
    expect(screen.getByText('Failing')).toBeTruthy();
  });
  it('takes a document', async () => {
    const { asked } = renderApp('/vex?tab=document');
    await screen.findByRole('dialog', {}, find);
    const file = new File(['{}'], 'vendor.openvex.json', { type: 'application/json' });
    const input = document.querySelector<HTMLInputElement>('input[type=file]');
    await userEvent.upload(input as HTMLInputElement, file);
    await userEvent.click(screen.getByRole('button', { name: 'Add the document' }));
    await waitFor(() =>
      expect(asked.some((each) => /^POST .*\/vex\?name=vendor\.openvex\.json/.test(each))).toBe(
        true,
      ),
    );
    expect(await screen.findByText('vendor.openvex.json', {}, find)).toBeTruthy();
  });
  it('fetches from an address, and forgets one', async () => {
    renderApp('/vex?tab=source');
    const name = await screen.findByRole('textbox', { name: 'Name' }, find);
    await userEvent.type(name, 'Kernel');
    const address = screen.getByRole('textbox', { name: 'Address' });
    await userEvent.type(address, 'https://kernel.example/vex.json');
    await userEvent.click(screen.getByRole('button', { name: 'Add the address' }));
    expect(await screen.findByText('https://kernel.example/vex.json', {}, find)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Remove Kernel' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Remove it' }, find));
    await waitFor(
      () => expect(screen.queryByText('https://kernel.example/vex.json')).toBeNull(),
      find,
    );
  });
  it('shows what a document says, and narrows it', async () => {
    renderApp('/vex');
    await userEvent.click(
      await screen.findByRole('button', { name: 'debian-kernel.csaf.json' }, find),
    );
    const list = () => screen.findByRole('list', { name: 'Statements' }, find);
    expect(within(await list()).getByText('CVE-2024-2511')).toBeTruthy();
    expect(screen.getByText('and 2 more')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Show more' }));
    expect(await screen.findByText('CVE-2024-3087', {}, find)).toBeTruthy();
    await userEvent.type(screen.getByRole('textbox', { name: 'Filter statements' }), 'never');
    await waitFor(() => expect(screen.queryByText('CVE-2024-3087')).toBeNull(), find);
    expect(screen.getByText('1 statement with that in it')).toBeTruthy();
  });
  it('goes out with what was decided, and what was not used where asked for', async () => {
    renderApp('/vex');
    await userEvent.click(await screen.findByRole('button', { name: 'What we say' }, find));
    const save = () =>
      screen.getByRole('link', { name: 'Save the document' }).getAttribute('href') ?? '';
    await screen.findByRole('dialog', {}, find);
    expect(save()).toMatch(/format=openvex/);
    expect(save()).not.toMatch(/in_use_days/);
    await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Form' }), 'CSAF');
    await userEvent.selectOptions(
      screen.getByRole('combobox', { name: 'Packages that are not used' }),
      'Not used for 30 days',
    );
    expect(save()).toMatch(/format=csaf&.*in_use_days=30/);
  });
  it('is not changed by those who may only look', async () => {
    renderApp('/vex', 'reader');
    const add = await screen.findByRole('button', { name: 'Add an address' }, find);
    await waitFor(() => expect((add as HTMLButtonElement).disabled).toBe(true));
    expect(
      (screen.getByRole('button', { name: 'Add a document' }) as HTMLButtonElement).disabled,
    ).toBe(true);
  });
});

describe('an SBOM from elsewhere', () => {
  it('is taken, and says what of it was not understood', async () => {
    const { asked } = renderApp('/images?tab=sbom');
    await screen.findByRole('dialog', {}, find);
    const file = new File(['{}'], 'vendor.cdx.json', { type: 'application/json' });
    const input = document.querySelector<HTMLInputElement>('input[type=file]');
    await userEvent.upload(input as HTMLInputElement, file);
    await userEvent.click(screen.getByRole('button', { name: 'Bring it in' }));
    expect(await screen.findByText(/packages were read and matched/, {}, find)).toBeTruthy();
    expect(screen.getByText('components[3] names no version')).toBeTruthy();
    expect(asked.some((each) => /^POST .*\/sboms\?name=vendor\.cdx\.json/.test(each))).toBe(true);
  });
});
