// The whole dashboard over the mock, for tests.

import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import { vi } from 'vitest';
import { createMock, type Scenario } from '../mock-api/handlers';
import { onSignedOut } from './api/client';
import { createAppRouter } from './routes';
import { cssVariables, theme } from './theme';

export const NOW = Date.parse('2026-11-21T12:00:00Z');

export function renderApp(path: string, scenario: Scenario = 'normal') {
  const mock = createMock(scenario, NOW);
  const asked: string[] = [];
  vi.stubGlobal('fetch', (request: Request) => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${request.method} ${pathname}${search}`);
    return mock.handle(request);
  });
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const router = createAppRouter(queryClient, createMemoryHistory({ initialEntries: [path] }));
  onSignedOut(() => {
    if (router.state.location.pathname !== '/sign-in') {
      router.navigate({ to: '/sign-in', search: { next: router.state.location.href } as never });
    }
  });
  const view = render(
    <QueryClientProvider client={queryClient}>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} env="test">
        <RouterProvider router={router} />
      </MantineProvider>
    </QueryClientProvider>,
  );
  return { ...view, router, asked, mock };
}
