// The make-believe world, worked out once from the catalogue and the
// recipes: the same input always gives the same ids, counts and orders.

import type {
  Finding,
  Image,
  ImageRef,
  Layer,
  Package,
  SeverityCounts,
  TopFix,
  Warning,
} from '../src/api/types';
import { SEVERITIES } from '../src/lib/severity';
import { CATALOGUE, type Entry } from './catalogue';
import { parsePackage, RECIPES, type Recipe, SYSTEMS } from './images';

export const RANK = Object.fromEntries(
  SEVERITIES.map((severity, index) => [severity, index]),
) as Record<string, number>;

export interface Target {
  image: Image;
  recipe: Recipe;
  target: string;
  layers: Layer[];
  packages: Package[];
  findings: Finding[];
  warnings: Warning[];
}

export interface World {
  now: number;
  targets: Target[];
}

export const findingsOf = (targets: Target[]) => targets.flatMap((target) => target.findings);

/** FNV-1a, stretched: stable names for made-up things. */
export function hex(text: string, digits: number): string {
  let out = '';
  for (let round = 0; out.length < digits; round += 1) {
    let hash = 0x811c9dc5 ^ round;
    for (const character of text) {
      hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
    }
    out += hash.toString(16).padStart(8, '0');
  }
  return out.slice(0, digits);
}

/** Ids of findings are decimal text. */
export function decimal(text: string): string {
  return BigInt(`0x${hex(text, 12)}`).toString();
}

export function noCounts(): SeverityCounts {
  return { critical: 0, high: 0, medium: 0, low: 0, info: 0, unknown: 0 };
}

export function isOpen(finding: Finding): boolean {
  return finding.state === 'open' && !finding.suppression;
}

export function tally(findings: Finding[]): SeverityCounts {
  const counts = noCounts();
  for (const finding of findings) if (isOpen(finding)) counts[finding.severity] += 1;
  return counts;
}

/** Good enough an order for the versions above; the product has real ones. */
export function isBefore(a: string, b: string): boolean {
  const parts = (text: string) =>
    text
      .replace(/^\d+:/, '')
      .split(/[^0-9a-z]+/i)
      .flatMap((part) => part.match(/\d+|[a-z]+/gi) ?? []);
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [x = '', y = ''] = [left[index], right[index]];
    if (x === y) continue;
    if (/^\d+$/.test(x) && /^\d+$/.test(y)) return Number(x) < Number(y);
    return x < y;
  }
  return false;
}

const DATABASES: Record<string, string> = {
  deb: 'var/lib/dpkg/status',
  apk: 'lib/apk/db/installed',
  rpm: 'var/lib/rpm/rpmdb.sqlite',
};

function purlOf(kind: string, name: string, version: string, system: string | undefined): string {
  const space =
    kind === 'deb' ? 'debian/' : kind === 'apk' ? 'alpine/' : kind === 'rpm' ? 'redhat/' : '';
  const path = kind === 'maven' ? name.replace(':', '/') : name;
  return `pkg:${kind}/${space}${path}@${encodeURIComponent(version)}${system && space ? `?distro=${system}` : ''}`;
}

function findingOf(
  entry: Entry,
  found: Package,
  image: ImageRef,
  recipe: Recipe,
  now: number,
): Finding {
  const seen = new Date(now - recipe.minutesAgo * 60_000).toISOString();
  const isSuppressed = recipe.suppress?.includes(entry.id);
  return {
    id: decimal(`${image.id} ${entry.id} ${found.purl} ${found.path}`),
    fingerprint: hex(`${image.id} ${entry.id} ${found.purl} ${found.path}`, 32),
    kind: 'vulnerability',
    rule: entry.id,
    asset: { id: image.id, kind: 'image', name: image.name, environment: image.environment },
    occurrences: 1,
    progress: 'new',
    comments: 0,
    title: entry.title,
    severity: entry.severity,
    state: 'open',
    package: {
      kind: found.kind,
      name: found.name,
      version: found.version,
      purl: found.purl,
      path: found.path,
      layer: found.layer,
    },
    fix: {
      state: entry.state ?? (entry.fixed ? 'fixed' : 'unfixed'),
      versions: entry.fixed ? [entry.fixed] : [],
    },
    advisories: [entry.aliases?.[0] ?? (found.kind === 'deb' ? `DEBIAN-${entry.id}` : entry.id)],
    cvss: entry.score > 0 ? entry.score : null,
    epss: entry.epss > 0 ? entry.epss : null,
    kev: entry.kev !== undefined,
    image,
    first_seen: new Date(
      now - (Number.parseInt(hex(entry.id, 4), 16) % 60) * 86_400_000 - recipe.minutesAgo * 60_000,
    ).toISOString(),
    last_seen: seen,
    ...(isSuppressed
      ? {
          suppression: {
            by: 'vex' as const,
            status: 'not_affected',
            justification: 'vulnerable_code_not_in_execute_path',
            statement: 'The tool is not run in this image.',
            source: 'vex/ledger.openvex.json',
            expires: '2027-03-31',
          },
        }
      : {}),
  };
}

function build(recipe: Recipe, now: number): Target {
  const id = hex(`${recipe.environment} ${recipe.name}`, 26);
  const image: ImageRef = {
    id,
    name: recipe.name,
    environment: recipe.environment,
    kind: recipe.kind,
  };
  const system = SYSTEMS[recipe.os];
  const hasLayers = recipe.kind === 'image';
  const packages: Package[] = recipe.layers.flatMap((layer, index) =>
    layer.packages.map((text) => {
      const { kind, name, version, path } = parsePackage(text);
      return {
        kind,
        name,
        version,
        purl: purlOf(kind, name, version, system ? `${system.id}-${system.version}` : undefined),
        path: path ?? DATABASES[kind] ?? 'app/manifest.json',
        layer: hasLayers ? index : null,
        licenses: kind === 'npm' ? ['MIT'] : kind === 'maven' ? ['Apache-2.0'] : [],
        ecosystem: kind === 'deb' ? 'Debian:12' : null,
        source: null,
        architecture: kind === 'deb' ? 'amd64' : null,
        owned_by: null,
        counts: noCounts(),
      };
    }),
  );
  const findings = packages.flatMap((found) => {
    const about = CATALOGUE.filter(
      (entry) =>
        entry.kind === found.kind &&
        entry.package === found.name &&
        (!entry.fixed || isBefore(found.version, entry.fixed)),
    );
    const here = about.map((entry) => findingOf(entry, found, image, recipe, now));
    found.counts = tally(here);
    return here;
  });
  const open = findings.filter(isOpen);
  const scanned = new Date(now - recipe.minutesAgo * 60_000).toISOString();
  const layers: Layer[] = hasLayers
    ? recipe.layers.map((layer, index) => ({
        index,
        diff_id: `sha256:${hex(`diff ${layer.step}`, 64)}`,
        digest: `sha256:${hex(`blob ${layer.step}`, 64)}`,
        size_bytes: layer.size,
        created_by: layer.step,
        created: new Date(now - 40 * 86_400_000 + index * 600_000).toISOString(),
        shared_with: index === 0 ? 11 : 0,
        totals: {
          packages: layer.packages.length,
          fixable: open.filter(
            (finding) =>
              finding.package?.layer === index && (finding.fix?.versions.length ?? 0) > 0,
          ).length,
          counts: tally(open.filter((finding) => finding.package?.layer === index)),
        },
      }))
    : [];
  const warnings = (recipe.warnings ?? []).map((warning) => ({
    message: warning.message,
    path: warning.path ?? null,
    layer: warning.layer === undefined ? null : (layers[warning.layer]?.diff_id ?? null),
  }));
  return {
    recipe,
    target: recipe.target ?? `registry:${recipe.name}`,
    layers,
    packages: packages.sort((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name)),
    findings,
    warnings,
    image: {
      id,
      name: recipe.name,
      kind: recipe.kind,
      environment: recipe.environment,
      os: system ?? null,
      platform: recipe.platform ?? null,
      digest: hasLayers ? `sha256:${hex(`manifest ${recipe.name}`, 64)}` : null,
      config_digest: hasLayers ? `sha256:${hex(`config ${recipe.name}`, 64)}` : null,
      tags: hasLayers ? [recipe.name] : [],
      packages: packages.length,
      layers: layers.length,
      counts: tally(findings),
      fixable: open.filter((finding) => (finding.fix?.versions.length ?? 0) > 0).length,
      suppressed: findings.length - open.length,
      kev: open.filter((finding) => finding.kev).length,
      warnings: warnings.length,
      partial: warnings.length > 0,
      starter_only: false,
      running: 0,
      scanning: false,
      last_error: recipe.lastError ?? null,
      first_scanned: new Date(now - 35 * 86_400_000).toISOString(),
      last_scanned: scanned,
      assessed: new Date(now - 120_000).toISOString(),
      size_bytes: hasLayers ? recipe.layers.reduce((sum, layer) => sum + layer.size, 0) : null,
    },
  };
}

export function createWorld(now: number): World {
  return { now, targets: RECIPES.map((recipe) => build(recipe, now)) };
}

/** The upgrades that close the most, as the server works them out. */
export function topFixes(findings: Finding[], howMany: number): TopFix[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    if (!isOpen(finding) || !finding.fix?.versions[0]) continue;
    const key = `${finding.package?.kind} ${finding.package?.name}`;
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  const weigh = (counts: SeverityCounts) =>
    counts.critical * 1000 + counts.high * 100 + counts.medium * 10 + counts.low;
  return [...groups.values()]
    .flatMap((group): TopFix[] => {
      const versions = group.flatMap((finding) => finding.fix?.versions ?? []);
      const version = versions.reduce((best, each) => (isBefore(best, each) ? each : best));
      const first = group[0]?.package;
      if (!first) return [];
      return [
        {
          package: first.name,
          kind: first.kind,
          installed: [...new Set(group.map((finding) => finding.package?.version ?? ''))].sort(),
          version,
          images: new Set(group.map((finding) => finding.image?.id)).size,
          closes: tally(group),
          layer: first.layer ?? null,
        },
      ];
    })
    .sort((a, b) => weigh(b.closes) - weigh(a.closes) || a.package.localeCompare(b.package))
    .slice(0, howMany);
}
