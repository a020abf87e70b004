// Scans past and present.

import type { ScanQueue } from '../src/api/scanning';
import type { Scan } from '../src/api/types';
import { registryOf } from './registries';
import { hex, tally, type World } from './world';

const at = (now: number, minutes: number) => new Date(now - minutes * 60_000).toISOString();

export function liveScans(scenario: string, now: number): Scan[] {
  if (scenario === 'empty' || scenario === 'clean') return [];
  const running: Scan = {
    id: hex('scan running', 26),
    environment: 'local',
    target: 'docker:registry.example.com/ml/trainer:3.2',
    name: 'registry.example.com/ml/trainer:3.2',
    platform: 'linux/amd64',
    trigger: 'start',
    state: 'running',
    created: at(now, 2),
    started: at(now, 0.4),
    progress: {
      phase: 'reading',
      bytes_done: 161_300_000,
      bytes_total: 412_900_000,
      layers_done: 4,
      layers_total: 11,
      layers_cached: 2,
      files: 12_904,
    },
  };
  const queued = (name: string, minutes: number): Scan => ({
    id: hex(`scan queued ${name}`, 26),
    environment: 'local',
    target: `docker:${name}`,
    name,
    trigger: 'start',
    state: 'queued',
    created: at(now, minutes),
  });
  const matching: Scan = {
    id: hex('scan matching', 26),
    environment: 'local',
    target: 'dir:/',
    name: 'build-host-01',
    trigger: 'start',
    state: 'running',
    created: at(now, 2),
    started: at(now, 1.5),
    progress: {
      phase: 'matching',
      bytes_done: 0,
      layers_done: 0,
      layers_total: 0,
      layers_cached: 0,
      files: 208_114,
    },
  };
  if (scenario === 'first')
    return [
      matching,
      running,
      queued('docker.io/library/redis:7.2', 2),
      queued('docker.io/library/nginx:1.25', 2),
    ];
  const ours = 'registry.example.com/';
  const registry = { id: registryOf(ours), name: 'Ours' };
  const hub = { id: registryOf('docker.io/'), name: 'Docker Hub' };
  return [
    running,
    { ...queued('registry.example.com/ml/notebook:3.2', 1), trigger: 'push', registry },
    {
      ...queued('registry.example.com/shop/cart:1.4.0', 9),
      trigger: 'running',
      registry,
      attempts: 2,
      next_try: at(now, -4),
      error: { message: 'the registry answered 503', advice: 'It is tried again by itself.' },
    },
    { ...queued('docker.io/library/redis:7.2', 14), trigger: 'recent_pull', registry: hub },
    { ...queued('docker.io/library/nginx:1.27', 15), trigger: 'schedule', registry: hub },
  ];
}

export function pastScans(world: World): Scan[] {
  const { now } = world;
  const done = world.targets.flatMap((target): Scan[] => {
    const { image } = target;
    const rounds = target.recipe.minutesAgo < 10 ? 3 : 1;
    return Array.from({ length: rounds }, (_, round) => {
      const minutes = target.recipe.minutesAgo + round * 1440;
      return {
        id: hex(`scan ${image.id} ${round}`, 26),
        environment: image.environment,
        target: target.target,
        name: image.name,
        platform: image.platform ?? null,
        trigger: image.environment === 'demo' ? 'demo' : round === 0 ? 'start' : 'schedule',
        state: 'done',
        created: at(now, minutes + 0.4),
        started: at(now, minutes + 0.2),
        finished: at(now, minutes),
        image: { id: image.id, name: image.name, environment: image.environment, kind: image.kind },
        outcome: {
          packages: image.packages,
          counts: tally(target.findings),
          new: round === 0 && rounds > 1 ? 3 : round === rounds - 1 ? target.findings.length : 0,
          resolved: round === 0 && rounds > 1 ? 1 : 0,
          warnings: image.warnings,
        },
      };
    });
  });
  const failed: Scan[] = [
    {
      id: hex('scan failed 2', 26),
      environment: 'local',
      target: 'registry:registry.example.com/tools/old-importer:1.4.0',
      name: 'registry.example.com/tools/old-importer:1.4.0',
      trigger: 'schedule',
      state: 'failed',
      created: at(now, 190),
      started: at(now, 12),
      finished: at(now, 11.5),
      registry: { id: registryOf('registry.example.com/'), name: 'Ours' },
      attempts: 6,
      given_up: true,
      error: {
        message: 'layer 3 is not what its digest says',
        advice: 'Push the image again; what the registry holds is damaged.',
      },
    },
    {
      id: hex('scan failed 1', 26),
      environment: 'local',
      registry: { id: registryOf('registry.example.com/'), name: 'Ours' },
      attempts: 5,
      given_up: true,
      target: 'registry.example.com/shop/mailer:1.0.7',
      name: 'registry.example.com/shop/mailer:1.0.7',
      trigger: 'schedule',
      state: 'failed',
      created: at(now, 31),
      started: at(now, 30.9),
      finished: at(now, 30.8),
      error: {
        message: 'the registry refused the pull: 401 Unauthorized',
        advice:
          'Sign in with `docker login registry.example.com` as the user the server runs as, then scan again.',
      },
    },
    {
      id: hex('scan cancelled 1', 26),
      environment: 'local',
      target: 'docker.io/library/golang:1.21',
      name: 'docker.io/library/golang:1.21',
      trigger: 'user',
      state: 'cancelled',
      created: at(now, 65),
      started: at(now, 64.9),
      finished: at(now, 64.1),
    },
  ];
  return [...done, ...failed].sort((a, b) => b.created.localeCompare(a.created));
}

/** The queue as a whole: how many wait, and why. */
export function queueOf(
  scans: Scan[],
  environment: string | null,
  held: { registry: { id: string; name: string }; until: string }[],
): ScanQueue {
  const mine = scans.filter((each) => !environment || each.environment === environment);
  const open = mine.filter((each) => each.state === 'queued' || each.state === 'running');
  const lines = new Map<string, ScanQueue['lines'][number]>();
  for (const scan of open) {
    const key = `${scan.trigger} ${scan.registry?.id}`;
    const line = lines.get(key) ?? {
      trigger: scan.trigger,
      ...(scan.registry ? { registry: scan.registry } : {}),
      queued: 0,
      running: 0,
      retrying: 0,
    };
    if (scan.state === 'running') line.running += 1;
    else line.queued += 1;
    if (scan.next_try) line.retrying += 1;
    lines.set(key, line);
  }
  const waiting = open.filter((each) => each.state === 'queued').map((each) => each.created);
  return {
    queued: waiting.length,
    running: open.length - waiting.length,
    given_up: mine.filter((each) => each.given_up).length,
    ...(waiting.length > 0 ? { oldest: waiting.sort()[0] } : {}),
    lines: [...lines.values()],
    held,
  };
}
