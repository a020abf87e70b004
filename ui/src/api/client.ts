// Every request goes through here: errors become `Problem`s, a lost
// session becomes a visit to the sign-in page.

import createClient from 'openapi-fetch';
import { earlyAnswer } from './early';
import { Problem } from './problem';
import type { paths } from './schema';

let signedOut: () => void = () => {};

/** Says what to do when the server no longer knows us. */
export function onSignedOut(action: () => void): void {
  signedOut = action;
}

export const api = createClient<paths>({
  baseUrl: typeof location === 'undefined' ? 'http://localhost' : location.origin,
  credentials: 'same-origin',
  // Looked up at each call, so that tests may replace it.
  fetch: (request) => earlyAnswer(request) ?? fetch(request),
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a success; anything else is thrown as a `Problem`. */
export async function body<T>(request: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw Problem.unreachable();
  }
  if (answer.response.ok) return answer.data as T;
  if (answer.response.status === 401 && !answer.response.url.endsWith('/session')) signedOut();
  throw Problem.fromBody(answer.response.status, answer.error);
}
