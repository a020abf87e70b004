// Scans past and present.

import type { Scan } from '../src/api/types';
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
  return [running, queued('registry.example.com/ml/notebook:3.2', 1)];
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
      id: hex('scan failed 1', 26),
      environment: 'local',
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
