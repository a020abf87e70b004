// The steps that close most, as the server works them out: a base for what
// came with it, a package for the rest.

import type { WorkBase, WorkImage, WorkList, WorkStep } from '../src/api/running';
import type { Finding } from '../src/api/types';
import { refOf } from './estate';
import { isFixable } from './lists';
import { isBefore, isOpen, type Target, tally } from './world';

/** What labels call the bases that were never scanned by themselves. */
const NAMES: Record<string, string> = {
  debian: 'docker.io/library/debian:12-slim',
  alpine: 'docker.io/library/alpine:3.18',
  rhel: 'registry.access.redhat.com/ubi9:9.3',
};

interface Draft {
  step: Pick<WorkStep, 'kind' | 'title' | 'base' | 'upgrade'>;
  closes: Map<Target, Finding[]>;
}

const inImages = (count: number) => (count === 1 ? '1 image' : `${count} images`);

export function workOf(
  targets: readonly Target[],
  known: readonly Target[],
  running: (id: string) => number,
  from: number,
  limit: number,
): WorkList {
  const every = targets.flatMap((target) =>
    target.findings
      .filter((each) => isOpen(each) && (each.priority ?? 0) >= from)
      .map((finding) => ({ target, finding })),
  );
  const drafts = new Map<string, Draft>();
  for (const { target, finding } of every) {
    const found = finding.package;
    if (!found || !isFixable(finding)) continue;
    const [lowest] = target.layers;
    const isOfBase = found.layer === 0 && ['deb', 'apk', 'rpm'].includes(found.kind) && lowest;
    const version = finding.fix?.versions[0] ?? '';
    const key = isOfBase ? `base ${lowest.diff_id}` : `${found.kind} ${found.name}`;
    const draft: Draft = drafts.get(key) ?? {
      step: isOfBase
        ? { kind: 'rebuild', title: '', base: baseOf(target, known) }
        : {
            kind: 'upgrade',
            title: '',
            upgrade: { kind: found.kind, package: found.name, installed: [], version },
          },
      closes: new Map(),
    };
    const { upgrade } = draft.step;
    if (upgrade) {
      if (!upgrade.installed.includes(found.version)) upgrade.installed.push(found.version);
      if (isBefore(upgrade.version, version)) upgrade.version = version;
    }
    draft.closes.set(target, [...(draft.closes.get(target) ?? []), finding]);
    drafts.set(key, draft);
  }
  const steps = [...drafts.values()]
    .map(({ step, closes }): WorkStep => {
      const all = [...closes.values()].flat().sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
      const images = [...closes]
        .map(
          ([target, findings]): WorkImage => ({
            image: refOf(target),
            closes: findings.length,
            running: running(target.image.id),
          }),
        )
        .sort((a, b) => b.running - a.running || b.closes - a.closes);
      const { base, upgrade } = step;
      return {
        ...step,
        title: base
          ? `Rebuild ${inImages(images.length)} on ${base.newer?.name ?? `the newest ${base.name}`}`
          : `Upgrade ${upgrade?.package} to ${upgrade?.version} in ${inImages(images.length)}`,
        images: images.slice(0, 50),
        image_count: images.length,
        closes: tally(all),
        kev: all.filter((each) => each.kev).length,
        weight: all.reduce((sum, each) => sum + (each.priority ?? 0), 0),
        priority: all[0]?.priority ?? 0,
        vulnerabilities: [...new Set(all.map((each) => each.rule))].slice(0, 10),
      };
    })
    .sort((a, b) => b.weight - a.weight);
  return {
    steps: steps.slice(0, limit),
    total: steps.length,
    findings: every.length,
    closes: every.filter(({ finding }) => isFixable(finding)).length,
    unfixable: every.filter(({ finding }) => !isFixable(finding)).length,
    truncated: false,
  };
}

export function baseOf(target: Target, known: readonly Target[]): WorkBase {
  const [lowest] = target.layers;
  const isOfficial = ({ image }: Target) => image.name.includes('/library/');
  const image = known.find(
    (each) =>
      isOfficial(each) && each.layers.length === 1 && each.layers[0]?.diff_id === lowest?.diff_id,
  );
  const newer =
    image &&
    known.find(
      (each) =>
        isOfficial(each) && each !== image && each.image.name.startsWith(`${image.image.name}-`),
    );
  const name = NAMES[target.image.os?.id ?? ''] ?? target.image.os?.name ?? 'a base';
  return {
    name: image?.image.name ?? name,
    digest: image?.image.digest ?? lowest?.digest ?? null,
    ...(image ? { image: refOf(image) } : {}),
    known_by: image ? 'layers' : 'label',
    ...(newer ? { newer: refOf(newer) } : {}),
  };
}
