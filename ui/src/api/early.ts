// Answers that index.html asked for before there was a client.

import type { Early } from '../boot';

/** How long an answer that nobody took is still the truth. */
const FRESH_MS = 10_000;

/** The answer to this request, where it was asked for early; once. */
export function earlyAnswer(request: Request): Promise<Response> | undefined {
  const early = (globalThis as { seawallEarly?: Early }).seawallEarly;
  if (!early || request.method !== 'GET') return undefined;
  const { pathname, search } = new URL(request.url);
  const answer = early.get(pathname + search);
  early.delete(pathname + search);
  return performance.now() < FRESH_MS ? answer : undefined;
}
