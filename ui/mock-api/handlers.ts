// The contract, answered from the make-believe world. Which state of the
// product it plays is the scenario's choice; each state of each screen can
// be reached.

import type {
  Change,
  Database,
  Environment,
  Facets,
  Finding,
  Image,
  ImageDetail,
  Overview,
  Scan,
  ScanState,
  Vulnerability,
  VulnerabilityDetail,
} from '../src/api/types';
import { SEVERITIES } from '../src/lib/severity';
import { CATALOGUE, type Entry } from './catalogue';
import { databaseOf } from './database';
import { liveScans, pastScans } from './scans';
import {
  createWorld,
  hex,
  noCounts,
  RANK,
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

const words = (value: string | null) => (value ? value.split(',') : []);
const flag = (value: string | null) => (value === null ? undefined : value === 'true');

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
        counts: tally(targets.flatMap((target) => target.findings)),
      };
    };
    return [of('local', 'This server', false), ...(hasDemo ? [of('demo', 'Demo', true)] : [])];
  };

  const narrowed = (targets: Target[], query: URLSearchParams): Finding[] => {
    const q = query.get('q')?.toLowerCase();
    const severities = words(query.get('severity'));
    const kinds = words(query.get('kind'));
    const fixable = flag(query.get('fixable'));
    const kev = flag(query.get('kev'));
    const layer = query.get('layer');
    const isSuppressed = flag(query.get('suppressed')) ?? false;
    const rows = targets
      .flatMap((target) => target.findings)
      .filter((finding) => {
        if ((finding.suppression !== undefined) !== isSuppressed) return false;
        if (severities.length > 0 && !severities.includes(finding.severity)) return false;
        if (kinds.length > 0 && !kinds.includes(finding.package.kind)) return false;
        if (fixable !== undefined && finding.fix.versions.length > 0 !== fixable) return false;
        if (kev !== undefined && finding.kev !== kev) return false;
        if (layer !== null && finding.package.layer !== Number(layer)) return false;
        if (query.get('package') && finding.package.name !== query.get('package')) return false;
        if (query.get('vulnerability') && finding.vulnerability !== query.get('vulnerability'))
          return false;
        if (query.get('image') && finding.image.id !== query.get('image')) return false;
        return (
          !q ||
          `${finding.vulnerability} ${finding.title} ${finding.package.name}`
            .toLowerCase()
            .includes(q)
        );
      });
    const worst = (a: Finding, b: Finding) =>
      (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9) ||
      Number(b.kev) - Number(a.kev) ||
      a.vulnerability.localeCompare(b.vulnerability) ||
      a.id.localeCompare(b.id);
    const orders: Record<string, (a: Finding, b: Finding) => number> = {
      severity: worst,
      '-epss': (a, b) => (b.epss ?? 0) - (a.epss ?? 0) || worst(a, b),
      '-first_seen': (a, b) => b.first_seen.localeCompare(a.first_seen) || worst(a, b),
      package: (a, b) => a.package.name.localeCompare(b.package.name) || worst(a, b),
    };
    return rows.sort(orders[query.get('sort') ?? 'severity'] ?? worst);
  };

  const facetsOf = (findings: Finding[]): Facets => {
    const open = findings.filter((finding) => !finding.suppression);
    const values = (of: (finding: Finding) => string | undefined) => {
      const counts = new Map<string, number>();
      for (const finding of open) {
        const value = of(finding);
        if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
      }
      return [...counts]
        .map(([value, count]) => ({ value, count }))
        .sort((a, b) => b.count - a.count);
    };
    return {
      facets: [
        {
          field: 'severity',
          values: values((f) => f.severity).sort(
            (a, b) => (RANK[a.value] ?? 9) - (RANK[b.value] ?? 9),
          ),
        },
        { field: 'kind', values: values((f) => f.package.kind) },
        { field: 'fixable', values: values((f) => String(f.fix.versions.length > 0)) },
        {
          field: 'layer',
          values: values((f) =>
            f.package.layer === null || f.package.layer === undefined
              ? undefined
              : String(f.package.layer),
          ),
        },
      ],
    };
  };

  const imagesOf = (query: URLSearchParams): Image[] => {
    const q = query.get('q')?.toLowerCase();
    const kinds = words(query.get('kind'));
    const severities = words(query.get('severity'));
    const partial = flag(query.get('partial'));
    const fixable = flag(query.get('fixable'));
    const rows = inScope(query)
      .filter((target) => {
        const { image } = target;
        if (kinds.length > 0 && !kinds.includes(image.kind)) return false;
        if (
          severities.length > 0 &&
          !severities.some((severity) => image.counts[severity as 'high'] > 0)
        )
          return false;
        if (partial !== undefined && image.partial !== partial) return false;
        if (fixable !== undefined && image.fixable > 0 !== fixable) return false;
        if (
          query.get('package') &&
          !target.packages.some((each) => each.name === query.get('package'))
        )
          return false;
        return (
          !q ||
          `${image.name} ${image.digest ?? ''} ${image.os?.name ?? ''}`.toLowerCase().includes(q)
        );
      })
      .map((target) => target.image);
    const worst = (a: Image, b: Image) =>
      b.counts.critical - a.counts.critical ||
      b.counts.high - a.counts.high ||
      b.counts.medium - a.counts.medium ||
      a.name.localeCompare(b.name);
    const orders: Record<string, (a: Image, b: Image) => number> = {
      severity: worst,
      name: (a, b) => a.name.localeCompare(b.name),
      '-name': (a, b) => b.name.localeCompare(a.name),
      '-last_scanned': (a, b) => b.last_scanned.localeCompare(a.last_scanned),
      last_scanned: (a, b) => a.last_scanned.localeCompare(b.last_scanned),
      '-packages': (a, b) => b.packages - a.packages || worst(a, b),
    };
    return rows.sort(orders[query.get('sort') ?? 'severity'] ?? worst);
  };

  const vulnerabilityOf = (entry: Entry, findings: Finding[]): Vulnerability => {
    const mine = findings.filter(
      (finding) => finding.vulnerability === entry.id && !finding.suppression,
    );
    return {
      id: entry.id,
      title: entry.title,
      severity: entry.severity,
      cvss: entry.score > 0 ? entry.score : null,
      epss: entry.epss > 0 ? entry.epss : null,
      kev: entry.kev !== undefined,
      published: `${entry.published}T00:00:00Z`,
      first_seen: mine[0]?.first_seen ?? new Date(now).toISOString(),
      findings: mine.length,
      fixable: mine.filter((finding) => finding.fix.versions.length > 0).length,
      images: new Set(mine.map((finding) => finding.image.id)).size,
      packages: [...new Set(mine.map((finding) => finding.package.name))],
    };
  };

  const vulnerabilities = (query: URLSearchParams): Vulnerability[] => {
    const findings = inScope(query).flatMap((target) => target.findings);
    const q = query.get('q')?.toLowerCase();
    const severities = words(query.get('severity'));
    const kev = flag(query.get('kev'));
    const fixable = flag(query.get('fixable'));
    const rows = CATALOGUE.map((entry) => vulnerabilityOf(entry, findings)).filter((row) => {
      if (row.findings === 0) return false;
      if (severities.length > 0 && !severities.includes(row.severity)) return false;
      if (kev !== undefined && row.kev !== kev) return false;
      if (fixable !== undefined && row.fixable > 0 !== fixable) return false;
      return !q || `${row.id} ${row.title} ${row.packages.join(' ')}`.toLowerCase().includes(q);
    });
    const worst = (a: Vulnerability, b: Vulnerability) =>
      (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9) ||
      Number(b.kev) - Number(a.kev) ||
      (b.epss ?? 0) - (a.epss ?? 0);
    const orders: Record<string, (a: Vulnerability, b: Vulnerability) => number> = {
      severity: worst,
      '-epss': (a, b) => (b.epss ?? 0) - (a.epss ?? 0),
      '-images': (a, b) => b.images - a.images || worst(a, b),
      '-first_seen': (a, b) => b.first_seen.localeCompare(a.first_seen),
    };
    return rows.sort(orders[query.get('sort') ?? 'severity'] ?? worst);
  };

  const detailOf = (entry: Entry, query: URLSearchParams): VulnerabilityDetail => {
    const mine = inScope(query)
      .flatMap((target) => target.findings)
      .filter((finding) => finding.vulnerability === entry.id);
    const row = vulnerabilityOf(entry, mine);
    return {
      id: entry.id,
      aliases: entry.aliases ?? [],
      title: entry.title,
      description: entry.text ?? `${entry.title}.`,
      severity: entry.severity,
      cvss:
        entry.score > 0
          ? [
              {
                vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H',
                score: entry.score,
                source: entry.aliases?.[0] ?? entry.id,
              },
            ]
          : [],
      epss:
        entry.epss > 0
          ? { score: entry.epss, percentile: Math.min(0.9999, 0.4 + entry.epss * 0.63) }
          : null,
      kev: entry.kev
        ? { added: entry.kev, due: null, ransomware: entry.ransomware ?? false }
        : null,
      cwes: [entry.cwe],
      references: [
        `https://nvd.nist.gov/vuln/detail/${entry.id}`,
        `https://security-tracker.debian.org/tracker/${entry.id}`,
        'javascript:alert(1)',
      ],
      published: `${entry.published}T00:00:00Z`,
      modified: new Date(now - 12 * 86_400_000).toISOString(),
      first_seen: mine[0]?.first_seen ?? null,
      findings: row.findings,
      fixable: row.fixable,
      images: row.images,
      advisories: [...new Set(mine.flatMap((finding) => finding.advisories))],
      fixes: [...new Map(mine.map((finding) => [finding.package.name, finding])).values()].map(
        (finding) => {
          const same = mine.filter(
            (other) => other.package.name === finding.package.name && !other.suppression,
          );
          return {
            package: finding.package.name,
            kind: finding.package.kind,
            installed: [...new Set(same.map((other) => other.package.version))],
            state: finding.fix.state,
            version: finding.fix.versions[0] ?? null,
            findings: same.length,
            images: new Set(same.map((other) => other.image.id)).size,
          };
        },
      ),
      affected: mine.map((finding) => ({
        finding: finding.id,
        image: finding.image,
        package: finding.package.name,
        kind: finding.package.kind,
        version: finding.package.version,
        path: finding.package.path,
        layer: finding.package.layer ?? null,
        fix_state: finding.fix.state,
        fixed_version: finding.fix.versions[0] ?? null,
        suppressed: finding.suppression !== undefined,
        first_seen: finding.first_seen,
      })),
    };
  };

  const changes = (query: URLSearchParams): Change[] => {
    const at = (minutes: number) => new Date(now - minutes * 60_000).toISOString();
    const rows: Change[] = inScope(query)
      .slice(0, 9)
      .map((target, index) => ({
        id: 900 - index,
        kind: index % 3 === 2 ? ('image_changed' as const) : ('image_added' as const),
        time: target.image.last_scanned,
        environment: target.image.environment,
        image: {
          id: target.image.id,
          name: target.image.name,
          environment: target.image.environment,
          kind: target.image.kind,
        },
        new: target.image.counts,
        resolved: index % 3 === 2 ? 7 : 0,
        summary:
          index % 3 === 2
            ? `${target.image.name} changed`
            : `${target.image.name} was scanned for the first time`,
      }));
    if (scenario !== 'empty' && scenario !== 'first') {
      rows.push({
        id: 500,
        kind: 'database_updated',
        time: at(130),
        new: noCounts(),
        resolved: 0,
        summary: 'The advisory database was brought up to date: 1,204 advisories changed',
      });
    }
    return rows.sort((a, b) => b.time.localeCompare(a.time));
  };

  const overview = (query: URLSearchParams): Overview => {
    const targets = inScope(query);
    const findings = targets.flatMap((target) => target.findings);
    const open = findings.filter((finding) => !finding.suppression);
    const found = vulnerabilities(query);
    const byKind = (kind: string) => targets.filter((target) => target.image.kind === kind).length;
    const gaps: Overview['coverage']['gaps'] = [];
    if (database.state === 'starter')
      gaps.push({
        kind: 'database',
        message: 'Only the built-in starter advisories are here',
        advice: 'Update or import the advisory database.',
      });
    if (database.state === 'stale')
      gaps.push({
        kind: 'database',
        message: 'The advisory database is 9 days old',
        advice: 'Update it, or import a newer bundle.',
      });
    for (const { image } of targets) {
      const ref = {
        id: image.id,
        name: image.name,
        environment: image.environment,
        kind: image.kind,
      };
      if (image.partial)
        gaps.push({
          kind: 'partial',
          message: `${image.warnings} files could not be read`,
          advice: 'Open the image to see which.',
          image: ref,
        });
      if (image.last_error)
        gaps.push({
          kind: 'failed',
          message: `The last scan failed: ${image.last_error}`,
          advice: 'Sign in to the registry with `docker login`, then scan again.',
          image: ref,
        });
    }
    return {
      totals: {
        images: byKind('image'),
        machines: byKind('rootfs'),
        sboms: byKind('sbom'),
        packages: targets.reduce((sum, target) => sum + target.packages.length, 0),
        findings: tally(findings),
        fixable: open.filter((finding) => finding.fix.versions.length > 0).length,
        suppressed: findings.length - open.length,
        kev: open.filter((finding) => finding.kev).length,
        scans_active: scans.filter((scan) => scan.state === 'running' || scan.state === 'queued')
          .length,
        vulnerabilities: found.reduce(
          (counts, row) => ({ ...counts, [row.severity]: counts[row.severity] + 1 }),
          noCounts(),
        ),
      },
      top_fixes: topFixes(findings, 8),
      top_images: imagesOf(query)
        .filter((image) => image.counts.critical + image.counts.high > 0)
        .slice(0, 6),
      top_vulnerabilities: [...found]
        .sort((a, b) => Number(b.kev) - Number(a.kev) || (b.epss ?? 0) - (a.epss ?? 0))
        .slice(0, 6),
      coverage: {
        complete: targets.filter((target) => !target.image.partial && !target.image.last_error)
          .length,
        partial: targets.filter((target) => target.image.partial).length,
        failed: targets.filter((target) => target.image.last_error).length,
        gaps,
      },
      database,
      scans: scans
        .filter(
          (scan) =>
            (scan.state === 'running' || scan.state === 'queued') &&
            (!query.get('environment') || scan.environment === query.get('environment')),
        )
        .slice(0, 20),
      changes: changes(query).slice(0, 10),
    };
  };

  const imageDetail = (target: Target): ImageDetail => ({
    image: target.image,
    target: target.target,
    generation: database.generation,
    warnings: target.warnings,
    top_fixes: topFixes(target.findings, 5),
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

    if (noun === 'session') {
      if (request.method === 'DELETE') {
        isSignedIn = false;
        return new Response(null, { status: 204 });
      }
      if (request.method === 'POST') {
        const { token } = (await request.json()) as { token: string };
        if (token !== 'mock')
          return problem(
            401,
            'link_expired',
            'this sign-in link has been used or has expired',
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

    if (noun === 'environments') return json(environments());
    if (noun === 'overview') return json(overview(query));
    if (noun === 'changes') return page(changes(query), query);
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
    if (noun === 'findings') {
      if (name === 'facets')
        return json(facetsOf(inScope(query).flatMap((target) => target.findings)));
      return page(narrowed(inScope(query), query), query);
    }
    if (noun === 'images' && (!name || name === 'facets')) {
      if (!name) return page(imagesOf(query), query);
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
          ? json(facetsOf(target.findings))
          : page(narrowed([target], query), query);
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
      if (!name) return page(vulnerabilities(query), query);
      if (name === 'facets') {
        const rows = vulnerabilities(query);
        const values = SEVERITIES.map((value) => ({
          value,
          count: rows.filter((row) => row.severity === value).length,
        })).filter((each) => each.count > 0);
        return json({ facets: [{ field: 'severity', values }] });
      }
      const entry = CATALOGUE.find((each) => each.id === name);
      return entry ? json(detailOf(entry, query)) : missing('vulnerability');
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
      const environment = query.get('environment');
      return page(
        scans.filter(
          (each) =>
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
        images: imagesOf(scoped).slice(0, size),
        vulnerabilities: vulnerabilities(scoped).slice(0, size),
        packages: [...uses.values()].sort((a, b) => b.images - a.images).slice(0, size),
      });
    }
    if (noun === 'events')
      return scenario === 'offline' ? problem(500, 'internal', 'no', url.pathname) : events(scans);
    return missing('path');
  };

  return { scenario, handle: route };
}

/** A running scan moves on every so often, and begins again when done. */
function events(scans: Scan[]): Response {
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setInterval> | undefined;
  let sequence = 0;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      send(': hello\n\n');
      timer = setInterval(() => {
        const scan = scans.find((each) => each.state === 'running' && each.progress?.bytes_total);
        if (!scan?.progress?.bytes_total) return send(': still here\n\n');
        const { progress } = scan;
        const total = progress.bytes_total ?? 1;
        progress.bytes_done =
          progress.bytes_done >= total ? 0 : Math.min(total, progress.bytes_done + total / 60);
        progress.layers_done = Math.floor((progress.bytes_done / total) * progress.layers_total);
        progress.files = Math.round((progress.bytes_done / total) * 18_000);
        sequence += 1;
        send(`id: ${sequence}\nevent: scan\ndata: ${JSON.stringify({ type: 'scan', scan })}\n\n`);
      }, 700);
    },
    cancel() {
      clearInterval(timer);
    },
  });
  return new Response(stream, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  });
}
