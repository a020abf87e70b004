// The contract, answered from the make-believe world. Which state of the
// product it plays is the scenario's choice; each state of each screen can
// be reached.

import type { ClusterAudit } from '../src/api/settings';
import type { Database, Environment, ImageDetail, Scan, ScanState } from '../src/api/types';
import { SEVERITIES } from '../src/lib/severity';
import { CATALOGUE } from './catalogue';
import { createContents } from './contents';
import { databaseOf } from './database';
import { events } from './events';
import { facetsOf, imagesOf, isFixable, narrowed, words } from './lists';
import { changesOf, overviewOf } from './overview';
import { createPeople, PASSWORD } from './people';
import { createPlatform } from './platform';
import { createRegistries } from './registries';
import { comparisonOf, holdersOf } from './sboms';
import { liveScans, pastScans, queueOf } from './scans';
import { createTrust } from './trust';
import { createVex } from './vex';
import { detailOf, vulnerabilitiesOf } from './vulnerabilities';
import { baseOf } from './work';
import {
  createWorld,
  hex,
  isOpen,
  noCounts,
  type Target,
  tally,
  topFixes,
  type World,
} from './world';

export const SCENARIOS = {
  normal: 'a server at work',
  empty: 'first run: nothing scanned yet',
  first: 'first run: the first scans are under way',
  clean: 'images without findings',
  starter: 'only the starter advisories',
  updating: 'the database is being brought up to date',
  stale: 'the last update failed, the database is old',
  error: 'every question fails',
  slow: 'no answer comes',
  'signed-out': 'no session',
  offline: 'the event stream is refused',
  reader: 'somebody who may look, not decide',
  busy: 'alerts keep coming',
} as const;
export type Scenario = keyof typeof SCENARIOS;

export function isScenario(text: string | undefined): text is Scenario {
  return text !== undefined && Object.hasOwn(SCENARIOS, text);
}

const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

function problem(
  status: number,
  code: string,
  detail: string,
  path: string,
  errors?: { pointer: string; detail: string }[],
): Response {
  const titles: Record<number, string> = {
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'Not Found',
    409: 'Conflict',
    422: 'Unprocessable Content',
    500: 'Internal Server Error',
  };
  const body = {
    type: 'about:blank',
    title: titles[status] ?? '',
    status,
    detail,
    code,
    instance: path,
    request_id: hex(path, 12),
    ...(errors ? { errors } : {}),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });
}

function page<T>(items: T[], query: URLSearchParams) {
  const from = Number(query.get('cursor') ?? 0);
  const size = Number(query.get('limit') ?? 100);
  const next = from + size;
  return json({
    items: items.slice(from, next),
    ...(next < items.length ? { next_cursor: String(next) } : {}),
    total: items.length,
    total_capped: false,
  });
}

export interface Mock {
  handle: (request: Request) => Promise<Response>;
  scenario: Scenario;
}

export function createMock(scenario: Scenario = 'normal', now: number = Date.now()): Mock {
  const world: World = createWorld(now);
  if (scenario === 'empty' || scenario === 'first') world.targets = [];
  if (scenario === 'clean') {
    for (const target of world.targets) {
      target.findings = [];
      target.image.counts = noCounts();
      target.image.fixable = 0;
      target.image.kev = 0;
      for (const layer of target.layers)
        layer.totals = { ...layer.totals, counts: noCounts(), fixable: 0 };
      for (const each of target.packages) each.counts = noCounts();
    }
  }
  if (scenario === 'starter') for (const target of world.targets) target.image.starter_only = true;

  const people = createPeople(scenario, now, { json, page, problem });
  const platform = createPlatform(
    world,
    { json, page, problem },
    { isClean: scenario === 'clean', isReader: scenario === 'reader' },
  );

  const registries = createRegistries(
    world,
    { json, page, problem },
    { isEmpty: world.targets.length === 0, isReader: scenario === 'reader' },
  );

  const contents = createContents(world, { json, page, problem });
  const apart = { isEmpty: world.targets.length === 0, isReader: scenario === 'reader' };
  const trust = createTrust(world, { json, page, problem }, apart);
  const vex = createVex(world, { json, page, problem }, apart);

  let hasDemo = scenario !== 'empty' && scenario !== 'first';
  let isSignedIn = scenario !== 'signed-out';
  const scans: Scan[] = [
    ...liveScans(scenario, now),
    ...(world.targets.length > 0 ? pastScans(world) : []),
  ];
  let database: Database = databaseOf(scenario, now);

  const inScope = (query: URLSearchParams) => {
    const environment = query.get('environment');
    return world.targets.filter(
      (target) =>
        (!environment || target.image.environment === environment) &&
        (hasDemo || target.image.environment !== 'demo'),
    );
  };

  const environments = (): Environment[] => {
    const of = (id: string, name: string, demo: boolean): Environment => {
      const targets = world.targets.filter((target) => target.image.environment === id);
      return {
        id,
        name,
        demo,
        images: targets.length,
        counts: tally(platform.all().filter((each) => each.asset.environment === id)),
      };
    };
    return [of('local', 'This server', false), ...(hasDemo ? [of('demo', 'Demo', true)] : [])];
  };

  /** A scan that failed waits anew. */
  const revived = (): Partial<Scan> => ({
    state: 'queued',
    given_up: false,
    attempts: 0,
    created: new Date().toISOString(),
    started: null,
    finished: null,
    error: null,
  });

  /** An image is not built on itself, and a file system on nothing. */
  const baseFor = (target: Target): Pick<ImageDetail, 'base'> => {
    if (target.image.kind !== 'image') return {};
    const base = baseOf(target, world.targets);
    return base.image && base.image.id !== target.image.id ? { base } : {};
  };

  const imageDetail = (target: Target): ImageDetail => ({
    image: target.image,
    target: target.target,
    generation: database.generation,
    warnings: target.warnings,
    top_fixes: topFixes(target.findings, 5),
    signatures: trust.of(target),
    ...baseFor(target),
    config:
      target.image.kind === 'image'
        ? {
            created: new Date(now - 40 * 86_400_000).toISOString(),
            author: null,
            user: target.recipe.user ?? '',
            entrypoint: [],
            command: ['/entrypoint.sh'],
            labels: target.recipe.labels ?? {},
          }
        : null,
  });

  const route = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const path = url.pathname.replace(/^\/api\/v1/, '');
    const query = url.searchParams;
    const [, noun = '', name = '', part = ''] = path.split('/').map(decodeURIComponent);
    const missing = (what: string) =>
      problem(404, 'not_found', `there is no such ${what}`, url.pathname);

    if (noun === 'session' && name === 'providers') {
      const isFirst = scenario === 'empty' || scenario === 'first';
      const oidc = isFirst ? [] : [{ title: 'Company account', start: '/api/v1/oidc/start' }];
      return json({ password: !isFirst, first_run: isFirst, oidc });
    }
    if (noun === 'session') {
      if (request.method === 'DELETE') {
        isSignedIn = false;
        return json({});
      }
      if (request.method === 'POST') {
        const { token, invitation, password } = (await request.json()) as Record<string, string>;
        if (!invitation && token !== 'mock' && password !== PASSWORD)
          return problem(
            401,
            token ? 'link_expired' : 'not_signed_in',
            token
              ? 'this sign-in link has been used or has expired'
              : 'name and password do not belong together',
            url.pathname,
          );
        isSignedIn = true;
      }
      if (!isSignedIn)
        return problem(401, 'signed_out', 'sign in with the link the server printed', url.pathname);
      return json({
        expires: new Date(now + 43_200_000).toISOString(),
        server: {
          version: '0.1.0',
          host: 'build-host-01',
          demo: hasDemo,
          local_paths: true,
          started: new Date(now - 3_600_000).toISOString(),
        },
      });
    }
    if (!isSignedIn)
      return problem(401, 'signed_out', 'sign in with the link the server printed', url.pathname);
    if (scenario === 'slow' && noun !== 'environments') return new Promise(() => {});
    if (scenario === 'error' && noun !== 'environments')
      return problem(500, 'internal', 'the server failed to answer', url.pathname);

    // What was decided about findings shows in the counts of their images.
    for (const { image, findings } of world.targets) {
      image.counts = tally(findings);
      image.fixable = findings.filter((each) => isOpen(each) && isFixable(each)).length;
      image.kev = findings.filter((each) => isOpen(each) && each.kev).length;
    }
    if (noun === 'environments') return json(environments());
    if (noun === 'overview') {
      const environment = query.get('environment');
      const { score, top_recommendations } = platform.posture(environment);
      const findings = platform
        .all()
        .filter((each) => !environment || each.asset.environment === environment);
      const parts = { score, top_recommendations };
      return json(overviewOf(inScope(query), scans, database, query, now, findings, parts));
    }
    if (noun === 'changes') return page(changesOf(inScope(query), now), query);
    if (noun === 'database') {
      if (request.method === 'POST') {
        if (database.activity)
          return problem(409, 'busy', 'an update or import is running already', url.pathname);
        database = databaseOf('updating', now);
        return json(database, 202);
      }
      return json(database);
    }
    if (noun === 'demo') {
      hasDemo = request.method === 'POST';
      return hasDemo
        ? json({ environment: 'demo', scans: 3 }, 202)
        : new Response(null, { status: 204 });
    }
    if (noun === 'clusters' && !name) {
      const audited = (await (
        await people.route(request, url.pathname, [noun, name, part])
      )?.json()) as ClusterAudit[] | undefined;
      const [like] = audited ?? [];
      const watched = platform.clusters().flatMap((posture) => {
        const { cluster, first_seen } = posture;
        return like ? [{ ...like, cluster, first_seen, sources: [], faults: [], posture }] : [];
      });
      return json([...(audited ?? []), ...watched]);
    }
    const answer =
      (await people.route(request, url.pathname, [noun, name, part])) ??
      contents.route(url, [noun, name, part]) ??
      (await trust.route(request, url, [noun, name, part])) ??
      (await vex.route(request, url, [noun, name, part])) ??
      (await registries.route(request, url, [noun, name, part])) ??
      (await platform.route(request, url, [noun, name, part]));
    if (answer) return answer;
    if (noun === 'images' && (!name || name === 'facets')) {
      if (!name) return page(imagesOf(inScope(query), query), query);
      const kinds = ['image', 'rootfs', 'sbom'].map((value) => ({
        value,
        count: inScope(query).filter((target) => target.image.kind === value).length,
      }));
      return json({ facets: [{ field: 'kind', values: kinds }] });
    }
    if (noun === 'images') {
      const target = world.targets.find((each) => each.image.id === name);
      if (!target) return missing('image');
      if (request.method === 'DELETE') {
        world.targets = world.targets.filter((each) => each !== target);
        return new Response(null, { status: 204 });
      }
      if (!part) return json(imageDetail(target));
      if (part === 'findings')
        return path.endsWith('/facets')
          ? json(facetsOf(target.findings.filter(isOpen)))
          : page(narrowed(target.findings, query, platform.matcher), query);
      if (part === 'comparison') {
        const other = world.targets.find((each) => each.image.id === query.get('with'));
        return other ? json(comparisonOf(target, other)) : missing('image');
      }
      if (part === 'timeline') return registries.timeline(target, query);
      if (part === 'layers') {
        const unlayered = {
          packages: target.layers.length > 0 ? 0 : target.packages.length,
          counts: target.layers.length > 0 ? noCounts() : target.image.counts,
          fixable: 0,
        };
        return json({ items: target.layers, unlayered });
      }
      if (part === 'packages') {
        const q = query.get('q')?.toLowerCase();
        const kinds = words(query.get('kind'));
        const layer = query.get('layer');
        return page(
          target.packages.filter(
            (each) =>
              (!q || each.name.toLowerCase().includes(q)) &&
              (kinds.length === 0 || kinds.includes(each.kind)) &&
              (layer === null || each.layer === Number(layer)),
          ),
          query,
        );
      }
      if (part === 'scans')
        return page(
          scans.filter((scan) => scan.image?.id === name),
          query,
        );
      if (part === 'report')
        return new Response('{}', {
          headers: {
            'content-type': 'application/json',
            'content-disposition': 'attachment; filename="report.json"',
          },
        });
    }
    if (noun === 'vulnerabilities') {
      if (!name) return page(vulnerabilitiesOf(inScope(query), query, now), query);
      if (name === 'facets') {
        const rows = vulnerabilitiesOf(inScope(query), query, now);
        const values = SEVERITIES.map((value) => ({
          value,
          count: rows.filter((row) => row.severity === value).length,
        })).filter((each) => each.count > 0);
        return json({ facets: [{ field: 'severity', values }] });
      }
      const entry = CATALOGUE.find((each) => each.id === name);
      return entry ? json(detailOf(entry, inScope(query), now)) : missing('vulnerability');
    }
    if (noun === 'sboms' && name === 'search')
      return holdersOf(inScope(query), url, { json, page, problem });
    if (noun === 'queue') {
      const environment = query.get('environment');
      if (name !== 'retry') {
        const held = registries
          .all()
          .flatMap(({ id, name, hold_until: until, environment: of }) =>
            until && (!environment || of === environment)
              ? [{ registry: { id, name }, until }]
              : [],
          );
        return json(queueOf(scans, environment, held));
      }
      const dead = scans.filter((each) => each.given_up);
      for (const scan of dead) Object.assign(scan, revived());
      return json({ scans: dead.length });
    }
    if (noun === 'scans' && part === 'retry') {
      const scan = scans.find((each) => each.id === name);
      if (!scan) return missing('scan');
      if (scan.state !== 'failed')
        return problem(409, 'not_failed', 'this scan did not fail', url.pathname);
      return json(Object.assign(scan, revived()), 202);
    }
    if (noun === 'scans') {
      if (request.method === 'POST') {
        const { target, platform } = (await request.json()) as {
          target: string;
          platform?: string;
        };
        if (/\s/.test(target)) {
          return problem(422, 'invalid_target', 'the target cannot be understood', url.pathname, [
            {
              pointer: '/target',
              detail: `'${target}' is neither an image reference nor a path: it contains a blank`,
            },
          ]);
        }
        const scan: Scan = {
          id: hex(`scan ${target} ${scans.length}`, 26),
          environment: 'local',
          target,
          name: target,
          platform: platform ?? null,
          trigger: 'user',
          state: 'queued',
          created: new Date().toISOString(),
        };
        scans.unshift(scan);
        return json(scan, 202);
      }
      const scan = scans.find((each) => each.id === name);
      if (request.method === 'DELETE') {
        if (!scan) return missing('scan');
        Object.assign(scan, {
          state: 'cancelled',
          finished: new Date().toISOString(),
          progress: null,
        });
        return json(scan, 202);
      }
      if (name) return scan ? json(scan) : missing('scan');
      const states = words(query.get('state')) as ScanState[];
      const triggers = words(query.get('trigger'));
      const environment = query.get('environment');
      const registry = query.get('registry');
      return page(
        scans.filter(
          (each) =>
            (triggers.length === 0 || triggers.includes(each.trigger)) &&
            (!query.get('given_up') || each.given_up) &&
            (!registry || each.registry?.id === registry) &&
            (states.length === 0 || states.includes(each.state)) &&
            (!environment || each.environment === environment),
        ),
        query,
      );
    }
    if (noun === 'search') {
      const q = (query.get('q') ?? '').toLowerCase();
      const size = Number(query.get('limit') ?? 6);
      const every = inScope(query).flatMap((target) =>
        target.packages.map((each) => ({ each, image: target.image.id })),
      );
      const uses = new Map<
        string,
        {
          kind: (typeof every)[0]['each']['kind'];
          name: string;
          version: string;
          purl: string;
          images: number;
        }
      >();
      for (const { each } of every) {
        if (!each.name.toLowerCase().includes(q)) continue;
        const use = uses.get(each.purl) ?? {
          kind: each.kind,
          name: each.name,
          version: each.version,
          purl: each.purl,
          images: 0,
        };
        uses.set(each.purl, { ...use, images: use.images + 1 });
      }
      const scoped = new URLSearchParams(query);
      scoped.delete('limit');
      return json({
        images: imagesOf(inScope(scoped), scoped).slice(0, size),
        vulnerabilities: vulnerabilitiesOf(inScope(scoped), scoped, now).slice(0, size),
        packages: [...uses.values()].sort((a, b) => b.images - a.images).slice(0, size),
      });
    }
    if (noun === 'events')
      return scenario === 'offline'
        ? problem(500, 'internal', 'no', url.pathname)
        : events(scans, scenario === 'busy' ? platform.happen : undefined);
    return missing('path');
  };

  return { scenario, handle: route };
}
