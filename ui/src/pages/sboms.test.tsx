import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { renderApp } from '../testing';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);

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
  it('that was partly scanned says of what, and why', async () => {
    const { router } = renderApp('/images?partial=true');
    const link = within(await table('Images')).getByRole('link');
    expect((await table('Images')).textContent).toContain('Partly scanned');
    await router.navigate({ to: link.getAttribute('href') as never });
    expect(await screen.findByText(/^Partly scanned: \d part/, {}, find)).toBeTruthy();
    expect(screen.getByText(/the archive ends before its table of contents/)).toBeTruthy();
  });
  it('is compared with another', async () => {
    const { router } = await checkout('findings');
    await userEvent.click(screen.getByRole('button', { name: 'Compare' }));
    const field = await screen.findByRole('textbox', { name: 'The later image' }, find);
    await userEvent.clear(field);
    await userEvent.type(field, 'reports');
    const choices = screen.getByRole('list', { name: 'Images to compare with' });
    await waitFor(() => expect(within(choices).getAllByRole('link')).toHaveLength(1), find);
    await userEvent.click(within(choices).getByRole('link'));
    await waitFor(() => expect(router.state.location.pathname).toMatch(/\/compare$/));
    const went = (await screen.findByText('Findings that went', {}, find)).closest('section');
    expect(went?.textContent).toContain('CVE-2021-44228');
    expect(went?.textContent).toContain('Critical');
  });
});

describe('packages', () => {
  it('are asked for by name and version', async () => {
    const { asked } = renderApp('/packages?q=log4j-core+<+2.17');
    const found = await table('Images that have it');
    expect(found.textContent).toMatch(/checkout.*log4j-core.*2\.14\.1/);
    expect(screen.getByText('Who has log4j-core before 2.17?')).toBeTruthy();
    const request = asked.find((each) => each.includes('/sboms/search')) ?? '';
    const query = new URLSearchParams(request.slice(request.indexOf('?')));
    expect(Object.fromEntries(query)).toMatchObject({ name: 'log4j-core', version: '<2.17' });
  });
  it('say what to ask when nothing is', async () => {
    const { router } = renderApp('/packages');
    await screen.findByText('Who has a package?', {}, find);
    await userEvent.click(screen.getByRole('link', { name: 'log4j-core < 2.17' }));
    await table('Images that have it');
    expect(router.state.location.search).toMatchObject({ q: 'log4j-core < 2.17' });
  });
  it('that nobody has are not an error', async () => {
    renderApp('/packages?q=log4j-core+>+9');
    expect(await screen.findByText('No image has log4j-core after 9', {}, find)).toBeTruthy();
    expect(screen.getByRole('link', { name: 'Who has log4j-core at all?' })).toBeTruthy();
  });
});
