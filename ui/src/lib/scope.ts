// What an exemption could cover, as the conditions its findings share.

import { quote, term } from './query';

export interface Condition {
  field: string;
  value: string;
  /** For people: "this rule". */
  label: string;
}

/** What of a finding a scope can be made of. */
export interface Scoped {
  id: string;
  kind: string;
  rule: string;
  package?: { name: string } | null;
  image?: { name: string } | null;
  asset: {
    id: string;
    cluster?: string | null;
    namespace?: string | null;
    workload?: string | null;
  };
}

/** "registry.example/team/app:1.2" without its tag or digest. */
export function repositoryOf(image: string): string {
  const path = image.split('@')[0] ?? image;
  const colon = path.lastIndexOf(':');
  return colon > path.lastIndexOf('/') ? path.slice(0, colon) : path;
}

function conditions(finding: Scoped): Condition[] {
  const found: Condition[] = [];
  const add = (field: string, value: string | null | undefined, label: string) => {
    if (value) found.push({ field, value, label });
  };
  if (finding.kind === 'vulnerability') add('cve', finding.rule, 'This vulnerability');
  else add('rule', finding.rule, 'This rule');
  add('package', finding.package?.name, 'This package');
  add('image', finding.image?.name, 'This image');
  add('repository', finding.image && repositoryOf(finding.image.name), 'Any tag of the image');
  add('ns', finding.asset.namespace, 'This namespace');
  add('cluster', finding.asset.cluster, 'This cluster or host');
  return found;
}

/** The conditions all of them meet, in a fixed order. */
export function sharedConditions(findings: readonly Scoped[]): Condition[] {
  const [first, ...rest] = findings;
  if (!first) return [];
  return conditions(first).filter((each) =>
    rest.every((other) =>
      conditions(other).some((its) => its.field === each.field && its.value === each.value),
    ),
  );
}

/** These findings and no others. */
export function exactly(findings: readonly { id: string }[]): string {
  return `finding:${findings.map((each) => quote(each.id)).join(',')}`;
}

export function scopeOf(chosen: readonly Condition[]): string {
  return chosen.map((each) => term(each.field, each.value)).join(' ');
}

export interface Preset {
  label: string;
  days: number | null;
}

export const EXPIRIES: Preset[] = [
  { label: '1 week', days: 7 },
  { label: '30 days', days: 30 },
  { label: '90 days', days: 90 },
  { label: '1 year', days: 365 },
  { label: 'Never', days: null },
];

/** The end of the day that many days on, in universal time. */
export function expiryOf(days: number, now: number): string {
  const day = new Date(now + days * 86_400_000).toISOString().slice(0, 10);
  return `${day}T23:59:59Z`;
}
