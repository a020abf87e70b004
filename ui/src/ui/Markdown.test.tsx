import { render } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { blocks, Markdown } from './Markdown';

const html = (source: string) => {
  const { container } = render(<Markdown>{source}</Markdown>);
  return container.firstElementChild as HTMLElement;
};

describe('advisory text', () => {
  it('becomes headings, lists, code and paragraphs', () => {
    expect(
      blocks('# One\n\ntext\nmore\n\n- a\n- b\n\n```\n<x>\n```').map((block) => block.kind),
    ).toEqual(['heading', 'paragraph', 'list', 'code']);
  });
  it('keeps raw HTML as text', () => {
    const node = html('hello <img src=x onerror=alert(1)> <script>alert(1)</script>');
    expect(node.querySelector('img, script')).toBeNull();
    expect(node.textContent).toContain('<script>alert(1)</script>');
  });
  it('links only to the web', () => {
    const node = html(
      '[a](javascript:alert(1)) [b](data:text/html,x) [c](https://example.com/x) <https://example.org>',
    );
    expect([...node.querySelectorAll('a')].map((link) => link.getAttribute('href'))).toEqual([
      'https://example.com/x',
      'https://example.org',
    ]);
  });
  it('sends no referrer and no opener along', () => {
    expect(html('https://example.com').querySelector('a')?.rel).toContain('noopener');
  });
  it('loads no pictures', () => {
    const node = html('![chart](https://example.com/chart.png)');
    expect(node.querySelector('img, a')).toBeNull();
    expect(node.textContent).toBe('chart');
  });
  it.each(['[', '`', '*', '**a', '__', '](', '<https://', '- ', '> '])(
    'of sixty thousand times %j is read before the test gives up',
    (text) => {
      expect(html(text.repeat(60_000)).textContent?.length).toBeLessThanOrEqual(20_000);
    },
  );
  it('is cut where nobody would read on', () => {
    expect(blocks('a'.repeat(1_000_000))[0]).toMatchObject({ text: 'a'.repeat(20_000) });
  });
});
