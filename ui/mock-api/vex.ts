// What others say of vulnerabilities, and SBOMs from elsewhere.

import type {
  NewVexSource,
  SbomImported,
  VexDocument,
  VexSource,
  VexStatement,
} from '../src/api/vex';
import { refOf } from './estate';
import type { Tools } from './platform';
import { hex, type World } from './world';

const HOUR = 3_600_000;

const STATEMENT: VexStatement = {
  vulnerability: 'CVE-2024-2511',
  aliases: ['GHSA-abcd-efgh-ijkl'],
  status: 'not_affected',
  justification: 'vulnerable_code_not_in_execute_path',
  note: 'The module is built in, and never asked for.',
  time: '2026-01-12T09:00:00Z',
  products: [
    {
      name: 'pkg:oci/ledger@sha256:0f1e?repository_url=registry.example.com/shop/ledger',
      parts: ['pkg:deb/debian/openssl@3.0.11-1?distro=debian-12'],
    },
  ],
  products_total: 3,
};

/** What a document says: as many statements as it has, of two sorts. */
function statementsOf(document: VexDocument, query: URLSearchParams) {
  const all = Array.from(
    { length: document.statements },
    (_, index): VexStatement =>
      index === 0
        ? STATEMENT
        : {
            vulnerability: `CVE-2024-${3000 + index}`,
            status: index % 2 === 0 ? 'fixed' : 'under_investigation',
            products: [{ name: 'pkg:deb/debian/linux?distro=debian-12' }],
            products_total: 1,
          },
  );
  const text = (query.get('q') ?? '').toLowerCase();
  const meant = all.filter((each) => JSON.stringify(each).toLowerCase().includes(text));
  const first = Number(query.get('cursor') ?? 0);
  const next = first + Number(query.get('limit') ?? 100);
  return {
    items: meant.slice(first, next),
    total: meant.length,
    total_capped: false,
    ...(next < meant.length ? { next_cursor: String(next) } : {}),
  };
}

export function createVex(
  world: World,
  { json, problem }: Tools,
  { isEmpty, isReader }: { isEmpty: boolean; isReader: boolean },
) {
  const at = (ago: number) => new Date(world.now - ago).toISOString();
  const source = (wanted: NewVexSource, more: Partial<VexSource> = {}): VexSource => ({
    id: hex(`vex source ${wanted.name}`, 12),
    name: wanted.name,
    address: wanted.address,
    allow_private: wanted.allow_private ?? false,
    every_hours: wanted.every_hours ?? 24,
    ...(wanted.environment ? { environment: wanted.environment } : {}),
    created: at(0),
    created_by: 'anna',
    documents: 0,
    statements: 0,
    left_out: 0,
    next: at(0),
    ...more,
  });
  const sources: VexSource[] = isEmpty
    ? []
    : [
        source(
          { name: 'Hub', address: 'https://vex.example/vex-repository.json' } as NewVexSource,
          {
            documents: 412,
            statements: 9120,
            left_out: 3,
            asked: at(5 * HOUR),
            reached: at(5 * HOUR),
            changed: at(29 * HOUR),
            next: at(-19 * HOUR),
            created: at(700 * HOUR),
          },
        ),
        source(
          {
            name: 'Appliance vendor',
            address: 'https://vendor.example/csaf/appliance.json',
            environment: 'local',
          } as NewVexSource,
          {
            documents: 1,
            statements: 14,
            asked: at(2 * HOUR),
            reached: at(50 * HOUR),
            changed: at(200 * HOUR),
            error: 'vendor.example answered 404 Not Found; what was there before holds on',
            next: at(-HOUR),
            created: at(300 * HOUR),
          },
        ),
      ];
  const document = (name: string, statements: number, more: Partial<VexDocument> = {}) => ({
    id: hex(`vex ${name}`, 12),
    name,
    statements,
    added: at(0),
    added_by: 'anna',
    ...more,
  });
  const documents: VexDocument[] = isEmpty
    ? []
    : [
        document('ledger.openvex.json', 2, {
          environment: 'local',
          added: at(310 * HOUR),
          added_by: 'ines',
        }),
        document('debian-kernel.csaf.json', 88, { added: at(40 * HOUR) }),
      ];

  return {
    async route(
      request: Request,
      url: URL,
      [noun, name = '', part = '']: string[],
    ): Promise<Response | undefined> {
      const { method } = request;
      const query = url.searchParams;
      if (noun === 'sboms' && !name && method === 'POST') {
        const text = await request.text();
        if (!/^\s*[{<]/.test(text))
          return problem(
            422,
            'invalid_document',
            'the document is neither CycloneDX nor SPDX',
            url.pathname,
          );
        const target = world.targets.find((each) => each.image.kind === 'sbom');
        if (!target) return undefined;
        return json(
          {
            image: { ...refOf(target), name: query.get('name') ?? '' },
            packages: target.packages.length,
            counts: target.image.counts,
            warnings: ['components[3] names no version'],
          } satisfies SbomImported,
          201,
        );
      }
      if (noun !== 'vex') return undefined;
      if (method !== 'GET' && isReader)
        return problem(403, 'forbidden', 'your role may look, not decide', url.pathname);
      if (name === 'export')
        return new Response('{}', { headers: { 'content-type': 'application/json' } });
      if (name === 'sources') {
        if (method === 'GET') return json(sources);
        if (!part) {
          const made = source((await request.json()) as NewVexSource);
          sources.push(made);
          return json(made, 201);
        }
        const found = sources.find((each) => each.id === part);
        if (!found) return problem(404, 'not_found', 'there is no such VEX source', url.pathname);
        if (method === 'DELETE') {
          sources.splice(sources.indexOf(found), 1);
          return new Response(null, { status: 204 });
        }
        return json(found, 202);
      }
      if (method === 'POST') {
        const text = await request.text();
        if (!text.trim().startsWith('{'))
          return problem(422, 'invalid_document', 'the document is no JSON', url.pathname);
        const environment = query.get('environment');
        const made = document(query.get('name') ?? '', 3, environment ? { environment } : {});
        documents.push(made);
        return json(made, 201);
      }
      if (name && part === 'statements') {
        const found = documents.find((each) => each.id === name);
        if (!found) return problem(404, 'not_found', 'there is no such VEX document', url.pathname);
        return json(statementsOf(found, query));
      }
      if (name) {
        const index = documents.findIndex((each) => each.id === name);
        if (index < 0)
          return problem(404, 'not_found', 'there is no such VEX document', url.pathname);
        documents.splice(index, 1);
        return new Response(null, { status: 204 });
      }
      return json(documents);
    },
  };
}
