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

describe('what is in an image', () => {
  it('has secrets, with the layer that deleted one', async () => {
    await image('checkout', 'secrets');
    const secrets = await screen.findByRole('list', { name: 'Secrets' }, find);
    expect(secrets.textContent).toMatch(/Private key.*layer 1, deleted in 2/);
    expect(secrets.textContent).toContain('its checksum is right');
    expect(screen.getByText('A deleted file is still there')).toBeTruthy();
    expect(screen.queryByText('It holds malware')).toBeNull();
  });
  it('has malware, where a list knows it', async () => {
    const app = renderApp('/findings?q=kind:malware');
    const links = within(await table('Findings')).getAllByRole('link');
    const to = links
      .map((link) => link.getAttribute('href'))
      .find((to) => /^.images/.test(to ?? ''));
    await app.router.navigate({ to: `${to}?tab=secrets` as never });
    const malware = await screen.findByRole('list', { name: 'Malware' }, find);
    expect(malware.textContent).toMatch(/Coin miner in an image.*usr.bin.\.sysd/);
    expect(screen.getByText('It holds malware')).toBeTruthy();
  });
  it('has licences, and says what may not be shipped', async () => {
    await image('ledger', 'licences');
    const shipped = await screen.findByRole('list', { name: 'Licences' }, find);
    expect(shipped.textContent).toMatch(/BUSL-1\.1.*Restricted/);
    const not = screen.getByRole('list', { name: 'May not be shipped' });
    expect(not.textContent).toMatch(/h2.*BUSL-1\.1/);
  });
});

describe('licences', () => {
  it('are narrowed by what they ask for', async () => {
    const { router, asked } = renderApp('/licences');
    expect((await table('Licences')).textContent).toMatch(/BUSL-1\.1.*Not allowed/);
    expect(screen.getByText('What may be shipped')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: /^Restricted/ }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ kind: 'restricted' }));
    await waitFor(() => expect(asked.some((each) => /class=restricted/.test(each))).toBe(true));
  });
  it('say who ships one', async () => {
    renderApp('/licences?sel=BUSL-1.1');
    const pane = await screen.findByRole('complementary', { name: 'Licence' }, find);
    const images = within(pane).getByRole('list', { name: 'Images that ship it' });
    await waitFor(() => expect(images.textContent).toMatch(/ledger.*h2/), find);
  });
  it('are none yet, and it says why', async () => {
    renderApp('/licences', 'empty');
    expect(await screen.findByText('No licence is known yet', {}, find)).toBeTruthy();
  });
});
