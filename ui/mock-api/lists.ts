// Lists narrowed and ordered as their queries say.

import type { Facets, Finding, Image } from '../src/api/types';
import { RANK, type Target } from './world';

export const words = (value: string | null) => (value ? value.split(',') : []);
export const flag = (value: string | null) => (value === null ? undefined : value === 'true');

export const narrowed = (targets: Target[], query: URLSearchParams): Finding[] => {
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

export const facetsOf = (findings: Finding[]): Facets => {
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
