// The advisory database in each of its states.

import type { Database } from '../src/api/types';

export function databaseOf(scenario: string, now: number): Database {
  const ago = (hours: number) => new Date(now - hours * 3_600_000).toISOString();
  const sources: [string, number, number][] = [
    ['Alpine', 4_812, 9],
    ['Debian', 42_117, 3],
    ['Go', 3_922, 11],
    ['Maven', 5_601, 14],
    ['NuGet', 1_207, 40],
    ['Packagist', 4_419, 22],
    ['PyPI', 17_208, 5],
    ['Red Hat', 21_990, 7],
    ['RubyGems', 1_733, 61],
    ['crates.io', 1_804, 30],
    ['npm', 19_443, 2],
  ];
  const ready: Database = {
    state: 'ready',
    generation: '7d1f0a92c4be5830',
    compiled: ago(2.2),
    advisories: sources.reduce((sum, [, advisories]) => sum + advisories, 0),
    sources: sources.map(([ecosystem, advisories, hours]) => ({
      ecosystem,
      advisories,
      newest: ago(hours),
    })),
    epss: ago(10).slice(0, 10),
    kev: ago(30).slice(0, 10),
    updated: ago(2.2),
    next_update: ago(-3.8),
    update_from: 'https://osv-vulnerabilities.storage.googleapis.com',
  };
  const starter: Database = {
    ...ready,
    state: 'starter',
    generation: '00000000000000a1',
    compiled: ago(24 * 20),
    advisories: 152,
    sources: [
      { ecosystem: 'Debian', advisories: 58, newest: ago(24 * 40) },
      { ecosystem: 'Go', advisories: 14, newest: ago(24 * 40) },
      { ecosystem: 'Maven', advisories: 31, newest: ago(24 * 60) },
      { ecosystem: 'PyPI', advisories: 21, newest: ago(24 * 52) },
      { ecosystem: 'npm', advisories: 28, newest: ago(24 * 45) },
    ],
    epss: null,
    updated: null,
    next_update: ago(-0.5),
    problem: {
      at: ago(0.1),
      message: 'osv-vulnerabilities.storage.googleapis.com does not answer',
      advice: 'Let this machine reach it, name a mirror, or import a bundle made elsewhere.',
    },
  };
  if (scenario === 'starter' || scenario === 'empty') return starter;
  if (scenario === 'first' || scenario === 'updating') {
    return {
      ...starter,
      problem: null,
      activity: {
        kind: 'update',
        step: 'Debian',
        started: ago(0.01),
        done: 18_400_000,
        total: 51_200_000,
        unit: 'bytes',
      },
    };
  }
  if (scenario === 'stale') {
    return {
      ...ready,
      state: 'stale',
      compiled: ago(24 * 9),
      updated: ago(24 * 9),
      problem: { ...starter.problem, at: ago(1) } as Database['problem'],
    };
  }
  return ready;
}
