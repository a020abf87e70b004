// Recommendations, the score they make, and the controls they serve.

import type { StandardDetail } from '../src/api/compliance';
import type {
  Compliance,
  Finding,
  Recommendation,
  RecommendationDetail,
  Score,
  ScoreHistory,
  Standard,
} from '../src/api/types';
import type { Estate } from './estate';
import { RECOMMENDATIONS, type Rule } from './rules';
import { isOpen, RANK } from './world';

function assessed(rule: Rule, estate: Estate, environment: string | null): number {
  const kind =
    rule.id === 'anonymous-api-access'
      ? 'cluster'
      : rule.id === 'network-policies'
        ? 'namespace'
        : rule.id === 'docker-socket-mounted'
          ? 'container'
          : 'workload';
  const places = estate.all.filter(
    (place) =>
      (!environment || place.asset.asset.environment === environment) &&
      !place.asset.gone &&
      place.asset.asset.kind === kind &&
      (kind !== 'container' || place.parent?.asset.asset.kind === 'host'),
  );
  if (rule.id === 'running-images-fixable-critical')
    return new Set(
      estate.all.flatMap((place) =>
        place.asset.image && (!environment || place.asset.asset.environment === environment)
          ? [place.asset.image.id]
          : [],
      ),
    ).size;
  return places.length;
}

export function recommendationsOf(
  findings: Finding[],
  estate: Estate,
  environment: string | null,
  now: number,
): Recommendation[] {
  return RECOMMENDATIONS.map((rule): Recommendation => {
    const mine = findings.filter((finding) => finding.rule === rule.id);
    const affected = new Set(mine.filter(isOpen).map((finding) => finding.asset.id)).size;
    const exempted = mine.filter(
      (finding) => finding.state === 'exempted' || finding.state === 'dismissed',
    ).length;
    const all = Math.max(assessed(rule, estate, environment), affected + exempted);
    const weight = rule.weight ?? 5;
    return {
      id: rule.id,
      title: rule.title,
      severity: rule.severity,
      effort: rule.effort ?? 'moderate',
      state: all === 0 ? 'not_applicable' : affected > 0 ? 'open' : 'healthy',
      affected,
      exempted,
      assessed: all,
      gain: all === 0 ? 0 : Math.round(((weight * affected) / all) * 10) / 10,
      weight,
      controls: rule.controls ?? [],
      techniques: rule.techniques,
      ...(mine[0] ? { first_seen: mine[0].first_seen } : {}),
      last_checked: new Date(now - 240_000).toISOString(),
    };
  }).sort((a, b) => b.gain - a.gain || (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9));
}

export function recommendationOf(row: Recommendation): RecommendationDetail | undefined {
  const rule = RECOMMENDATIONS.find((each) => each.id === row.id);
  if (!rule) return undefined;
  return {
    recommendation: row,
    description: `${rule.description}.`,
    why: rule.why,
    remediation: rule.steps,
    checked_by: rule.checkedBy ?? '',
    references: ['https://kubernetes.io/docs/concepts/security/pod-security-standards/'],
  };
}

export function scoreOf(rows: Recommendation[], environment: string | null): Score {
  const counted = rows.filter((row) => row.state !== 'not_applicable');
  const possible = counted.reduce((sum, row) => sum + row.weight, 0);
  const missing = counted.reduce((sum, row) => sum + row.gain, 0);
  const exempted = counted.reduce(
    (sum, row) => sum + (row.assessed > 0 ? (row.weight * row.exempted) / row.assessed : 0),
    0,
  );
  const earned = Math.round((possible - missing) * 10) / 10;
  const percent = possible > 0 ? (earned / possible) * 100 : undefined;
  const parts = { ...(percent === undefined ? {} : { percent }), earned, possible };
  return {
    ...parts,
    exempted: Math.round(exempted * 10) / 10,
    ...(percent === undefined ? {} : { moved: -1.4 }),
    environments: [{ environment: environment ?? 'local', ...parts }],
    clusters: [],
  };
}

export function historyOf(
  score: Score,
  environment: string,
  days: number,
  now: number,
): ScoreHistory {
  const today = score.percent;
  if (today === undefined || today === null) return { points: [], ledger: [] };
  const points = Array.from({ length: days }, (_, index) => {
    const back = days - 1 - index;
    const wave = Math.sin(back / 3.1) * 2.2 + Math.sin(back / 7) * 3;
    return {
      time: new Date(now - back * 86_400_000).toISOString(),
      percent:
        back === 0
          ? today
          : Math.max(0, Math.min(100, today - back * 0.22 + wave + (back === 1 ? 1.4 : 0))),
    };
  });
  const moves: [string, number, string, number][] = [
    ['running-images-fixable-critical', -1.9, '3 images newly affected by CVE-2024-3094', 3],
    ['privileged-containers', 0.5, '1 workload mended', 9],
    ['run-as-non-root', 1.2, '4 workloads mended in shop', 27],
    ['network-policies', -0.8, 'the namespace search appeared without a policy', 52],
    ['resource-limits', 0.7, '6 workloads mended in billing', 75],
    ['trusted-registries', -0.6, '2 workloads run an image from docker.io', 120],
  ];
  return {
    points,
    ledger: moves.map(([rule, change, text, hours]) => ({
      time: new Date(now - hours * 3_600_000).toISOString(),
      environment,
      rule,
      title: RECOMMENDATIONS.find((each) => each.id === rule)?.title ?? rule,
      change,
      text,
    })),
  };
}

const STANDARDS: Record<string, string> = {
  'CIS-K8S': 'CIS Kubernetes Benchmark',
  'NSA-K8S': 'NSA and CISA Kubernetes hardening guidance',
  'PCI-DSS': 'PCI DSS 4.0',
  SOC2: 'SOC 2',
  'CIS-DOCKER': 'CIS Docker Benchmark',
};

/** A standard with what answers its controls. */
export function standardOf(standard: Standard, rows: Recommendation[]): StandardDetail {
  const named = new Set(standard.controls.flatMap((each) => each.recommendations));
  return {
    standard,
    checks: rows
      .filter((row) => named.has(row.id))
      .map((row) => ({
        id: row.id,
        title: row.title,
        severity: row.severity,
        state: row.state === 'open' ? 'failed' : row.state === 'healthy' ? 'passed' : row.state,
        healthy: row.assessed - row.affected - row.exempted,
        affected: row.affected,
        exempted: row.exempted,
      })),
  };
}

export function complianceOf(rows: Recommendation[]): Compliance {
  return {
    standards: Object.entries(STANDARDS).flatMap(([id, name]) => {
      const controls = new Map<string, Recommendation[]>();
      for (const row of rows)
        for (const text of row.controls)
          if (text.startsWith(`${id} `))
            controls.set(text.slice(id.length + 1), [
              ...(controls.get(text.slice(id.length + 1)) ?? []),
              row,
            ]);
      if (controls.size === 0) return [];
      const list = [...controls]
        .sort((a, b) => a[0].localeCompare(b[0], undefined, { numeric: true }))
        .map(([control, served]) => ({
          id: control,
          title: served.map((row) => row.title).join('; '),
          state: served.every((row) => row.state === 'not_applicable')
            ? ('not_applicable' as const)
            : served.some((row) => row.state === 'open')
              ? ('failed' as const)
              : ('passed' as const),
          manual: served.every((row) => row.state === 'not_applicable'),
          affected: served.reduce((sum, row) => sum + row.affected, 0),
          recommendations: served.map((row) => row.id),
        }));
      return [
        {
          id,
          name,
          passed: list.filter((each) => each.state === 'passed').length,
          failed: list.filter((each) => each.state === 'failed').length,
          source: 'https://standards.example/',
          description: '',
          manual: 0,
          not_applicable: list.filter((each) => each.state === 'not_applicable').length,
          controls: list,
        },
      ];
    }),
  };
}
