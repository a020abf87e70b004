// How things stand, and what happened lately.

import type { Change, Database, Finding, FindingKind, Overview, Scan } from '../src/api/types';
import { TACTICS } from './attack';
import { imagesOf, isFixable, worstFirst } from './lists';
import { vulnerabilitiesOf } from './vulnerabilities';
import { isOpen, noCounts, type Target, tally, topFixes } from './world';

const KINDS: FindingKind[] = ['alert', 'misconfiguration', 'vulnerability', 'secret', 'malware'];
const open = (findings: Finding[]) => findings.filter(isOpen);

export const changesOf = (targets: Target[], now: number): Change[] => {
  const at = (minutes: number) => new Date(now - minutes * 60_000).toISOString();
  const rows: Change[] = targets.slice(0, 9).map((target, index) => ({
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
  if (targets.length > 0) {
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

export const overviewOf = (
  targets: Target[],
  scans: Scan[],
  database: Database,
  query: URLSearchParams,
  now: number,
  findings: Finding[],
  posture: Pick<Overview, 'score' | 'top_recommendations'>,
): Overview => {
  const since = new Date(now - 86_400_000).toISOString();
  const today = open(findings).filter((finding) => finding.first_seen > since);
  const found = vulnerabilitiesOf(targets, query, now);
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
      fixable: open(findings).filter(isFixable).length,
      suppressed: findings.filter((finding) => finding.suppression).length,
      kev: open(findings).filter((finding) => finding.kev).length,
      scans_active: scans.filter((scan) => scan.state === 'running' || scan.state === 'queued')
        .length,
      vulnerabilities: found.reduce(
        (counts, row) => ({ ...counts, [row.severity]: counts[row.severity] + 1 }),
        noCounts(),
      ),
    },
    top_fixes: topFixes(findings, 6),
    top_images: imagesOf(targets, query)
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
    changes: changesOf(targets, now).slice(0, 10),
    ...posture,
    top_alerts: open(findings)
      .filter((finding) => finding.kind === 'alert')
      .sort(worstFirst)
      .slice(0, 6),
    day: {
      new: tally(today),
      resolved: findings.filter((finding) => finding.state === 'resolved').length,
      dismissed: findings.filter((finding) => finding.state === 'dismissed').length,
      exempted: findings.filter((finding) => finding.state === 'exempted').length,
    },
    kinds: KINDS.map((kind) => {
      const mine = findings.filter((finding) => finding.kind === kind);
      return {
        kind,
        open: tally(mine),
        dismissed: mine.filter((finding) => finding.state === 'dismissed').length,
        exempted: mine.filter((finding) => finding.state === 'exempted').length,
        new: today.filter((finding) => finding.kind === kind).length,
      };
    }),
    tactics: TACTICS.map(({ slug, name }) => ({
      slug,
      name,
      alerts: open(findings).filter(
        (finding) => finding.kind === 'alert' && finding.tactics?.includes(slug),
      ).length,
    })),
  };
};
