// Serves the mock beside the dashboard, in development and for a built
// dashboard alike. `/?mock=empty` chooses a scenario for this browser.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Connect, Plugin } from 'vite';
import { createMock, isScenario, type Mock } from './handlers';

/** What the real server sends with every page. */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "object-src 'none'",
  ].join('; ');
}

function scenarioOf(request: IncomingMessage): string | undefined {
  return /(?:^|;\s*)mock=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
}

async function toRequest(request: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD' && chunks.length > 0;
  return new Request(`http://${request.headers.host}${request.url}`, {
    method: request.method ?? 'GET',
    ...(hasBody ? { body: Buffer.concat(chunks) } : {}),
  });
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  response.statusCode = answer.status;
  answer.headers.forEach((value, name) => {
    response.setHeader(name, value);
  });
  if (!answer.body) {
    response.end();
    return;
  }
  const body = Readable.fromWeb(answer.body as never);
  response.on('close', () => body.destroy());
  body.pipe(response);
}

function api(): Connect.NextHandleFunction {
  const mocks = new Map<string, Mock>();
  return (request, response, next) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const wanted = url.searchParams.get('mock') ?? undefined;
    if (isScenario(wanted)) {
      mocks.delete(wanted);
      url.searchParams.delete('mock');
      response.setHeader('set-cookie', `mock=${wanted}; Path=/; SameSite=Lax`);
      response.statusCode = 303;
      response.setHeader('location', `${url.pathname}${url.search}`);
      response.end();
      return;
    }
    if (!url.pathname.startsWith('/api/')) return next();
    const cookie = scenarioOf(request);
    const scenario = isScenario(cookie) ? cookie : 'normal';
    const mock = mocks.get(scenario) ?? createMock(scenario);
    mocks.set(scenario, mock);
    toRequest(request)
      .then((each) => mock.handle(each))
      .then((answer) => send(answer, response))
      .catch(next);
  };
}

/** The built page with its nonce, under the policy the server will send. */
function page(folder: string): Connect.NextHandleFunction {
  return (request, response, next) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file = join(folder, path);
    if (path !== '/' && existsSync(file) && statSync(file).isFile()) return next();
    const nonce = randomBytes(16).toString('base64');
    const html = readFileSync(join(folder, 'index.html'), 'utf8').replaceAll(
      '__CSP_NONCE__',
      nonce,
    );
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.setHeader('content-security-policy', contentSecurityPolicy(nonce));
    response.end(html);
  };
}

export function mockApi(): Plugin {
  return {
    name: 'seawall:mock-api',
    configureServer(server) {
      server.middlewares.use(api());
    },
    configurePreviewServer(server) {
      server.middlewares.use(api());
      server.middlewares.use(page(join(server.config.root, server.config.build.outDir)));
    },
  };
}
