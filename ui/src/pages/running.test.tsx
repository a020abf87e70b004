import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import type { AffectedWorkload, WorkStep } from '../api/running';
import type { Layers } from '../api/types';
import { renderApp } from '../testing';
import { splitAt } from './bases/split';
import { keyOf } from './fix-first/steps';
import { ownersOf } from './vulnerabilities/owners';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);
const text = async (name: string) =>
  within(await table(name))
    .getAllByRole('row')
    .map((row) => row.textContent)
    .join('\n');

/** The page of the image with log4j in it. */
async function checkout(tab: string) {
  const app = renderApp('/images?q=checkout');
  const link = within(await table('Images')).getByRole('link');
  await app.router.navigate({ to: `${link.getAttribute('href')}?tab=${tab}` as never });
  await screen.findByRole('navigation', { name: 'Parts of the image' }, find);
  return app;
}

describe('what runs', () => {
  it('is the most pressing first, with where and whose it is', async () => {
    renderApp('/running');
    const rows = within(await table('What runs'))
      .getAllByRole('row')
      .slice(1)
      .map((row) => within(row).getAllByRole('cell'));
    const numbers = rows.map((cells) => Number(cells[1]?.textContent)).filter((each) => each > 0);
    expect(numbers.length).toBeGreaterThan(5);
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
    const checkout = rows.find((cells) => cells[0]?.textContent?.includes('checkout'));
    expect(checkout?.map((cell) => cell.textContent).join(' ')).toMatch(/prod-eu.*shop/);
  });
  it('has images nobody scanned, with the reason', async () => {
    const { asked } = renderApp('/running?scanned=false');
    expect(await text('What runs')).toMatch(/Never scanned: .*(registry|queue)/);
    expect(asked.some((each) => /\/running\?.*scanned=false/.test(each))).toBe(true);
  });
  it('has one scanned that was not', async () => {
    const { asked } = renderApp('/running?scanned=false');
    await table('What runs');
    await userEvent.keyboard('j');
    await userEvent.click(await screen.findByRole('button', { name: 'Scan it' }, find));
    expect(await screen.findByRole('button', { name: 'Its scan waits' }, find)).toBeTruthy();
    expect(asked).toContain('POST /api/v1/scans');
  });
  it('says of one what runs it, in full', async () => {
    const { router } = renderApp('/running?q=checkout');
    await table('What runs');
    await userEvent.keyboard('j');
    await waitFor(() => expect(router.state.location.search).toHaveProperty('sel'));
    const pane = await screen.findByRole('complementary', { name: 'What runs' }, find);
    expect(
      await within(pane).findByRole('heading', { name: /^\d+ workloads$/ }, find),
    ).toBeTruthy();
    expect(pane.textContent).toMatch(/prod-us \/ shop \/ checkout/);
    expect(pane.textContent).toMatch(/owner: shop/);
  });
  it('is narrowed to a cluster by the address', async () => {
    const { asked } = renderApp('/running?cluster=prod-us&ns=shop');
    await table('What runs');
    expect(asked.some((each) => /\/running\?.*cluster=prod-us&namespace=shop/.test(each))).toBe(
      true,
    );
  });
  it('says where containers are known from when there are none', async () => {
    renderApp('/running', 'empty');
    expect(await screen.findByText('Nothing is known to run', {}, find)).toBeTruthy();
  });
});

describe('an image that runs', () => {
  it('says where, whose and who reaches it', async () => {
    await checkout('runs');
    const rows = await screen.findAllByRole('row', {}, find);
    expect(rows.map((row) => row.textContent).join('\n')).toMatch(
      /prod-eu \/ shop \/ checkout.*shop/,
    );
    expect(screen.getByRole('heading', { name: 'How pressing it is' })).toBeTruthy();
  });
  it('says of each package whether it is used', async () => {
    await checkout('packages');
    expect(await text('Packages')).toMatch(/In use|Not seen in 12 days|Not known/);
  });
  it('says so where nothing runs it', async () => {
    const app = renderApp('/images?q=mailer');
    const link = within(await table('Images')).getByRole('link');
    await app.router.navigate({ to: `${link.getAttribute('href')}?tab=runs` as never });
    await waitFor(
      () =>
        expect(
          screen.queryByText('Nothing runs it') ?? screen.queryByText('What runs it'),
        ).toBeTruthy(),
      find,
    );
  });
});

describe('what to do first', () => {
  it('is steps by what they close, which open in place', async () => {
    const { router } = renderApp('/fix-first');
    const steps = await screen.findByRole('list', { name: 'Steps' }, find);
    expect(screen.getByText(/open vulnerabilities in what runs/)).toBeTruthy();
    const [first] = within(steps).getAllByRole('button');
    expect(first?.textContent).toMatch(/(Rebuild|Upgrade) .* in \d+ image|Rebuild \d+ images on/);
    await userEvent.keyboard('j');
    await waitFor(() => expect(router.state.location.search).toHaveProperty('sel'));
    await waitFor(() => expect(first?.getAttribute('aria-expanded')).toBe('true'));
    expect(screen.getByRole('heading', { name: /^What it closes/ })).toBeTruthy();
    const [runs] = within(steps).getAllByRole('button', { name: /^\d+ containers?$/ });
    await userEvent.click(runs as HTMLElement);
    expect(await screen.findByRole('list', { name: /^What runs / }, find)).toBeTruthy();
  });
  it('is asked for all images, and for what presses', async () => {
    const { asked } = renderApp('/fix-first?of=everything&priority=250');
    await screen.findByRole('list', { name: 'Steps' }, find);
    expect(asked.some((each) => /work-list\?.*running=false&priority=250/.test(each))).toBe(true);
  });
  it('is nothing where nothing is open', async () => {
    renderApp('/fix-first', 'clean');
    expect(await screen.findByText('Nothing to do', {}, find)).toBeTruthy();
  });
  it('names a step so that it is found again', () => {
    const step = { kind: 'upgrade', title: 'x' } as WorkStep;
    expect(keyOf(step)).toBe('x');
    expect(
      keyOf({
        ...step,
        upgrade: { kind: 'npm', package: 'qs', installed: ['1'], version: '2' },
      }),
    ).toBe('npm:qs@2');
    expect(keyOf({ ...step, base: { name: 'debian:12', known_by: 'label' } })).toBe(
      'base:debian:12',
    );
  });
});

describe('the priority of a finding', () => {
  it('is a column to sort by', async () => {
    const { asked } = renderApp('/findings?q=kind:vulnerability&sort=-priority');
    await table('All findings').catch(() => screen.findAllByRole('table', {}, find));
    expect(asked.some((each) => /\/findings\?.*sort=-priority/.test(each))).toBe(true);
  });
  it('is shown with each part it is made of', async () => {
    const app = renderApp('/findings?q=cve:CVE-2021-44228');
    const [link] = await screen.findAllByRole('link', { name: /CVE-2021-44228|Log4|log4/ }, find);
    expect(link).toBeTruthy();
    const { handle } = app.mock;
    const answer = await handle(
      new Request('http://localhost/api/v1/findings?q=cve:CVE-2021-44228&limit=1'),
    );
    const { items } = (await answer.json()) as { items: { id: string }[] };
    await app.router.navigate({ to: `/findings/${items[0]?.id}` as never });
    const parts = await screen.findByRole('list', { name: 'What the priority is made of' }, find);
    expect(within(parts).getAllByRole('listitem')).toHaveLength(5);
    expect(parts.textContent).toMatch(/Likelihood.*known to be exploited/);
  });
});

describe('a vulnerability', () => {
  it('leads to workloads and their owners', async () => {
    renderApp('/vulnerabilities/CVE-2021-44228');
    const owners = await screen.findByRole('list', { name: 'Owners' }, find);
    expect(owners.textContent).toMatch(/shop.*workload/);
    const all = screen.getByRole('link', { name: /running image/ });
    expect(all.getAttribute('href')).toBe('/running?vulnerability=CVE-2021-44228');
  });
  it('has each owner once, nobody last', () => {
    const row = (id: string, image: string, owner?: string) =>
      ({
        workload: { id, ...(owner ? { owner: { name: owner, label: 'team' } } : {}) },
        image: { id: image },
      }) as AffectedWorkload;
    expect(
      ownersOf([row('1', 'a'), row('2', 'a', 'shop'), row('2', 'b', 'shop'), row('3', 'a')]),
    ).toEqual([
      { name: 'shop', workloads: 1, images: 2 },
      { name: undefined, workloads: 2, images: 1 },
    ]);
  });
});

describe('base images', () => {
  it('say which images stand on them, and what came with them', async () => {
    renderApp('/base-images?q=debian');
    expect(await text('Base images')).toMatch(/debian:12.*12-20261110/);
    await userEvent.keyboard('j');
    const pane = await screen.findByRole('complementary', { name: 'Base image' }, find);
    const images = within(pane).getByRole('list', { name: 'Images on it' });
    expect((await within(images).findAllByText('Of the base', {}, find)).length).toBeGreaterThan(0);
  });
  it('are none where nothing was scanned', async () => {
    renderApp('/base-images', 'empty');
    expect(await screen.findByText('No image is known to stand on another', {}, find)).toBeTruthy();
  });
  it('are told from what is an image’s own by the layer', () => {
    const counts = (high: number) => ({
      critical: 0,
      high,
      medium: 0,
      low: 0,
      info: 0,
      unknown: 0,
    });
    const layer = (index: number, high: number) =>
      ({ index, totals: { counts: counts(high) } }) as Layers['items'][0];
    const split = splitAt(
      {
        items: [layer(0, 3), layer(1, 2), layer(2, 5)],
        unlayered: { counts: counts(1) },
      } as Layers,
      2,
    );
    expect([split.base.high, split.own.high]).toEqual([5, 6]);
  });
});
