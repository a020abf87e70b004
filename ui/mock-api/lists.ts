// Lists narrowed and ordered as their queries say.

import type { Facets, Finding, Image } from '../src/api/types';
import { mentions } from '../src/lib/query';
import type { Matcher } from './matching';
import { RANK, type Target } from './world';

export const words = (value: string | null) => (value ? value.split(',') : []);
export const flag = (value: string | null) => (value === null ? undefined : value === 'true');

/** Worst first, as the server orders unless asked otherwise. */
export const worstFirst = (a: Finding, b: Finding) =>
  (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9) ||
  Number(b.kev ?? false) - Number(a.kev ?? false) ||
  b.last_seen.localeCompare(a.last_seen) ||
  a.rule.localeCompare(b.rule) ||
  a.id.localeCompare(b.id);

/** The findings a list's parameters mean, in their order. */
export const narrowed = (findings: Finding[], query: URLSearchParams, matcher: Matcher) => {
  const q = query.get('q') ?? '';
  const severities = words(query.get('severity'));
  const kinds = words(query.get('kind'));
  const fixable = flag(query.get('fixable'));
  const kev = flag(query.get('kev'));
  const layer = query.get('layer');
  const isSuppressed = flag(query.get('suppressed')) ?? false;
  const states = words(query.get('state') ?? (mentions(q, 'state') ? 'all' : 'open'));
  const isMeant = matcher(q);
  const rows = findings.filter((finding) => {
    if ((finding.suppression !== undefined) !== isSuppressed) return false;
    if (!states.includes('all') && !states.includes(finding.state)) return false;
    if (severities.length > 0 && !severities.includes(finding.severity)) return false;
    if (kinds.length > 0 && !kinds.includes(finding.package?.kind ?? '')) return false;
    if (fixable !== undefined && isFixable(finding) !== fixable) return false;
    if (kev !== undefined && (finding.kev ?? false) !== kev) return false;
    if (layer !== null && finding.package?.layer !== Number(layer)) return false;
    if (query.get('package') && finding.package?.name !== query.get('package')) return false;
    if (query.get('vulnerability') && finding.rule !== query.get('vulnerability')) return false;
    if (query.get('image') && finding.image?.id !== query.get('image')) return false;
    return isMeant(finding);
  });
  const orders: Record<string, (a: Finding, b: Finding) => number> = {
    severity: worstFirst,
    '-priority': (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || worstFirst(a, b),
    '-epss': (a, b) => (b.epss ?? 0) - (a.epss ?? 0) || worstFirst(a, b),
    '-first_seen': (a, b) => b.first_seen.localeCompare(a.first_seen) || worstFirst(a, b),
    '-last_seen': (a, b) => b.last_seen.localeCompare(a.last_seen) || worstFirst(a, b),
    package: (a, b) =>
      (a.package?.name ?? '').localeCompare(b.package?.name ?? '') || worstFirst(a, b),
  };
  return rows.sort(orders[query.get('sort') ?? 'severity'] ?? worstFirst);
};

export const isFixable = (finding: Finding) => (finding.fix?.versions.length ?? 0) > 0;

export const facetsOf = (findings: Finding[]): Facets => {
  const values = (of: (finding: Finding) => string | string[] | undefined | null) => {
    const counts = new Map<string, number>();
    for (const finding of findings) {
      for (const value of [of(finding) ?? []].flat())
        counts.set(value, (counts.get(value) ?? 0) + 1);
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
      { field: 'kind', values: values((f) => f.package?.kind) },
      { field: 'tactic', values: values((f) => f.tactics) },
      { field: 'finding_kind', values: values((f) => f.kind) },
      { field: 'fixable', values: values((f) => String(isFixable(f))) },
      {
        field: 'layer',
        values: values((f) =>
          typeof f.package?.layer === 'number' ? String(f.package.layer) : undefined,
        ),
      },
    ],
  };
};

export const imagesOf = (targets: Target[], query: URLSearchParams): Image[] => {
  const q = query.get('q')?.toLowerCase();
  const kinds = words(query.get('kind'));
  const severities = words(query.get('severity'));
  const partial = flag(query.get('partial'));
  const fixable = flag(query.get('fixable'));
  const rows = targets
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
