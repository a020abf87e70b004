// Alerts, misconfigurations, secrets and malware of the make-believe world.

import type { Finding } from '../src/api/types';
import { briefOf } from './audit';
import type { Estate, Place } from './estate';
import { refOf } from './estate';
import { ALERTS, OTHERS, RECOMMENDATIONS, type Rule } from './rules';
import { decimal, hex, type Target } from './world';

const number = (text: string) => Number.parseInt(hex(text, 7), 16);

export const PEOPLE = ['anna', 'bo', 'chidi', 'dana'];

function happened(
  rule: Rule,
  place: Place,
  minutes: number,
  since: number,
  now: number,
  occurrences = 1,
): Finding {
  const key = `${rule.id} ${place.asset.asset.id}`;
  const turn = number(key);
  const isWorked = rule.kind === 'alert' && turn % 9 === 0;
  return {
    id: decimal(key),
    fingerprint: hex(key, 32),
    kind: rule.kind,
    state: 'open',
    severity: rule.severity,
    rule: rule.id,
    title: rule.title,
    ...(rule.summary ? { summary: rule.summary } : {}),
    asset: place.asset.asset,
    ...(place.asset.image ? { image: place.asset.image } : {}),
    kev: false,
    advisories: [],
    tactics: rule.tactics,
    techniques: rule.techniques,
    occurrences,
    first_seen: new Date(now - since * 60_000).toISOString(),
    last_seen: new Date(now - minutes * 60_000).toISOString(),
    progress: isWorked ? 'in_progress' : 'new',
    ...(isWorked ? { assignee: PEOPLE[turn % PEOPLE.length] ?? 'anna' } : {}),
    ...(isWorked && turn % 2 === 0
      ? { due: new Date(now + (turn % 12) * 86_400_000).toISOString().slice(0, 10) }
      : {}),
    comments: isWorked ? 1 : 0,
  };
}

export function happenings(estate: Estate, targets: Target[], now: number): Finding[] {
  const found: Finding[] = [];

  const containers = estate.all.filter(
    (place) => place.asset.asset.kind === 'container' && !place.asset.gone,
  );
  for (const [index, rule] of ALERTS.entries()) {
    // The worse, the rarer.
    const share = { critical: 41, high: 13, medium: 5, low: 4, info: 6, unknown: 9 }[rule.severity];
    for (const place of containers) {
      const turn = number(`${place.asset.asset.id} ${rule.id}`);
      if (turn % share !== 0 && !(index < 3 && turn % 29 === 0)) continue;
      const minutes = turn % 7 === 0 ? turn % 90 : turn % (60 * 24 * 6);
      const often = turn % 5 === 0 ? 2 + (turn % 40) : 1;
      const finding = happened(rule, place, minutes, minutes + (often > 1 ? 300 : 0), now, often);
      const alert = briefOf(finding);
      found.push(alert ? { ...finding, alert } : finding);
    }
  }
  const workloads = estate.all.filter((place) => place.asset.asset.kind === 'workload');
  for (const rule of RECOMMENDATIONS) {
    const isOfClusters = rule.id === 'anonymous-api-access';
    const isOfNamespaces = rule.id === 'network-policies';
    const isOfContainers = rule.id === 'docker-socket-mounted';
    if (rule.id === 'running-images-fixable-critical') continue;
    const places = isOfClusters
      ? estate.all.filter((place) => place.asset.asset.kind === 'cluster')
      : isOfNamespaces
        ? estate.all.filter((place) => place.asset.asset.kind === 'namespace')
        : isOfContainers
          ? containers.filter((place) => place.parent?.asset.asset.kind === 'host')
          : workloads;
    const share = { critical: 7, high: 7, medium: 3, low: 2, info: 2, unknown: 2 }[rule.severity];
    for (const place of places) {
      const turn = number(`${rule.id} ${place.asset.asset.id}`);
      if (turn % share !== 0 || rule.id === 'seccomp-profile') continue;
      found.push(happened(rule, place, turn % 50, 60 * 24 * (1 + (turn % 30)), now));
    }
  }
  const images = new Map(
    estate.all.flatMap((place) => (place.asset.image ? [[place.asset.image.id, place]] : [])),
  );
  const running = RECOMMENDATIONS[0] as Rule;
  for (const target of targets) {
    const isBad = target.findings.some(
      (finding) => finding.severity === 'critical' && (finding.fix?.versions.length ?? 0) > 0,
    );
    const place = images.get(target.image.id);
    if (!isBad || !place) continue;
    found.push({
      ...happened(running, place, 12, 60 * 24 * 9, now),
      id: decimal(`${running.id} ${target.image.id}`),
      asset: imageAsset(target),
      image: refOf(target),
      summary: `${target.image.running} containers run it`,
    });
  }
  for (const [index, rule] of OTHERS.entries()) {
    for (const target of targets.filter((each) => each.image.kind === 'image')) {
      if (number(`${rule.id} ${target.image.id}`) % (index === 2 ? 41 : 17) !== 0) continue;
      const place = images.get(target.image.id);
      if (!place) continue;
      found.push({
        ...happened(rule, place, 30, 60 * 24 * 3, now),
        id: decimal(`${rule.id} ${target.image.id}`),
        asset: imageAsset(target),
        image: refOf(target),
      });
    }
  }
  return found;
}

export function imageAsset(target: Target): Finding['asset'] {
  const { id, name, environment } = target.image;
  return { id, kind: 'image', name, environment };
}
