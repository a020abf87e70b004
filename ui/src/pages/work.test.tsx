import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { renderApp } from '../testing';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);
const rowCount = async (name: string) =>
  Number((await table(name)).getAttribute('aria-rowcount')) - 1;

describe('the alerts queue', () => {
  it('dismisses with a reason and takes it back', async () => {
    renderApp('/alerts');
    const before = await rowCount('Alerts');
    await userEvent.keyboard('jxjx');
    const bar = await screen.findByRole('toolbar', { name: 'With the chosen rows' }, find);
    expect(within(bar).getByText('2 alerts chosen')).toBeTruthy();
    await userEvent.click(within(bar).getByRole('button', { name: 'Dismiss…' }));
    const dialog = await screen.findByRole('dialog', {}, find);
    await userEvent.click(within(dialog).getByRole('radio', { name: 'Expected' }));
    await userEvent.click(within(dialog).getByRole('button', { name: 'Dismiss' }));
    expect(await screen.findByText('2 findings dismissed', {}, find)).toBeTruthy();
    await waitFor(async () => expect(await rowCount('Alerts')).toBe(before - 2), find);
    await userEvent.click(screen.getByRole('button', { name: 'Undo' }));
    await waitFor(async () => expect(await rowCount('Alerts')).toBe(before), find);
  });

  it('gathers by rule, and a group opens as the list it counts', async () => {
    const { router } = renderApp('/alerts?group=rule');
    await table('By rule');
    await userEvent.keyboard('j{Enter}');
    await waitFor(
      () => expect((router.state.location.search as { q?: string }).q).toMatch(/^rule:/),
      find,
    );
    expect(await rowCount('Alerts')).toBeGreaterThan(0);
  });

  it('decides about all of a group at once', async () => {
    renderApp('/alerts?group=rule');
    await table('By rule');
    const before = await rowCount('By rule');
    await userEvent.keyboard('jx');
    const bar = await screen.findByRole('toolbar', { name: 'With the chosen rows' }, find);
    expect(within(bar).getByText(/^1 group chosen: \d+ alerts$/)).toBeTruthy();
    await userEvent.click(within(bar).getByRole('button', { name: 'Dismiss…' }));
    const dialog = await screen.findByRole('dialog', {}, find);
    await userEvent.click(within(dialog).getByRole('radio', { name: 'Expected' }));
    await userEvent.click(within(dialog).getByRole('button', { name: 'Dismiss' }));
    expect(await screen.findByText(/findings dismissed/, {}, find)).toBeTruthy();
    await waitFor(async () => expect(await rowCount('By rule')).toBe(before - 1), find);
  });

  it('narrows by a tactic through the query', async () => {
    const { router } = renderApp('/alerts?q=severity:high');
    const strip = await screen.findByRole('group', { name: 'ATT&CK tactics' }, find);
    await userEvent.click(within(strip).getByRole('button', { name: /Impact/ }));
    await waitFor(() =>
      expect(router.state.location.search).toMatchObject({ q: 'severity:high tactic:impact' }),
    );
  });

  it('tells never, dealt with and filtered apart', async () => {
    renderApp('/alerts', 'clean');
    expect(await screen.findByText('No alert has ever arrived', {}, find)).toBeTruthy();
  });
  it('says how many a filter hides', async () => {
    renderApp('/alerts?q=nothing-like-this');
    expect(await screen.findByText(/alerts are hidden by them/, {}, find)).toBeTruthy();
  });
});

describe('the search', () => {
  it('says where a mistake is and mends it with one key', async () => {
    const { router } = renderApp('/alerts');
    await table('Alerts');
    await userEvent.keyboard('/');
    await userEvent.keyboard('severty:high');
    expect(await screen.findByText('There is no field `severty`', {}, find)).toBeTruthy();
    await userEvent.keyboard('{Tab}');
    await waitFor(
      () => expect(router.state.location.search).toMatchObject({ q: 'severity:high' }),
      find,
    );
  });
  it('completes fields and values', async () => {
    renderApp('/alerts');
    await table('Alerts');
    await userEvent.keyboard('/');
    await userEvent.keyboard('sever');
    await screen.findByRole('option', { name: /severity:/ }, find);
    await userEvent.keyboard('{Tab}cri{Tab}');
    expect(
      (screen.getByRole('combobox', { name: 'Search findings' }) as HTMLInputElement).value,
    ).toBe('severity:critical ');
  });
  it('from elsewhere leads to the findings', async () => {
    const { router } = renderApp('/images');
    await table('Images');
    await userEvent.type(
      screen.getByRole('combobox', { name: 'Search findings' }),
      'is:kev{Enter}',
    );
    await waitFor(() => expect(router.state.location.pathname).toBe('/findings'), find);
    expect(router.state.location.search).toMatchObject({ q: 'is:kev' });
  });
});

describe('exempting', () => {
  it('shows the effect before, and needs a note', async () => {
    renderApp('/alerts?q=rule:network-scan');
    await table('Alerts');
    await userEvent.keyboard('js');
    const dialog = await screen.findByRole('dialog', {}, find);
    const button = () =>
      within(dialog).getByRole('button', { name: /^Exempt/ }) as HTMLButtonElement;
    expect(await within(dialog).findByText('1 open finding', {}, find)).toBeTruthy();
    expect(button().disabled).toBe(true);
    await userEvent.click(within(dialog).getByRole('checkbox', { name: /^This rule/ }));
    expect(
      (within(dialog).getByRole('textbox', { name: /Scope/ }) as HTMLTextAreaElement).value,
    ).toBe('rule:network-scan');
    expect(await within(dialog).findByText(/^\d\d open findings$/, {}, find)).toBeTruthy();
    await userEvent.type(within(dialog).getByRole('textbox', { name: /Note/ }), 'Our own scanner');
    await userEvent.click(button());
    expect(await screen.findByText(/findings exempted/, {}, find)).toBeTruthy();
    expect(await screen.findByText('No alert matches these filters', {}, find)).toBeTruthy();
  });
  it('is ended early only when asked twice', async () => {
    const { asked } = renderApp('/exemptions');
    await table('Exemptions');
    await userEvent.keyboard('j');
    await userEvent.click(await screen.findByRole('button', { name: 'End it now…' }, find));
    expect(asked.some((each) => each.startsWith('DELETE'))).toBe(false);
    await userEvent.click(await screen.findByRole('button', { name: /^End it, reopen/ }, find));
    await waitFor(() => expect(asked.some((each) => each.startsWith('DELETE'))).toBe(true), find);
  });
});

describe('one finding', () => {
  it('keeps a comment in its history', async () => {
    const { router } = renderApp('/alerts');
    await table('Alerts');
    await userEvent.keyboard('j{Enter}');
    await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/findings\/\d+/), find);
    // The list stays until the page has come.
    await screen.findByRole('heading', { name: 'What it is', level: 2 }, find);
    const box = await screen.findByRole('textbox', { name: 'Comment' }, find);
    await userEvent.type(box, 'Looked at it');
    await userEvent.click(screen.getByRole('button', { name: 'Comment' }));
    await waitFor(() => expect(document.body.textContent).toContain('anna Looked at it'), find);
  });
  it('answers the questions in their order', async () => {
    renderApp('/alerts');
    await table('Alerts');
    await userEvent.keyboard('j');
    const pane = await screen.findByRole('complementary', {}, find);
    await within(pane).findByRole('heading', { name: 'Evidence' }, find);
    const titles = within(pane)
      .getAllByRole('heading', { level: 3 })
      .map((each) => each.textContent);
    expect(titles.slice(0, 12)).toEqual([
      'Who did what',
      'Where',
      'Since when',
      'Why it matters',
      'The processes',
      'What this container did in the two minutes before',
      'Evidence',
      'Why am I seeing this',
      'What to do',
      'Who accepted it',
      'Who takes care',
      'History',
    ]);
  });
});

describe('other places', () => {
  it('recommendations begin with what gives most', async () => {
    const { router } = renderApp('/recommendations');
    await table('Recommendations');
    await userEvent.keyboard('j{Enter}');
    await waitFor(
      () =>
        expect(router.state.location.pathname).toBe(
          '/recommendations/running-images-fixable-critical',
        ),
      find,
    );
    expect(
      await screen.findByText('Raise the base image; most of these come with it.', {}, find),
    ).toBeTruthy();
  });
  it('an asset of the inventory opens with what is below it', async () => {
    renderApp('/inventory');
    await table('Inventory');
    await userEvent.keyboard('jj{Enter}');
    expect(await screen.findByRole('heading', { name: 'prod-eu', level: 1 }, find)).toBeTruthy();
    expect(screen.getByRole('link', { name: /7 namespaces/ })).toBeTruthy();
  });
  it('a technique leads to its alerts', async () => {
    renderApp('/attack');
    const matrix = await screen.findByRole('table', {}, find);
    const cell = within(matrix).getByText('Escape to Host').closest('td') as HTMLElement;
    expect(within(cell).getByRole('link', { name: /alert/ }).getAttribute('href')).toContain(
      'technique:T1611',
    );
  });
  it('controls name what judges them', async () => {
    renderApp('/compliance?standard=NSA-K8S');
    await userEvent.click(
      await screen.findByRole('button', { name: /Privileged containers should be avoided/ }, find),
    );
    expect(
      await screen.findByRole('link', { name: 'Privileged containers should be avoided' }, find),
    ).toBeTruthy();
  });
});
