import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { createMock } from '../../mock-api/handlers';
import { NOW, renderApp } from '../testing';

const find = { timeout: 10_000 };

describe('the overview', () => {
  it('leads every number to the findings it counts', async () => {
    renderApp('/');
    const bar = await screen.findByRole('navigation', { name: 'Open findings by severity' }, find);
    expect(
      within(bar)
        .getByRole('link', { name: /Critical/ })
        .getAttribute('href'),
    ).toBe('/findings?q=severity:critical');
    expect(screen.getByRole('link', { name: /^\d+ fixable/ }).getAttribute('href')).toBe(
      '/findings?q=is:fixable',
    );
  });
  it('says so when only the starter advisories are in use', async () => {
    renderApp('/', 'starter');
    expect(
      await screen.findByText('Only the built-in starter advisories are in use', {}, find),
    ).toBeTruthy();
  });
  it('offers three beginnings when nothing was scanned', async () => {
    renderApp('/', 'empty');
    expect(await screen.findByText('Nothing has been scanned yet', {}, find)).toBeTruthy();
    for (const title of ['Scan an image', 'Get the advisories', 'Load the demonstration']) {
      expect(screen.getByRole('heading', { name: title })).toBeTruthy();
    }
  });
  it('shows the first scans moving', async () => {
    renderApp('/', 'first');
    expect(await screen.findByText('The first scans are under way', {}, find)).toBeTruthy();
    expect(await screen.findByText(/Matching against advisories/, {}, find)).toBeTruthy();
  });
  it('marks the demonstration', async () => {
    renderApp('/?environment=demo');
    expect(await screen.findByText('This is the demonstration', {}, find)).toBeTruthy();
  });
  it('tells a failure apart from emptiness', async () => {
    renderApp('/', 'error');
    expect(await screen.findByText('the server failed to answer', {}, find)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy();
  });
});

describe('lists', () => {
  it('ask for what the address says', async () => {
    const { asked } = renderApp('/images?q=shop&severity=critical,high&sort=-last_scanned');
    await screen.findByRole('table', { name: 'Images' }, find);
    const request = asked.find((each) => each.startsWith('GET /api/v1/images?')) ?? '';
    const query = new URLSearchParams(request.slice(request.indexOf('?')));
    expect(Object.fromEntries(query)).toEqual({
      environment: 'local',
      q: 'shop',
      severity: 'critical,high',
      sort: '-last_scanned',
      limit: '100',
    });
  });
  it('put a clicked order into the address', async () => {
    const { router } = renderApp('/images');
    const head = await screen.findByRole('columnheader', { name: 'Name' }, find);
    await userEvent.click(within(head).getByRole('button'));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ sort: 'name' }));
  });
  it('say that filters hide everything, and clear them', async () => {
    const { router } = renderApp('/findings?q=no-such-thing');
    await userEvent.click(await screen.findByRole('button', { name: 'Clear the filters' }, find));
    await waitFor(() => expect(router.state.location.search).toEqual({}));
    expect(await screen.findByRole('table', { name: 'Findings' }, find)).toBeTruthy();
  });
  it('are walked by j and k and opened by Enter', async () => {
    const { router } = renderApp('/vulnerabilities');
    await screen.findByRole('table', { name: 'Vulnerabilities' }, find);
    await userEvent.keyboard('jjk{Enter}');
    await waitFor(() =>
      expect(router.state.location.pathname).toBe('/vulnerabilities/CVE-2021-44228'),
    );
  });
});

describe('an image', () => {
  const open = async (path = '', scenario?: Parameters<typeof renderApp>[1]) => {
    const query = 'http://mock/api/v1/images?environment=local&q=checkout';
    const answer = await createMock(scenario, NOW).handle(new Request(query));
    const { items } = (await answer.json()) as { items: { id: string }[] };
    return renderApp(`/images/${items[0]?.id}${path}`, scenario);
  };
  it('says what to do, where it is and why it matters', async () => {
    await open();
    await screen.findByRole('table', { name: 'Findings' }, find);
    await userEvent.keyboard('j');
    const pane = await screen.findByRole('complementary', {}, find);
    expect(within(pane).getByText('org.apache.logging.log4j:log4j-core:2.17.1')).toBeTruthy();
    expect(within(pane).getByText('COPY /build/libs/checkout.jar /app/checkout.jar')).toBeTruthy();
    expect(await within(pane).findByText(/yes, says CISA/, {}, find)).toBeTruthy();
    await userEvent.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('complementary')).toBeNull());
  });
  it('without findings says what was looked at', async () => {
    await open('', 'clean');
    expect(await screen.findByText('No open findings', {}, find)).toBeTruthy();
    expect(screen.getByText(/37 packages matched/)).toBeTruthy();
  });
  it('matched against the starter set does not claim to be clean', async () => {
    await open('', 'starter');
    expect(
      await screen.findByText('Matched against the starter advisories only', {}, find),
    ).toBeTruthy();
  });
  it('stacks its layers with what each brought', async () => {
    await open('?tab=layers');
    const layers = await screen.findByRole('list', { name: 'Layers, topmost first' }, find);
    expect(within(layers).getAllByRole('listitem')).toHaveLength(4);
  });
  it('that is gone is missed politely', async () => {
    renderApp('/images/nothing');
    expect(await screen.findByText('This image is not here', {}, find)).toBeTruthy();
  });
});

describe('a vulnerability', () => {
  it('never links where a browser should not go', async () => {
    renderApp('/vulnerabilities/CVE-2021-44228');
    await screen.findByText('What fixes it', {}, find);
    for (const link of document.querySelectorAll('a')) {
      expect(link.getAttribute('href')).not.toMatch(/^javascript:/i);
    }
  });
});

describe('scans', () => {
  it('refuse a target with the server’s reason', async () => {
    renderApp('/images?scan=new');
    await userEvent.type(
      await screen.findByRole('textbox', { name: /What to scan/ }, find),
      'not a thing',
    );
    await userEvent.click(screen.getByRole('button', { name: 'Scan' }));
    expect(await screen.findByText(/it contains a blank/, {}, find)).toBeTruthy();
  });
  it('can be cancelled', async () => {
    const { asked } = renderApp('/scans');
    await userEvent.click(
      (await screen.findAllByRole('button', { name: /Cancel the scan/ }, find))[0] as HTMLElement,
    );
    await waitFor(() =>
      expect(asked.some((each) => each.startsWith('DELETE /api/v1/scans/'))).toBe(true),
    );
  });
});

describe('signing in', () => {
  it('is where a lost session leads, and leads back', async () => {
    const { router } = renderApp('/images?q=shop', 'signed-out');
    expect(await screen.findByRole('button', { name: 'Sign in' }, find)).toBeTruthy();
    expect(router.state.location.search).toMatchObject({ next: '/images?q=shop' });
  });
});

it('an address that is none of ours says so', async () => {
  renderApp('/nowhere');
  expect(await screen.findByText('There is no such page', {}, find)).toBeTruthy();
});
