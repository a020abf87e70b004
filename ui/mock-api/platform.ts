// The routes of findings, exemptions, recommendations, assets, ATT&CK,
// compliance and saved views.

import type { NewRuleSwitch } from '../src/api/detection';
import type { NewDriftSettings } from '../src/api/sensors';
import type {
  Action,
  Asset,
  ExemptionChange,
  Finding,
  FindingGroup,
  NewExemption,
  NewView,
  Selection,
  View,
} from '../src/api/types';
import { term } from '../src/lib/query';
import { matrixOf } from './attack';
import { eventsOf, mutesOf } from './audit';
import { createDetection } from './detection';
import { chainOf, createEstate, type Estate, isWithin } from './estate';
import { happenings } from './happenings';
import { createHardening, type Hardening } from './hardening';
import { createHosts } from './hosts';
import { createLife, type Life } from './life';
import { facetsOf, flag, narrowed, words, worstFirst } from './lists';
import { checked, fieldsOf, type Matcher, matcherOf } from './matching';
import {
  complianceOf,
  historyOf,
  recommendationOf,
  recommendationsOf,
  scoreOf,
  standardOf,
} from './posture';
import { createRunning } from './running';
import { createSensors } from './sensors';
import { findingsOf, hex, isOpen, tally, type World } from './world';

export interface Tools {
  json: (body: unknown, status?: number) => Response;
  page: <T>(items: T[], query: URLSearchParams) => Response;
  problem: (
    status: number,
    code: string,
    detail: string,
    path: string,
    errors?: { pointer: string; detail: string }[],
  ) => Response;
}

export interface Platform {
  all: () => Finding[];
  matcher: Matcher;
  estate: Estate;
  life: Life;
  /** Something new happened; what it was. */
  happen: () => Finding | undefined;
  route: (request: Request, url: URL, parts: string[]) => Promise<Response | undefined>;
  posture: (environment: string | null) => ReturnType<typeof standing>;
  clusters: Hardening['clusters'];
}

function standing(
  platform: Pick<Platform, 'all' | 'estate'>,
  environment: string | null,
  now: number,
) {
  const mine = platform
    .all()
    .filter((each) => !environment || each.asset.environment === environment);
  const rows = recommendationsOf(mine, platform.estate, environment, now);
  return {
    score: scoreOf(rows, environment),
    rows,
    top_recommendations: rows.filter((row) => row.state === 'open').slice(0, 5),
  };
}

export function createPlatform(
  world: World,
  { json, page, problem }: Tools,
  { isClean, isReader }: { isClean: boolean; isReader: boolean },
): Platform {
  const { now } = world;
  const estate = createEstate(world.targets, now);
  const running = createRunning(world, estate, { json, page, problem });
  const others = isClean ? [] : happenings(estate, world.targets, now);
  const matcher = matcherOf(estate, now);
  const all = () => [...findingsOf(world.targets), ...others];
  const life = createLife(all, matcher, estate, () => now);
  const detection = createDetection(all, now);
  const sensors = createSensors(estate, all, now);
  const hosts = createHosts(
    estate,
    all,
    now,
    { json, page, problem },
    { isEmpty: estate.all.length === 0, isReader },
  );
  const hardening = createHardening(
    estate,
    all,
    now,
    { json, page, problem },
    { isEmpty: estate.all.length === 0, isReader },
  );
  const views: View[] = [
    saved('Critical and untouched', '/alerts', 'q=severity%3Acritical+progress%3Anew', true, 'bo'),
    saved('Mine', '/alerts', 'q=assignee%3Ame', false, 'anna'),
    saved(
      'Fixable, exploited, running',
      '/findings',
      'q=is%3Akev+is%3Afixable+is%3Arunning',
      true,
      'anna',
    ),
  ];
  function saved(name: string, to: string, search: string, shared: boolean, owner: string): View {
    return {
      id: hex(`view ${name} ${owner}`, 10),
      name,
      page: to,
      search,
      shared,
      owner,
      mine: owner === 'anna',
      created: new Date(now - 86_400_000).toISOString(),
    };
  }
  if (others.length > 0) {
    const expires = (days: number) => new Date(now + days * 86_400_000).toISOString();
    life.exempt({
      scope: 'rule:privileged-containers ns:kube-system',
      environment: 'local',
      reason: 'mitigated',
      note: 'The node agent needs the host. It is reviewed with every release.',
      owner: 'chidi',
      expires: expires(61),
    });
    life.exempt({
      scope: 'kind:alert rule:shell-in-container cluster:staging',
      environment: 'local',
      reason: 'benign',
      note: 'People debug in staging.',
      owner: 'bo',
      expires: expires(5),
    });
    life.exempt({
      scope: 'cve:CVE-2011-3374',
      reason: 'accepted_risk',
      note: 'apt-key is not used anywhere; Debian will not fix it.',
      owner: 'anna',
    });
    life.exemptions.push(
      {
        id: hex('exemption old', 12),
        scope: 'rule:read-only-root-filesystem ns:billing',
        environment: 'local',
        reason: 'accepted_risk',
        note: 'Until the report writer moved to object storage.',
        owner: 'dana',
        created: expires(-120),
        created_by: 'dana',
        expires: expires(-30),
        state: 'expired',
        ended: expires(-30),
        findings: 0,
      },
      {
        id: hex('exemption revoked', 12),
        scope: 'image:docker.io/library/postgres:15.3 severity:low',
        reason: 'other',
        note: 'To be replaced this month.',
        owner: 'bo',
        created: expires(-40),
        created_by: 'bo',
        state: 'revoked',
        ended: expires(-11),
        ended_by: 'anna',
        findings: 0,
      },
    );
  }

  const platform: Omit<Platform, 'route' | 'posture' | 'happen' | 'clusters'> = {
    all,
    matcher,
    estate,
    life,
  };
  const posture = (environment: string | null) => standing(platform, environment, now);
  const scoped = (query: URLSearchParams) => {
    const environment = query.get('environment');
    return environment ? all().filter((each) => each.asset.environment === environment) : all();
  };

  /** What the grammar refuses, said as the server says it. */
  const refused = (query: URLSearchParams, path: string): Response | undefined => {
    const [first] = checked(query.get('q') ?? '', fieldsOf([])).errors;
    return first
      ? problem(422, 'invalid_query', 'the query cannot be read', path, [
          {
            pointer: '/q',
            detail: `${first.message}${first.suggestion ? `; did you mean \`${first.suggestion}\`?` : ''}`,
          },
        ])
      : undefined;
  };

  const counted = (asset: Asset): Asset => {
    const below = all().filter(
      (each) =>
        isWithin(estate.byId.get(each.asset.id), asset.asset.id) ||
        (each.asset.kind === 'image' &&
          (estate.running.get(each.asset.id) ?? []).some((place) =>
            isWithin(place, asset.asset.id),
          )),
    );
    return { ...asset, counts: tally(below) };
  };

  const groups = (query: URLSearchParams): FindingGroup[] => {
    const by = query.get('by') ?? 'rule';
    const keyOf = (each: Finding): [q: string, label: string] | undefined => {
      const { asset } = each;
      if (by === 'rule') return [term('rule', each.rule), each.title || each.rule];
      if (by === 'asset') return [term('asset', asset.id), asset.name];
      if (by === 'namespace' && asset.namespace)
        return [
          `${term('cluster', asset.cluster ?? '')} ${term('ns', asset.namespace)}`,
          `${asset.cluster} / ${asset.namespace}`,
        ];
      if (by === 'workload' && asset.workload)
        return [
          `${term('cluster', asset.cluster ?? '')}${asset.namespace ? ` ${term('ns', asset.namespace)}` : ''} ${term('workload', asset.workload)}`,
          [asset.cluster, asset.namespace, asset.workload].filter(Boolean).join(' / '),
        ];
      if (by === 'image' && each.image) return [term('image', each.image.name), each.image.name];
      if (by === 'package' && each.package)
        return [term('package', each.package.name), each.package.name];
      return undefined;
    };
    const found = new Map<string, { label: string; members: Finding[] }>();
    for (const each of narrowed(scoped(query), query, matcher)) {
      const key = keyOf(each);
      if (!key) continue;
      const group = found.get(key[0]) ?? { label: key[1], members: [] };
      group.members.push(each);
      found.set(key[0], group);
    }
    return [...found].map(([q, { label, members }]) => ({
      q,
      label,
      severity: members[0]?.severity ?? 'unknown',
      counts: tally(members),
      last_seen:
        members
          .map((each) => each.last_seen)
          .sort()
          .at(-1) ?? '',
    }));
  };

  const assets = (query: URLSearchParams): Asset[] => {
    const parent = query.get('parent');
    const kinds = words(query.get('kind'));
    const q = query.get('q')?.toLowerCase();
    const environment = query.get('environment');
    return estate.all
      .filter(
        ({ asset }) =>
          (!environment || asset.asset.environment === environment) &&
          (!parent || asset.parent === parent) &&
          (kinds.length === 0 || kinds.includes(asset.asset.kind)) &&
          (flag(query.get('gone')) || !asset.gone) &&
          (!q || asset.asset.name.toLowerCase().includes(q)),
      )
      .map(({ asset }) => counted(asset))
      .sort(
        (a, b) =>
          b.counts.critical - a.counts.critical ||
          b.counts.high - a.counts.high ||
          b.counts.medium - a.counts.medium ||
          a.asset.name.localeCompare(b.asset.name),
      );
  };

  const route: Platform['route'] = async (request, url, [noun = '', name = '', part = '']) => {
    const runs = running.route(url, [noun, name, part]);
    if (runs) return runs;
    const hardened = await hardening.route(request, url, [noun, name, part]);
    if (hardened) return hardened;
    const reached = await hosts.route(request, url, [noun, name, part]);
    if (reached) return reached;
    const query = url.searchParams;
    const path = url.pathname;
    const { method } = request;
    const missing = (what: string) => problem(404, 'not_found', `there is no such ${what}`, path);
    const isChange = method !== 'GET' && !['views', 'session'].includes(noun) && name !== 'preview';
    if (
      isChange &&
      isReader &&
      ['actions', 'exemptions', 'findings', 'drift', 'sensors'].includes(noun)
    )
      return problem(403, 'forbidden', 'your role may look, not decide', path, [
        { pointer: '', detail: 'Ask a security admin of this environment.' },
      ]);
    switch (noun) {
      case 'findings': {
        if (name === 'actions') {
          const { select, action } = (await request.json()) as {
            select: Selection;
            action: Action;
          };
          return json(life.act(select, action));
        }
        if (!name || name === 'facets' || name === 'groups') {
          const no = refused(query, path);
          if (no) return no;
        }
        if (name === 'facets')
          return json(facetsOf(narrowed(scoped(query), query, matcher).filter(isOpen)));
        if (name === 'groups') return page(groups(query), query);
        if (!name) return page(narrowed(scoped(query), query, matcher), query);
        const finding = all().find((each) => each.id === name);
        if (!finding) return missing('finding');
        if (part === 'events') return json(eventsOf(finding));
        if (part === 'mutes')
          return json(
            mutesOf(
              finding,
              (q) => all().filter((each) => isOpen(each) && matcher(q)(each)).length,
            ),
          );
        const detail = { ...life.detail(finding), ...running.added(finding) };
        if (detail.alert) detail.alert.incidents = detection.incidentsOf(finding);
        return json(detail);
      }
      case 'actions': {
        const undone = part === 'undo' ? life.undo(name) : undefined;
        return undone
          ? json(undone)
          : problem(409, 'too_late', 'this can no longer be taken back', path);
      }
      case 'query':
        return name === 'fields'
          ? json({ fields: fieldsOf(all()) })
          : json(checked(query.get('q') ?? '', fieldsOf(all())));
      case 'exemptions': {
        if (method === 'GET' && !name) {
          const states = words(query.get('state'));
          const q = query.get('q')?.toLowerCase();
          return page(
            life.exemptions.filter(
              (each) =>
                (states.length === 0 || states.includes(each.state)) &&
                (!q || `${each.scope} ${each.note} ${each.owner}`.toLowerCase().includes(q)),
            ),
            query,
          );
        }
        if (method === 'POST') {
          const wanted = (await request.json()) as NewExemption;
          const bad = checked(wanted.scope, fieldsOf(all())).errors[0];
          const detail = bad
            ? bad.message
            : wanted.scope.trim() === ''
              ? 'a scope that covers everything is no exemption'
              : wanted.note.trim() === '' && name !== 'preview'
                ? 'a note is needed'
                : undefined;
          if (detail)
            return problem(422, 'invalid_exemption', 'the exemption cannot be made', path, [
              { pointer: '/scope', detail },
            ]);
          return name === 'preview' ? json(life.preview(wanted)) : json(life.exempt(wanted), 201);
        }
        const exemption = life.exemptions.find((each) => each.id === name);
        if (!exemption) return missing('exemption');
        if (method === 'PATCH') {
          const change = (await request.json()) as ExemptionChange;
          Object.assign(
            exemption,
            Object.fromEntries(Object.entries(change).filter(([, value]) => value !== null)),
          );
        }
        if (method === 'DELETE') {
          life.end(name);
          return new Response(null, { status: 204 });
        }
        return json(exemption);
      }
      case 'recommendations': {
        const { rows } = posture(query.get('environment'));
        if (name) {
          const row = rows.find((each) => each.id === name);
          const found = row && recommendationOf(row);
          return found ? json(found) : missing('recommendation');
        }
        const q = query.get('q')?.toLowerCase();
        const severities = words(query.get('severity'));
        const state = query.get('state') ?? 'open';
        return json(
          world.targets.length === 0
            ? []
            : rows.filter(
                (row) =>
                  (state === 'all' || row.state === state) &&
                  (severities.length === 0 || severities.includes(row.severity)) &&
                  (!q || `${row.title} ${row.id}`.toLowerCase().includes(q)),
              ),
        );
      }
      case 'score': {
        const { score } = posture(query.get('environment'));
        const environment = query.get('environment') ?? 'local';
        if (name === 'history')
          return json(historyOf(score, environment, Number(query.get('days') ?? 30), now));
        return json(score);
      }
      case 'assets': {
        if (!name) return page(assets(query), query);
        const place = estate.byId.get(name);
        if (!place) return missing('asset');
        const below: Record<string, number> = {};
        for (const child of place.children)
          below[child.asset.asset.kind] = (below[child.asset.asset.kind] ?? 0) + 1;
        return json({
          asset: counted(place.asset),
          chain: chainOf(place),
          facts: factsOf(place.asset),
          below,
          running_in: [],
        });
      }
      case 'incidents': {
        if (!name) return page(detection.incidents(query), query);
        if (name === 'counts') return json(detection.counts(query));
        const incident =
          method === 'PATCH'
            ? detection.change(name, (await request.json()) as object)
            : detection.incident(name);
        return incident ? json(incident) : missing('incident');
      }
      case 'rules': {
        if (!name) return page(detection.rules(query), query);
        const rule =
          method === 'PUT'
            ? detection.switch(name, (await request.json()) as NewRuleSwitch)
            : detection.rule(name, query);
        return rule ? json(rule) : missing('rule');
      }
      case 'sensors': {
        if (!name) return json(sensors.all(query.get('environment')));
        const sensor = sensors.one(name);
        if (sensor && method === 'DELETE' && sensors.forget(name))
          return new Response(null, { status: 204 });
        return sensor ? json(sensor) : missing('sensor');
      }
      case 'drift': {
        if (method !== 'PUT') return json(sensors.drift());
        const kept = sensors.saveDrift((await request.json()) as NewDriftSettings);
        return kept
          ? json(kept)
          : problem(409, 'conflict', 'somebody changed the policy meanwhile', path);
      }
      case 'attack':
        return json(matrixOf(scoped(query)));
      case 'compliance': {
        const { rows } = posture(query.get('environment'));
        if (!name) return json(world.targets.length === 0 ? { standards: [] } : complianceOf(rows));
        const standard = complianceOf(rows).standards.find((each) => each.id === name);
        if (!standard) return missing('standard');
        if (part === 'evidence') {
          const control = standard.controls.find((each) => each.id === query.get('control'));
          return page(
            scoped(query)
              .filter((each) => isOpen(each) && control?.recommendations.includes(each.rule))
              .sort(worstFirst),
            query,
          );
        }
        if (part === 'attestations') {
          if (isReader) return problem(403, 'forbidden', 'your role may look, not decide', path);
          return method === 'POST'
            ? json(await request.json(), 201)
            : new Response(null, { status: 204 });
        }
        return json(standardOf(standard, rows));
      }
      case 'views': {
        if (method === 'POST') {
          const wanted = (await request.json()) as NewView;
          const view = saved(
            wanted.name,
            wanted.page,
            wanted.search,
            wanted.shared ?? false,
            'anna',
          );
          const old = views.findIndex((each) => each.id === view.id);
          if (old >= 0) views.splice(old, 1);
          views.push(view);
          return json(view, 201);
        }
        if (method === 'DELETE') {
          const at = views.findIndex((each) => each.id === name);
          if (at < 0) return missing('view');
          views.splice(at, 1);
          return new Response(null, { status: 204 });
        }
        return json(views);
      }
      default:
        return undefined;
    }
  };

  let came = 0;
  const happen = () => {
    const model = others.filter((each) => each.kind === 'alert').sort(worstFirst)[came % 40];
    if (!model) return undefined;
    came += 1;
    const time = new Date(now + came * 1000).toISOString();
    const fresh: Finding = {
      ...model,
      id: String(9_000_000_000 + came),
      state: 'open',
      first_seen: time,
      last_seen: time,
      progress: 'new',
      occurrences: 1,
      comments: 0,
    };
    delete fresh.assignee;
    delete fresh.decision;
    others.push(fresh);
    return fresh;
  };
  return { ...platform, route, posture, happen, clusters: hardening.clusters };
}

function factsOf({ asset, image, labels }: Asset): { name: string; value: string }[] {
  const facts: { name: string; value: string }[] = [];
  const add = (name: string, value: string | null | undefined) => {
    if (value) facts.push({ name, value });
  };
  if (asset.kind === 'cluster') {
    add('Kubernetes', 'v1.34.2');
    add('Connector', 'connected, 0.4 s behind');
    add('Nodes', '3');
  }
  if (asset.kind === 'host') {
    add('System', 'Debian GNU/Linux 12 (bookworm)');
    add('Kernel', '6.1.0-40-amd64');
    add('Container engine', 'Docker Engine 27.5.1');
  }
  if (asset.kind === 'workload') add('Controller', 'Deployment');
  if (asset.kind === 'container') {
    add('Image', image?.name);
    add('User', 'root');
    add('Started', '3 days ago');
  }
  if (labels.team) add('Team', labels.team);
  return facts;
}
