// Every request goes through here: errors become `Problem`s, a lost
// session becomes a visit to the sign-in page.

import { Problem } from './problem';

const BASE = '/api/v1';

type Query = Record<string, string | number | boolean | undefined>;

let signedOut: () => void = () => {};

/** Says what to do when the server no longer knows us. */
export function onSignedOut(action: () => void): void {
  signedOut = action;
}

export function url(path: string, query: Query = {}): string {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') pairs.set(key, String(value));
  }
  const text = pairs.toString();
  return `${BASE}${path}${text ? `?${text}` : ''}`;
}

async function send(method: string, address: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, { method, credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw Problem.unreachable();
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => undefined);
  const problem = Problem.fromBody(response.status, body);
  if (response.status === 401 && !address.endsWith('/session')) signedOut();
  throw problem;
}

export async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const response = await send('GET', url(path, query), { signal });
  return (await response.json()) as T;
}

export async function post<T>(path: string, body?: unknown, query?: Query): Promise<T> {
  const init: RequestInit =
    body instanceof Blob
      ? { body, headers: { 'content-type': 'application/octet-stream' } }
      : body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await send('POST', url(path, query), init);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export async function remove(path: string): Promise<void> {
  await send('DELETE', url(path));
}
