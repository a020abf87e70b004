import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pagesOf } from '../scripts/first-paint';
import { firstQuestions, pageOf } from './boot';
import { renderApp } from './testing';

test.each([
  ['/', '/'],
  ['/alerts', '/alerts'],
  ['/alerts/', '/alerts'],
  ['/images/sha256%3Aab', '/images/*'],
])('%s is made of the files of %s', (path, page) => {
  expect(pageOf(path)).toBe(page);
});

test('the site map names a module for every page', () => {
  const pages = new Map(pagesOf(readFileSync('src/routes.tsx', 'utf8')));
  expect(pages.get('/')).toBe('pages/overview/OverviewPage');
  expect(pages.get('/images/*')).toBe('pages/images/ImagePage');
  expect(pages.size).toBeGreaterThan(18);
});

test.each(['/', '/alerts', '/alerts?environment=demo'])(
  'what %s asks for early is what it asks for',
  async (href) => {
    const { pathname, search } = new URL(href, 'http://localhost');
    const early = firstQuestions(pathname, search);
    expect(early.length).toBeGreaterThan(0);
    const { asked, findByRole } = renderApp(href);
    await findByRole('heading', { level: 1 });
    for (const url of early) await expect.poll(() => asked).toContain(`GET ${url}`);
  },
);

test('a narrowed list and the way in ask for nothing of it early', () => {
  expect(firstQuestions('/alerts', '?q=ns:shop').join()).not.toContain('findings');
  expect(firstQuestions('/sign-in', '?next=/alerts')).toEqual([]);
});
