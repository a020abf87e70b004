// Who has a package, and what tells two images apart.

import type { ComparedFinding, Holder, ImageComparison } from '../src/api/sboms';
import type { Finding, ImageRef } from '../src/api/types';
import type { Tools } from './platform';
import { isBefore, isOpen, RANK, type Target } from './world';

const refOf = ({ image }: Target): ImageRef => ({
  id: image.id,
  name: image.name,
  environment: image.environment,
  kind: image.kind,
});

/** Whether a version is what `<2.17` or `>=2.0,<2.17` asks for. */
function fits(version: string, wanted: string): boolean {
  return wanted.split(',').every((part) => {
    const [, sign = '=', than = ''] = /^([<>=!]=?)?(.*)$/.exec(part) ?? [];
    const isLess = isBefore(version, than);
    const isMore = isBefore(than, version);
    switch (sign) {
      case '<':
        return isLess;
      case '<=':
        return !isMore;
      case '>':
        return isMore;
      case '>=':
        return !isLess;
      case '!=':
        return isLess || isMore;
      default:
        return !isLess && !isMore;
    }
  });
}

/** The answer to `GET /sboms/search`. */
export function holdersOf(targets: Target[], url: URL, { page, problem }: Tools): Response {
  const query = url.searchParams;
  const name = (query.get('name') ?? '').toLowerCase();
  const version = query.get('version');
  const kind = query.get('ecosystem');
  const bad = version?.split(',').find((part) => part.replace(/^[<>=!]=?/, '') === '');
  if (bad)
    return problem(422, 'invalid', 'the question cannot be read', url.pathname, [
      { pointer: '/version', detail: `'${bad}' names no version (expected '<2.17')` },
    ]);
  const rows = targets.flatMap((target): Holder[] => {
    const packages = target.packages.filter(
      (each) =>
        (each.name.toLowerCase() === name || each.name.toLowerCase().endsWith(`:${name}`)) &&
        (!kind || each.kind === kind) &&
        (!version || fits(each.version, version)),
    );
    return packages.length === 0
      ? []
      : [
          {
            image: refOf(target),
            packages: packages.map(({ kind, name, version, purl, path }) => ({
              kind,
              name,
              version,
              purl,
              path,
            })),
          },
        ];
  });
  return page(rows, query);
}

/** The answer to `GET /images/{id}/comparison`. */
export function comparisonOf(before: Target, after: Target): ImageComparison {
  const byName = (target: Target) => {
    const found = new Map<string, { kind: Target['packages'][0]['kind']; versions: string[] }>();
    for (const { kind, name, version } of target.packages) {
      const entry = found.get(`${kind} ${name}`) ?? { kind, versions: [] };
      if (!entry.versions.includes(version)) entry.versions.push(version);
      found.set(`${kind} ${name}`, entry);
    }
    return found;
  };
  const [old, now] = [byName(before), byName(after)];
  const only = (one: typeof old, other: typeof old) =>
    [...one]
      .filter(([key]) => !other.has(key))
      .map(([key, { kind, versions }]) => ({ kind, name: key.slice(kind.length + 1), versions }));
  const open = (target: Target) => target.findings.filter(isOpen);
  const differ = (one: Finding[], other: Finding[]): ComparedFinding[] =>
    one
      .filter(
        (each) =>
          !other.some((its) => its.rule === each.rule && its.package?.name === each.package?.name),
      )
      .map((each) => ({
        vulnerability: each.rule,
        severity: each.severity,
        package: each.package?.name ?? '',
        version: each.package?.version ?? '',
      }))
      .sort((a, b) => (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9));
  return {
    before: refOf(before),
    after: refOf(after),
    added: only(now, old),
    removed: only(old, now),
    changed: [...old].flatMap(([key, { kind, versions }]) => {
      const then = now.get(key);
      return then && then.versions.join() !== versions.join()
        ? [{ kind, name: key.slice(kind.length + 1), before: versions, after: then.versions }]
        : [];
    }),
    gained: differ(open(after), open(before)),
    lost: differ(open(before), open(after)),
  };
}
