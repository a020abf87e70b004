// How the address narrows a list of findings.

import type { FindingFilters } from '../api/queries';
import type { FindingSort } from '../api/types';
import type { Change } from './url';

const SORTS: FindingSort[] = ['severity', '-priority', '-first_seen', '-epss', 'package'];
const KEYS = [
  'q',
  'severity',
  'fixable',
  'kev',
  'kind',
  'layer',
  'suppressed',
  'package',
  'vulnerability',
];

const flag = (value: string | undefined) =>
  value === 'true' ? true : value === 'false' ? false : undefined;

/** Only what the API knows; a mistyped address is no error. */
export function findingFilters(search: Partial<Record<string, string>>): FindingFilters {
  const layer =
    search.layer !== undefined && /^\d{1,4}$/.test(search.layer) ? Number(search.layer) : undefined;
  return {
    q: search.q,
    severity: search.severity,
    kind: search.kind,
    fixable: flag(search.fixable),
    kev: flag(search.kev),
    suppressed: flag(search.suppressed),
    layer,
    package: search.package,
    vulnerability: search.vulnerability,
    sort: SORTS.find((sort) => sort === search.sort),
  };
}

export function hasFilters(search: Partial<Record<string, string>>): boolean {
  return KEYS.some((key) => search[key] !== undefined);
}

export function clearFilters(): Change {
  return Object.fromEntries(KEYS.map((key) => [key, undefined]));
}
