import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Plugin, transformWithOxc } from 'vite';
import type { Parts } from '../src/boot.ts';
import { GROUPS } from '../src/components/places.ts';

interface Chunk {
  type: string;
  fileName: string;
  imports: string[];
  moduleIds: string[];
  viteMetadata?: { importedCss: Set<string> };
}

/** Every page's address and module, as the site map has them. */
export function pagesOf(siteMap: string): [page: string, module: string][] {
  const found = siteMap.matchAll(/path: '(\/[^']*)',[\s\S]*?import\('\.\/(pages\/[^']+)'\)/g);
  return [...found].map(([, path = '', module = '']) => [path.replace(/\/\$\w+$/, '/*'), module]);
}

/** The files a page needs beyond those that every page loads. */
function partsOf(bundle: Record<string, unknown>, html: string, siteMap: string): Parts {
  const chunks = Object.values(bundle as Record<string, Chunk>).filter((each) => each.moduleIds);
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const files: string[] = [];
  const pages: Record<string, number[]> = {};
  for (const [page, module] of pagesOf(siteMap)) {
    const own = chunks.find((chunk) =>
      chunk.moduleIds.some((id) => id.includes(`/src/${module}.`)),
    );
    if (!own) throw new Error(`no chunk holds ${module}`);
    const needed = new Set<string>();
    const queue = [own];
    for (let chunk = queue.pop(); chunk; chunk = queue.pop()) {
      if (needed.has(chunk.fileName)) continue;
      for (const css of chunk.viteMetadata?.importedCss ?? []) needed.add(css);
      needed.add(chunk.fileName);
      for (const name of chunk.imports) {
        const next = byName.get(name);
        if (next) queue.push(next);
      }
    }
    pages[page] = [...needed]
      .filter((file) => !html.includes(file))
      .map((file) => {
        const name = file.replace('assets/', '');
        const known = files.indexOf(name);
        return known < 0 ? files.push(name) - 1 : known;
      });
  }
  return { files, pages };
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** The navigation as the dashboard will draw it, without icons and counts. */
function navigation(): string {
  return GROUPS.map((group) => {
    const head = group.name ? `<span>${escaped(group.name)}</span>` : '';
    const places = group.places.map(
      (place) => `<a class="sw-place" href="${place.to}"><i></i>${escaped(place.label)}</a>`,
    );
    return `<div class="sw-group">${head}${places.join('')}</div>`;
  }).join('');
}

/**
 * Writes into index.html what must be there before the first script: the
 * frame with its style, and the boot script with the table of what each
 * page is made of. Style sheets move behind the frame, so that it is
 * painted without waiting for them.
 */
export function firstPaint(): Plugin {
  let root = '.';
  return {
    name: 'seawall:first-paint',
    configResolved(config) {
      root = config.root;
    },
    transformIndexHtml: {
      order: 'post',
      async handler(html, { bundle }) {
        const read = (path: string) => readFileSync(join(root, path), 'utf8');
        const parts = bundle
          ? partsOf(bundle, html, read('src/routes.tsx'))
          : { files: [], pages: {} };
        const { code } = await transformWithOxc(read('src/boot.ts'), 'boot.ts');
        const script = `{${code.replaceAll(/^export /gm, '')}\nboot(${JSON.stringify(parts)});}`
          .replaceAll(/^\s*(\/\/.*|\/\*\*[\s\S]*?\*\/)?\n/gm, '')
          .replaceAll('</', '<\\/');
        const style = read('src/frame.css')
          .replaceAll(/\/\*[\s\S]*?\*\//g, '')
          .replaceAll(/\s+/g, ' ');
        const sheets: string[] = [];
        const page = html.replaceAll(/ *<link rel="stylesheet"[^>]*>\n?/g, (sheet) => {
          sheets.push(sheet.trim());
          return '';
        });
        const fonts = Object.keys(bundle ?? {})
          .filter((file) => file.endsWith('.woff2'))
          .map(
            (file) =>
              `<link rel="preload" as="font" type="font/woff2" crossorigin href="/${file}">`,
          );
        return page
          .replace(/(<style id="first-paint"[^>]*>)[^<]*/, (_, head) => head + style)
          .replace('/*boot*/', () => script)
          .replace('<!--fonts-->', () => fonts.join(''))
          .replace('<!--places-->', () => navigation())
          .replace('<!--sheets-->', () => sheets.join(''));
      },
    },
  };
}
