// One line of the catalogue.

import type { FixState, PackageKind, Severity } from '../src/api/types';

export interface Entry {
  id: string;
  kind: PackageKind;
  package: string;
  /** The first version without it; absent where there is none. */
  fixed?: string;
  state?: FixState;
  severity: Severity;
  score: number;
  epss: number;
  kev?: string;
  ransomware?: boolean;
  title: string;
  text?: string;
  cwe: string;
  published: string;
  aliases?: string[];
}

export const entry = (
  id: string,
  kind: PackageKind,
  name: string,
  fixed: string | undefined,
  severity: Severity,
  score: number,
  epss: number,
  cwe: string,
  published: string,
  title: string,
  more: Partial<Entry> = {},
): Entry => ({
  id,
  kind,
  package: name,
  ...(fixed ? { fixed } : {}),
  severity,
  score,
  epss,
  cwe,
  published,
  title,
  ...more,
});
