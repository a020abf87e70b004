import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { mockApi } from './mock-api/plugin.ts';
import { chunkName } from './scripts/chunks.ts';
import { firstPaint } from './scripts/first-paint.ts';
import { precompress } from './scripts/precompress.ts';

// `SEAWALL_URL` points the development server at a real server; without
// it the mock answers.
const server = process.env.SEAWALL_URL;

export default defineConfig({
  plugins: [react(), firstPaint(), precompress(), ...(server ? [] : [mockApi()])],
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy: server ? { '/api': { target: server, changeOrigin: true } } : {},
  },
  preview: { host: '127.0.0.1', port: 4173 },
  build: {
    target: 'es2023',
    // Older targets would have `light-dark()` rewritten into something that
    // does not follow the scheme Mantine sets.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: chunkName(`${import.meta.dirname}/src`) }] } },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}', 'mock-api/**/*.test.ts'],
    setupFiles: ['./vitest.setup.ts'],
    restoreMocks: true,
    testTimeout: 30_000,
  },
});
