import { expect, test } from 'vitest';
import { browserName } from './browser';

test('a browser is named by what it is, not by what it claims to be like', () => {
  const chrome =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36';
  expect(browserName(chrome)).toBe('Chromium on Linux');
  expect(browserName(`${chrome} Edg/156.0`)).toBe('Edge on Linux');
  expect(browserName('Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1')).toBe(
    'Safari on iOS',
  );
});

test('what nobody knows keeps its own first word', () => {
  expect(browserName('curl/8.5.0')).toBe('curl');
  expect(browserName('')).toBe('Unknown browser');
  expect(browserName(undefined)).toBe('Unknown browser');
});
