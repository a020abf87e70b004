// What a drift rule fits and what it says, as the sensor judges it: the
// first rule that fits decides, a list that is empty fits all, `*` stands
// for any characters.

export type DriftAction = 'ignore' | 'alert' | 'block';

export interface DriftRule {
  name: string;
  action: DriftAction;
  dry_run?: boolean;
  clusters?: string[];
  namespaces?: string[];
  pods?: string[];
  labels?: string[];
  images?: string[];
  allow?: string[];
}

/** What of a running container a rule looks at. */
export interface Running {
  cluster?: string | null | undefined;
  namespace?: string | null | undefined;
  pod?: string | null | undefined;
  image: string;
}

/** `unknown`: all fits but its labels, which sensors do not report. */
export type Fit = 'yes' | 'no' | 'unknown';

export const MATCHES = ['clusters', 'namespaces', 'pods', 'labels', 'images'] as const;
export type Match = (typeof MATCHES)[number];

/** The whole text, `*` for any characters; no backtracking to blow up. */
export function like(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return pattern === text;
  const last = parts.at(-1) ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length) return false;
  if (!text.endsWith(last)) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** An image's name without its tag and digest. */
export function repositoryOf(image: string): string {
  const [name = ''] = image.split('@');
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

export function fits(rule: DriftRule, running: Running): Fit {
  const one = (patterns: string[] | undefined, text: string | null | undefined) =>
    !patterns || patterns.length === 0 || (!!text && patterns.some((each) => like(each, text)));
  const isFit =
    one(rule.clusters, running.cluster) &&
    one(rule.namespaces, running.namespace) &&
    one(rule.pods, running.pod) &&
    (one(rule.images, running.image) || one(rule.images, repositoryOf(running.image)));
  if (!isFit) return 'no';
  return (rule.labels ?? []).length > 0 ? 'unknown' : 'yes';
}

/** What each rule decides, and what earlier rules took from it. */
export interface Reach<T> {
  decides: T[];
  /** It would fit them, but a rule above decides. */
  taken: T[];
  /** It may fit them: their labels are not known here. */
  perhaps: T[];
}

/** One entry per rule, and what no rule fits. */
export function reachOf<T extends Running>(
  rules: readonly DriftRule[],
  running: readonly T[],
): { rules: Reach<T>[]; rest: T[] } {
  const reach = rules.map((): Reach<T> => ({ decides: [], taken: [], perhaps: [] }));
  const rest: T[] = [];
  for (const each of running) {
    let isDecided = false;
    rules.forEach((rule, index) => {
      const fit = fits(rule, each);
      const mine = reach[index];
      if (!mine || fit === 'no') return;
      if (isDecided) mine.taken.push(each);
      else if (fit === 'unknown') mine.perhaps.push(each);
      else {
        mine.decides.push(each);
        isDecided = true;
      }
    });
    if (!isDecided) rest.push(each);
  }
  return { rules: reach, rest };
}

/** The rules with one of them at another place. */
export function moved<T>(rules: readonly T[], from: number, to: number): T[] {
  const next = [...rules];
  const [rule] = next.splice(from, 1);
  if (rule === undefined) return next;
  next.splice(Math.max(0, Math.min(next.length, to)), 0, rule);
  return next;
}

const either = (texts: readonly string[]) =>
  texts.length < 2 ? (texts[0] ?? '') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;

const MOST = 3;

/** "shop, billing or search", cut where it is long. */
function listed(texts: readonly string[]): string {
  return texts.length <= MOST + 1
    ? either(texts)
    : `${texts.slice(0, MOST).join(', ')} or ${texts.length - MOST} others`;
}

const PLACE: Record<Match, [one: string, many: string]> = {
  clusters: ['in the cluster', 'in the clusters'],
  namespaces: ['in the namespace', 'in the namespaces'],
  pods: ['in the pod', 'in the pods'],
  labels: ['labelled', 'labelled'],
  images: ['of the image', 'of the images'],
};

/** Where it holds: "In containers of the image nginx in the namespace shop". */
export function whereOf(rule: DriftRule): string {
  const parts = (['images', 'labels', 'pods', 'namespaces', 'clusters'] as const).flatMap((key) => {
    const texts = rule[key] ?? [];
    return texts.length === 0 ? [] : [`${PLACE[key][texts.length === 1 ? 0 : 1]} ${listed(texts)}`];
  });
  return parts.length === 0 ? 'In every container' : `In containers ${parts.join(' ')}`;
}

/** What a rule does, in one sentence or two. */
export function sentence(rule: DriftRule): string {
  const does = {
    ignore: 'programs that are not in the image run, and nobody is told',
    alert: 'programs that are not in the image run, and an alert tells of them',
    block: rule.dry_run
      ? 'programs that are not in the image run, and an alert says that they would have been stopped'
      : 'programs that are not in the image are stopped, and an alert tells of them',
  }[rule.action];
  const allow = rule.allow ?? [];
  const except =
    allow.length > 0 && rule.action !== 'ignore' ? ` ${listed(allow)} may run all the same.` : '';
  return `${whereOf(rule)}, ${does}.${except}`;
}

/** What is wrong with a rule, in the order of its fields; nothing where it is right. */
export function faultsOf(rule: DriftRule, others: readonly DriftRule[]): string[] {
  const faults: string[] = [];
  if (rule.name.trim() === '') faults.push('Give it a name.');
  else if (others.some((other) => other.name.trim() === rule.name.trim()))
    faults.push('Another rule has this name.');
  for (const label of rule.labels ?? [])
    if (label.startsWith('=')) faults.push(`The label “${label}” has no key.`);
  for (const path of rule.allow ?? [])
    if (!path.startsWith('/') && !path.startsWith('*'))
      faults.push(`“${path}” is no path: it begins with / or *.`);
  return faults;
}

/** Which rules differ between two policies, by name. */
export function changesBetween(
  ours: readonly DriftRule[],
  theirs: readonly DriftRule[],
): { added: string[]; removed: string[]; changed: string[]; isReordered: boolean } {
  const by = (rules: readonly DriftRule[]) => new Map(rules.map((rule) => [rule.name, rule]));
  const [mine, other] = [by(ours), by(theirs)];
  const both = [...mine.keys()].filter((name) => other.has(name));
  const inTheirs = [...other.keys()].filter((name) => mine.has(name));
  return {
    added: [...other.keys()].filter((name) => !mine.has(name)),
    removed: [...mine.keys()].filter((name) => !other.has(name)),
    changed: both.filter(
      (name) => JSON.stringify(tidied(mine.get(name))) !== JSON.stringify(tidied(other.get(name))),
    ),
    isReordered: both.join('\n') !== inTheirs.join('\n'),
  };
}

/** A rule with its empty parts left out, in one order: what the server keeps. */
export function tidied(rule: DriftRule | undefined): DriftRule | undefined {
  if (!rule) return undefined;
  const lists = Object.fromEntries(
    [...MATCHES, 'allow' as const].flatMap((key) => {
      const texts = (rule[key] ?? []).map((text) => text.trim()).filter((text) => text !== '');
      return texts.length > 0 ? [[key, texts]] : [];
    }),
  );
  return {
    name: rule.name.trim(),
    action: rule.action,
    dry_run: rule.action === 'block' && rule.dry_run === true,
    ...lists,
  };
}
