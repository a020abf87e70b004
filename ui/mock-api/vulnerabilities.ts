// Vulnerabilities: the list, and each in detail.

import type { Finding, Vulnerability, VulnerabilityDetail } from '../src/api/types';
import { CATALOGUE, type Entry } from './catalogue';
import { flag, words } from './lists';
import { isOpen, RANK, type Target } from './world';

const vulnerabilityOf = (entry: Entry, findings: Finding[], now: number): Vulnerability => {
  const mine = findings.filter((finding) => finding.rule === entry.id && isOpen(finding));
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
    fixable: mine.filter((finding) => (finding.fix?.versions.length ?? 0) > 0).length,
    images: new Set(mine.map((finding) => finding.image?.id)).size,
    packages: [...new Set(mine.map((finding) => finding.package?.name ?? ''))],
  };
};

export const vulnerabilitiesOf = (
  targets: Target[],
  query: URLSearchParams,
  now: number,
): Vulnerability[] => {
  const findings = targets.flatMap((target) => target.findings);
  const q = query.get('q')?.toLowerCase();
  const severities = words(query.get('severity'));
  const kev = flag(query.get('kev'));
  const fixable = flag(query.get('fixable'));
  const rows = CATALOGUE.map((entry) => vulnerabilityOf(entry, findings, now)).filter((row) => {
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

export const detailOf = (entry: Entry, targets: Target[], now: number): VulnerabilityDetail => {
  const mine = targets
    .flatMap((target) => target.findings)
    .filter((finding) => finding.rule === entry.id);
  const row = vulnerabilityOf(entry, mine, now);
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
    kev: entry.kev ? { added: entry.kev, due: null, ransomware: entry.ransomware ?? false } : null,
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
    advisories: [...new Set(mine.flatMap((finding) => finding.advisories ?? []))],
    fixes: [...new Map(mine.map((finding) => [finding.package?.name, finding])).values()].flatMap(
      ({ package: found, fix }) => {
        if (!found || !fix) return [];
        const same = mine.filter((other) => other.package?.name === found.name && isOpen(other));
        return [
          {
            package: found.name,
            kind: found.kind,
            installed: [...new Set(same.map((other) => other.package?.version ?? ''))],
            state: fix.state,
            version: fix.versions[0] ?? null,
            findings: same.length,
            images: new Set(same.map((other) => other.image?.id)).size,
          },
        ];
      },
    ),
    affected: mine.flatMap((finding) => {
      const { package: found, fix, image } = finding;
      if (!found || !fix || !image) return [];
      return [
        {
          finding: finding.id,
          image,
          package: found.name,
          kind: found.kind,
          version: found.version,
          path: found.path,
          layer: found.layer ?? null,
          fix_state: fix.state,
          fixed_version: fix.versions[0] ?? null,
          suppressed: finding.suppression !== undefined,
          first_seen: finding.first_seen,
        },
      ];
    }),
  };
};
