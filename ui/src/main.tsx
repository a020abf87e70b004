import './mantine.css';
import './theme.css';
import { MantineProvider } from '@mantine/core';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { setNonce } from 'get-nonce';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { onSignedOut } from './api/client';
import { LiveFeed } from './api/live';
import { Problem } from './api/problem';
import { LiveProvider } from './components/live';
import { createAppRouter } from './routes';
import { cssVariables, theme } from './theme';
import { watchTooltips } from './ui/Tooltip';

// The server puts a fresh nonce on this element with every page; styles
// made at run time must carry it to pass the Content-Security-Policy.
const nonce = document.querySelector<HTMLStyleElement>('#first-paint')?.nonce ?? '';
setNonce(nonce);

const queryClient = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      retry: (failures, error) =>
        error instanceof Problem && (error.status === 0 || error.status >= 500) && failures < 2,
      refetchOnWindowFocus: true,
    },
  },
});
const feed = new LiveFeed(queryClient);
const router = createAppRouter(queryClient);

onSignedOut(() => {
  const { pathname, href } = router.state.location;
  if (pathname === '/sign-in') return;
  queryClient.clear();
  router.navigate({ to: '/sign-in', search: { next: href } as never });
});

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
// The frame of index.html stands until the real one is there.
new MutationObserver((_, watch) => {
  if (!root.firstElementChild) return;
  document.getElementById('frame')?.remove();
  watch.disconnect();
}).observe(root, { childList: true });
watchTooltips();
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <MantineProvider
        theme={theme}
        cssVariablesResolver={cssVariables}
        defaultColorScheme="auto"
        getStyleNonce={() => nonce}
      >
        <LiveProvider feed={feed}>
          <RouterProvider router={router} />
        </LiveProvider>
      </MantineProvider>
    </QueryClientProvider>
  </StrictMode>,
);
