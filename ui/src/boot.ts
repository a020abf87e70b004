// What happens before any module is there. The build writes this into
// index.html (see scripts/first-paint.ts), so it imports nothing: it sets
// the colours, asks for the page's own code, and puts the first question to
// the server while all of that is on its way.

export interface Parts {
  /** Files under assets/. */
  files: string[];
  /** Which of them a page needs: `/images`, and `/images/*` for one of them. */
  pages: Record<string, number[]>;
}

/** Answers asked for early, by path and query; each is taken once. */
export type Early = Map<string, Promise<Response>>;

/** The entry of the table of pages for an address. */
export function pageOf(pathname: string): string {
  const [first = '', rest] = pathname.replace(/^\/|\/$/g, '').split('/');
  return `/${first}${rest === undefined ? '' : '/*'}`;
}

/**
 * The list a page opens with, written exactly as the client would ask for
 * it; nothing where the address narrows it, for that takes the grammar.
 */
export function firstQuestions(pathname: string, search: string): string[] {
  if (/^\/(sign-in|setup)/.test(pathname)) return [];
  const asked = new URLSearchParams(search);
  const environment = encodeURIComponent(asked.get('environment') ?? 'local');
  const asks = [`/api/v1/overview?environment=${environment}`];
  const isWhole = ['q', 'sort', 'group', 'suppressed', 'cluster', 'ns'].every(
    (key) => !asked.get(key),
  );
  if (pathname === '/alerts' && isWhole) {
    asks.unshift(`/api/v1/findings?environment=${environment}&q=kind%3Aalert&limit=100`);
    asks.push(`/api/v1/findings/facets?environment=${environment}&q=kind%3Aalert`);
  }
  return asks;
}

/** Does all of it; called by index.html alone. */
export function boot(parts: Parts): void {
  const root = document.documentElement;
  let scheme = localStorage.getItem('mantine-color-scheme-value');
  if (scheme !== 'light' && scheme !== 'dark')
    scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  root.dataset.mantineColorScheme = scheme;
  root.classList.toggle('sw-bare', /^\/(sign-in|setup)/.test(location.pathname));

  for (const index of parts.pages[pageOf(location.pathname)] ?? []) {
    const file = `/assets/${parts.files[index]}`;
    const link = document.createElement('link');
    link.rel = file.endsWith('.css') ? 'stylesheet' : 'modulepreload';
    link.crossOrigin = '';
    link.href = file;
    document.head.append(link);
  }

  const early: Early = new Map();
  for (const url of firstQuestions(location.pathname, location.search))
    early.set(url, fetch(url, { credentials: 'same-origin' }));
  (window as { seawallEarly?: Early }).seawallEarly = early;
}
