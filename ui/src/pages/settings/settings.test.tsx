import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { renderApp } from '../../testing';

const find = { timeout: 10_000 };

describe('signing in', () => {
  it('asks for name and password, and offers the identity provider', async () => {
    const { router } = renderApp('/sign-in?next=%2Fscans', 'signed-out');
    await userEvent.type(await screen.findByLabelText('Name', {}, find), 'ines');
    await userEvent.type(screen.getByLabelText('Password'), 'correct horse battery');
    const provider = screen.getByRole('link', { name: 'Sign in with Company account' });
    expect(provider.getAttribute('href')).toBe('/api/v1/oidc/start?next=%2Fscans');
    await userEvent.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(router.state.location.pathname).toBe('/scans'), find);
  });
  it('takes no password that is too short or typed two ways', async () => {
    renderApp('/setup', 'empty');
    const make = await screen.findByRole('button', { name: 'Make the account' }, find);
    await userEvent.type(await screen.findByLabelText(/^Name/), 'ines');
    await userEvent.type(screen.getByLabelText('New password'), 'correct horse battery');
    await userEvent.type(screen.getByLabelText('Once more'), 'correct horse');
    expect(make.hasAttribute('disabled')).toBe(true);
    await userEvent.type(screen.getByLabelText('Once more'), ' battery');
    expect(make.hasAttribute('disabled')).toBe(false);
  });
});

describe('settings', () => {
  it('show a new token once', async () => {
    renderApp('/settings/tokens');
    await userEvent.click(await screen.findByRole('button', { name: 'New token' }, find));
    const dialog = await screen.findByRole('dialog', {}, find);
    await userEvent.type(await within(dialog).findByLabelText('What it is for'), 'pipeline');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Make the token' }));
    expect(await within(dialog).findByText(/^sw_/, {}, find)).toBeTruthy();
    await userEvent.click(within(dialog).getByRole('button', { name: 'I have kept it' }));
    expect(await screen.findByText('pipeline', {}, find)).toBeTruthy();
    expect(screen.queryByText(/^sw_[0-9a-f]+_[0-9a-f]{20}/)).toBeNull();
  });
  it('keep people and sinks from who may only look, and say who may', async () => {
    renderApp('/settings/people', 'reader');
    expect(await screen.findByText('This needs the role platform admin.', {}, find)).toBeTruthy();
  });
  it('show a receiver’s own answer to a test', async () => {
    renderApp('/settings/notifications');
    const row = (await screen.findByText('Collector', {}, find)).closest('tr') as HTMLElement;
    await userEvent.click(within(row).getByRole('button', { name: 'Test' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Send a test' }, find));
    expect(await screen.findByText('upstream is down', {}, find)).toBeTruthy();
  });
});
