// What runs in the make-believe world: images and their containers, which
// packages are used, how pressing each finding is, and what to do first.

import type {
  AffectedWorkload,
  BaseImages,
  BaseList,
  InUse,
  Priority,
  RunningExposure,
  RunningImage,
  RunningImageDetail,
  RunningWorkload,
  WorkList,
} from '../src/api/running';
import type { Finding, FindingDetail, Package } from '../src/api/types';
import { type Estate, type Place, refOf } from './estate';
import { flag, isFixable } from './lists';
import type { Tools } from './platform';
import { baseOf, workOf } from './work';
import { hex, isOpen, noCounts, type Target, tally, type World } from './world';

const DAY = 86_400_000;
const number = (text: string) => Number.parseInt(hex(text, 6), 16);

const SEVERITY = { critical: 1, high: 0.75, medium: 0.45, unknown: 0.3, low: 0.2, info: 0.08 };
const REACH: Record<RunningExposure['reach'], [weight: number, value: string, why: string]> = {
  outside: [1, 'reached from outside the cluster', 'anybody can try'],
  node: [
    0.85,
    'reached by whoever reaches the machine',
    'a firewall or a load balancer may lead here',
  ],
  not_known: [0.75, 'the ways to it are not known', 'nobody has told which services lead to it'],
  inside: [0.65, 'reached from inside only', 'an attacker must be in already'],
  not_running: [0.6, 'nothing runs this image', 'there is nothing to reach'],
};

/** Why images that run were never scanned. */
const UNSCANNED = [
  'no connected registry holds it: connect the one it is in, or scan it by its name',
  'its scan waits in the queue',
  'its last scan failed: the registry refused the pull, 401 Unauthorized',
];

export interface Running {
  priorityOf: (finding: Finding) => Priority | undefined;
  usageOf: (target: Target, found: Package) => InUse;
  /** What a finding's page says of both. */
  added: (finding: Finding) => Pick<FindingDetail, 'priority' | 'in_use'>;
  route: (url: URL, parts: string[]) => Response | undefined;
}

export function createRunning(
  world: World,
  estate: Estate,
  { json, page, problem }: Tools,
): Running {
  const { now } = world;
  const at = (ago: number) => new Date(now - ago).toISOString();
  const byId = new Map(world.targets.map((target) => [target.image.id, target]));
  const runs = (id: string) => estate.running.get(id) ?? [];

  const workloadOf = (place: Place): Place => {
    for (let up: Place | undefined = place.parent; up; up = up.parent)
      if (up.asset.asset.kind === 'workload') return up;
    return place.parent ?? place;
  };
  const exposureOf = (places: readonly Place[]): RunningExposure => {
    if (places.length === 0) return { reach: 'not_running' };
    const front = places.find((place) => ['web', 'storefront'].includes(place.asset.asset.name));
    if (front) return { reach: 'outside', by: `ingress ${front.asset.asset.namespace}/front` };
    const open = places.find((place) => place.parent?.asset.asset.kind === 'host');
    if (open) return { reach: 'node', by: 'port 0.0.0.0:8080' };
    return { reach: 'inside' };
  };
  const isWatched = (id: string) => runs(id).length > 0 && number(`watched ${id}`) % 4 !== 0;

  const usageOf: Running['usageOf'] = ({ image }, found) => {
    if (runs(image.id).length === 0)
      return { state: 'not_known', why: 'no container runs this image' };
    if (!isWatched(image.id))
      return { state: 'not_known', why: 'not every container of the image is watched' };
    const turn = number(`${image.id} ${found.purl} ${found.path}`) % 5;
    if (turn < 2 || found.kind === 'golang' || found.kind === 'maven')
      return {
        state: 'seen',
        last_seen: at((1 + turn) * 3_600_000),
        path:
          found.kind === 'deb' || found.kind === 'apk' || found.kind === 'rpm'
            ? `usr/lib/x86_64-linux-gnu/${found.name}.so`
            : (found.path.split('!')[0] ?? found.path),
      };
    if (['npm', 'pypi', 'gem'].includes(found.kind))
      return { state: 'not_known', why: 'its files are read and closed again, which is not seen' };
    return turn === 4 && found.name.startsWith('base')
      ? { state: 'not_known', why: 'it has no program or library that could be seen' }
      : { state: 'not_seen', days: 12 };
  };

  const priorityOf: Running['priorityOf'] = (finding) => {
    const target = byId.get(finding.image?.id ?? '');
    const found = target?.packages.find(
      (each) => each.purl === finding.package?.purl && each.path === finding.package?.path,
    );
    if (finding.kind !== 'vulnerability' || !target || !found) return undefined;
    const places = runs(target.image.id);
    const use = usageOf(target, found);
    const used: [number, string, string] =
      places.length === 0
        ? [0.5, 'nothing runs this image', 'it cannot be attacked before somebody starts it']
        : use.state === 'seen'
          ? [1, 'its files were executed or loaded', 'what runs can be attacked now']
          : use.state === 'not_seen'
            ? [0.35, 'watched, and not used', 'code that is never loaded is hard to reach']
            : [
                0.8,
                'runs; whether it is used is not known',
                'it may well be used: nobody watches, or it cannot be seen',
              ];
    const reach = REACH[exposureOf(places).reach];
    const epss = finding.epss;
    const likely = finding.kev ? 1 : 0.3 + 0.6 * Math.sqrt(epss ?? 0.01);
    const isMendable = isFixable(finding);
    const factor = (name: string, value: string, weight: number, why: string) => ({
      name,
      value,
      weight,
      why,
    });
    const factors = [
      factor(
        'severity',
        finding.severity,
        SEVERITY[finding.severity],
        'how bad it would be if it were used',
      ),
      finding.kev
        ? factor('likelihood', 'known to be exploited', 1, 'somebody already breaks in by it')
        : typeof epss === 'number'
          ? factor(
              'likelihood',
              `EPSS ${(epss * 100).toFixed(1)} %`,
              likely,
              'how likely somebody tries within thirty days',
            )
          : factor(
              'likelihood',
              'no forecast',
              likely,
              'taken for one in a hundred, as nobody has forecast it',
            ),
      factor('in_use', used[1], used[0], used[2]),
      factor('exposure', reach[1], reach[0], reach[2]),
      isMendable
        ? factor('fix', 'a fixed version is there', 1, 'an hour spent here ends it')
        : factor('fix', 'no fixed version', 0.7, 'an hour spent here can only lessen it'),
    ];
    const score = Math.round(1000 * factors.reduce((product, each) => product * each.weight, 1));
    return { score, factors };
  };

  for (const target of world.targets) {
    for (const found of target.packages)
      if (target.image.kind === 'image') found.in_use = usageOf(target, found);
    for (const finding of target.findings) {
      const priority = priorityOf(finding);
      if (priority) finding.priority = priority.score;
    }
  }

  const placed = (places: readonly Place[]): RunningWorkload[] => {
    const found = new Map<Place, number>();
    for (const place of places) {
      const workload = workloadOf(place);
      found.set(workload, (found.get(workload) ?? 0) + 1);
    }
    return [...found]
      .map(([{ asset }, containers]): RunningWorkload => {
        const { id, kind, name, environment, cluster, namespace } = asset.asset;
        const team = asset.labels.team;
        return {
          id,
          kind,
          name,
          environment,
          ...(cluster ? { cluster } : {}),
          ...(namespace ? { namespace } : {}),
          ...(team && team !== 'kube-system' ? { owner: { name: team, label: 'team' } } : {}),
          containers,
          since: at((3 + (number(id) % 400)) * 3_600_000),
        };
      })
      .sort((a, b) => b.containers - a.containers || a.name.localeCompare(b.name));
  };

  const rowOf = (target: Target, places: readonly Place[]): RunningImage => {
    const { image, findings, packages } = target;
    const open = findings.filter(isOpen);
    const uses = packages.map((each) => usageOf(target, each).state);
    const many = (state: InUse['state']) => uses.filter((each) => each === state).length;
    const workloads = placed(places);
    return {
      id: image.id,
      environment: image.environment,
      name: image.name,
      image: refOf(target),
      ...(image.digest ? { digest: image.digest } : {}),
      scanned: true,
      last_scanned: image.last_scanned,
      containers: places.length,
      workloads: workloads.slice(0, 10),
      workload_count: workloads.length,
      counts: tally(findings),
      fixable: open.filter(isFixable).length,
      kev: open.filter((each) => each.kev).length,
      priority: Math.max(0, ...open.map((each) => each.priority ?? 0)),
      exposure: exposureOf(places),
      packages: {
        total: packages.length,
        seen: many('seen'),
        not_seen: many('not_seen'),
        not_known: many('not_known'),
        ...(isWatched(image.id)
          ? { watched_since: at(12 * DAY) }
          : { why: 'not every container of the image is watched' }),
      },
    };
  };

  /** Containers of an image nobody scanned, by the name their engines know. */
  const strangers = (): Map<string, Place[]> => {
    const found = new Map<string, Place[]>();
    for (const place of estate.all) {
      const { asset, image, gone } = place.asset;
      if (asset.kind !== 'container' || image || gone) continue;
      const name = `mirror.example.com/${asset.namespace ?? 'host'}/${asset.name}:2.1`;
      found.set(name, [...(found.get(name) ?? []), place]);
    }
    return found;
  };
  const strangerOf = (name: string, places: readonly Place[]): RunningImage => {
    const workloads = placed(places);
    return {
      id: name,
      environment: places[0]?.asset.asset.environment ?? 'local',
      name,
      scanned: false,
      not_scanned: UNSCANNED[number(name) % UNSCANNED.length] ?? '',
      containers: places.length,
      workloads: workloads.slice(0, 10),
      workload_count: workloads.length,
      counts: noCounts(),
      fixable: 0,
      kev: 0,
      priority: 0,
      exposure: exposureOf(places),
      packages: {
        total: 0,
        seen: 0,
        not_seen: 0,
        not_known: 0,
        why: 'the image was never scanned',
      },
    };
  };

  const every = (): [RunningImage, readonly Place[]][] => [
    ...world.targets.flatMap((target): [RunningImage, readonly Place[]][] => {
      const places = runs(target.image.id);
      return places.length > 0 ? [[rowOf(target, places), places]] : [];
    }),
    ...[...strangers()].map(([name, places]): [RunningImage, readonly Place[]] => [
      strangerOf(name, places),
      places,
    ]),
  ];

  const list = (query: URLSearchParams): RunningImage[] => {
    const [environment, cluster, namespace] = ['environment', 'cluster', 'namespace'].map((key) =>
      query.get(key),
    );
    const text = query.get('image')?.toLowerCase();
    const vulnerability = query.get('vulnerability');
    const scanned = flag(query.get('scanned'));
    const fixable = flag(query.get('fixable'));
    return every()
      .filter(
        ([row, places]) =>
          (!environment || row.environment === environment) &&
          places.some(
            ({ asset: { asset } }) =>
              (!cluster || asset.cluster === cluster) &&
              (!namespace || asset.namespace === namespace),
          ) &&
          (!text || `${row.name} ${row.digest ?? ''}`.toLowerCase().includes(text)) &&
          (scanned === undefined || row.scanned === scanned) &&
          (fixable === undefined || row.fixable > 0 === fixable) &&
          (!vulnerability ||
            byId.get(row.id)?.findings.some((each) => isOpen(each) && each.rule === vulnerability)),
      )
      .map(([row]) => row)
      .sort((a, b) => b.priority - a.priority || a.name.localeCompare(b.name));
  };

  const one = (id: string): RunningImageDetail | undefined => {
    const found = every().find(([row]) => row.id === id || row.digest === id || row.name === id);
    if (!found) return undefined;
    const [row, places] = found;
    return {
      ...row,
      all_workloads: placed(places),
      all_containers: places.map((place) => {
        const { id: own, name, cluster, namespace, workload } = place.asset.asset;
        const on = place.parent?.asset.asset;
        return {
          id: own,
          name,
          image: row.name,
          ...(cluster ? { cluster } : {}),
          ...(namespace ? { namespace } : {}),
          ...(workload ? { workload } : {}),
          on: on?.name ?? '',
          ...(on?.kind === 'pod' ? { node: `${cluster}-node-${1 + (number(own) % 3)}` } : {}),
          started: at((3 + (number(own) % 400)) * 3_600_000),
          watched: isWatched(row.id),
        };
      }),
    };
  };

  const affected = (id: string, environment: string | null) => {
    const rows = world.targets.flatMap((target): AffectedWorkload[] => {
      if (environment && target.image.environment !== environment) return [];
      const mine = target.findings.filter((each) => isOpen(each) && each.rule === id);
      if (mine.length === 0) return [];
      const places = runs(target.image.id);
      return placed(places).map((workload) => ({
        workload,
        image: refOf(target),
        exposure: exposureOf(places),
        packages: mine.flatMap(({ id: finding, package: its, severity, fix, priority }) => {
          const found = target.packages.find(
            (each) => each.purl === its?.purl && each.path === its?.path,
          );
          if (!found) return [];
          const version = fix?.versions[0];
          return [
            {
              finding,
              kind: found.kind,
              name: found.name,
              version: found.version,
              severity,
              ...(version ? { fixed_version: version } : {}),
              in_use: usageOf(target, found),
              priority: priority ?? 0,
            },
          ];
        }),
        priority: Math.max(...mine.map((each) => each.priority ?? 0)),
      }));
    });
    return {
      vulnerability: id,
      images: new Set(rows.map((row) => row.image.id)).size,
      containers: rows.reduce((sum, row) => sum + row.workload.containers, 0),
      workloads: rows.sort((a, b) => b.priority - a.priority),
      total: rows.length,
    };
  };

  const work = (query: URLSearchParams): WorkList => {
    const isRunning = flag(query.get('running')) ?? true;
    const environment = query.get('environment');
    const from = Number(query.get('priority') ?? 0);
    const targets = world.targets.filter(
      ({ image }) =>
        image.kind === 'image' &&
        (!environment || image.environment === environment) &&
        (!isRunning || runs(image.id).length > 0),
    );
    return workOf(
      targets,
      world.targets,
      (id) => runs(id).length,
      from,
      Number(query.get('limit') ?? 50),
    );
  };

  const bases = (environment: string | null): BaseList => {
    const found = new Map<string, BaseImages>();
    for (const target of world.targets) {
      const { image } = target;
      if (image.kind !== 'image' || (environment && image.environment !== environment)) continue;
      const base = baseOf(target, world.targets);
      if (target.layers.length < 2 || base.image?.id === image.id) continue;
      const key = `${base.name}@${base.digest}`;
      const of = found.get(key) ?? { base, images: [], image_count: 0 };
      of.images.push({ image: refOf(target), running: runs(image.id).length });
      of.image_count += 1;
      found.set(key, of);
    }
    for (const of of found.values()) of.images.sort((a, b) => b.running - a.running);
    return {
      bases: [...found.values()].sort((a, b) => b.image_count - a.image_count),
      truncated: false,
    };
  };

  return {
    priorityOf,
    usageOf,
    added(finding) {
      const priority = priorityOf(finding);
      const target = byId.get(finding.image?.id ?? '');
      const found = target?.packages.find((each) => each.purl === finding.package?.purl);
      return {
        ...(priority ? { priority } : {}),
        ...(priority && target && found ? { in_use: usageOf(target, found) } : {}),
      };
    },
    route(url, [noun, name = '', part = '']) {
      const query = url.searchParams;
      if (noun === 'running') {
        if (!name) return page(list(query), query);
        const detail = one(name);
        return detail
          ? json(detail)
          : problem(404, 'not_found', 'there is no such running image', url.pathname);
      }
      if (noun === 'bases') return json(bases(query.get('environment')));
      if (noun === 'work-list') return json(work(query));
      if (noun === 'vulnerabilities' && part === 'workloads')
        return json(affected(name, query.get('environment')));
      return undefined;
    },
  };
}
