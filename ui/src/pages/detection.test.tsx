import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { renderApp } from '../testing';
import { placed } from './incidents/Graph';

const find = { timeout: 10_000 };
const table = (name: string) => screen.findByRole('table', { name }, find);

describe('incidents', () => {
  it('are opened from their list, closed with a reason, and told of', async () => {
    const { router } = renderApp('/incidents');
    await table('Incidents');
    await userEvent.keyboard('j{Enter}');
    const stages = await screen.findByRole('list', { name: 'Where in an attack it stands' }, find);
    expect(within(stages).getAllByText(/alerts?$/).length).toBeGreaterThan(0);
    expect(router.state.location.pathname).toMatch(/^\/incidents\/.+/);
    await userEvent.click(screen.getByRole('button', { name: 'Close…' }));
    const dialog = await screen.findByRole('dialog', {}, find);
    await userEvent.type(within(dialog).getByRole('textbox', { name: 'Note' }), 'A drill');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Close it' }));
    expect(await screen.findByText(/Closed: A drill/, {}, find)).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Reopen' })).toBeTruthy();
  });
  it('lay out their graph in columns that overlap nowhere', () => {
    const node = (id: string, kind: 'address' | 'principal' | 'workload') =>
      ({ id, kind, label: id, q: '', severity: 'low' }) as const;
    const { all, width, height } = placed([
      node('a', 'address'),
      node('p', 'principal'),
      node('w1', 'workload'),
      node('w2', 'workload'),
    ]);
    const at = Object.fromEntries(all.map((each) => [each.node.id, each]));
    expect(at.a?.x).toBeLessThan(at.p?.x ?? 0);
    expect(at.w1?.x).toBe(at.w2?.x);
    expect(Math.abs((at.w1?.y ?? 0) - (at.w2?.y ?? 0))).toBeGreaterThan(40);
    expect(width).toBeGreaterThan(500);
    expect(height).toBeGreaterThan(80);
  });
});

describe('rules', () => {
  it('over nodes are told apart, and say their id on a host', async () => {
    renderApp('/rules?source=runtime');
    const rows = within(await table('Rules'))
      .getAllByRole('row')
      .slice(1);
    expect(rows.length).toBeGreaterThan(3);
    expect(rows.every((row) => row.textContent?.includes('Runtime, on nodes'))).toBe(true);
    await userEvent.keyboard('j{Enter}');
    expect(await screen.findByText('How it is tested', {}, find)).toBeTruthy();
    expect(screen.getByText(/content\/rules\/runtime/)).toBeTruthy();
  });
  it('are found, read, and switched off with a reason', async () => {
    renderApp('/rules?q=secrets');
    await table('Rules');
    await userEvent.keyboard('j{Enter}');
    expect(await screen.findByText('How it is tested', {}, find)).toBeTruthy();
    await userEvent.click(await screen.findByRole('switch', { name: /It watches here/ }, find));
    const off = screen.getByRole('button', { name: 'Switch it off' });
    expect(off).toHaveProperty('disabled', true);
    await userEvent.type(screen.getByRole('textbox', { name: 'Why' }), 'Noise from the backup');
    await userEvent.click(off);
    expect(await screen.findByText('It is off here', {}, find)).toBeTruthy();
    expect(screen.getByText(/Noise from the backup/)).toBeTruthy();
  });
});

describe('an alert of the audit log', () => {
  it('says who did what, shows its events, and is muted by example', async () => {
    renderApp('/alerts?q=rule:secrets-listed');
    await table('Alerts');
    await userEvent.keyboard('j');
    expect(await screen.findByText('Who did what', {}, find)).toBeTruthy();
    await userEvent.click(await screen.findByRole('button', { name: /secrets taken out/ }, find));
    const events = await screen.findAllByText(/"apiVersion": "audit.k8s.io\/v1"/, {}, find);
    expect(events.length).toBeGreaterThan(0);
    await userEvent.keyboard('s');
    const dialog = await screen.findByRole('dialog', {}, find);
    const example = await within(dialog).findByRole(
      'button',
      { name: /^This rule for .* in the namespace/ },
      find,
    );
    await userEvent.click(example);
    const scope = within(dialog).getByRole('textbox', { name: 'Scope' }) as HTMLTextAreaElement;
    await waitFor(() => expect(scope.value).toMatch(/^rule:secrets-listed user:/));
  });
});
