// The nouns of the API under the names the screens use; their shape is
// generated from the contract.

import type { components } from './schema';

type Schemas = components['schemas'];

export type AffectedPlace = Schemas['AffectedPlace'];
export type Change = Schemas['Change'];
export type Coverage = Schemas['Coverage'];
export type Database = Schemas['Database'];
export type Environment = Schemas['Environment'];
export type Epss = Schemas['Epss'];
export type Event = Schemas['Event'];
export type Facets = Schemas['Facets'];
export type Finding = Schemas['Finding'];
export type FindingSort = Schemas['FindingSort'];
export type Fix = Schemas['Fix'];
export type FixState = Schemas['FixState'];
export type Gap = Schemas['Gap'];
export type Image = Schemas['Image'];
export type ImageDetail = Schemas['ImageDetail'];
export type ImageRef = Schemas['ImageRef'];
export type ImageSort = Schemas['ImageSort'];
export type Kev = Schemas['Kev'];
export type Layer = Schemas['Layer'];
export type Layers = Schemas['Layers'];
export type Overview = Schemas['Overview'];
export type OperatingSystem = Schemas['OperatingSystem'];
export type Package = Schemas['Package'];
export type PackageKind = Schemas['PackageKind'];
export type Scan = Schemas['Scan'];
export type ScanState = Schemas['ScanState'];
export type SearchResults = Schemas['SearchResults'];
export type Session = Schemas['Session'];
export type Severity = Schemas['Severity'];
export type SeverityCounts = Schemas['SeverityCounts'];
export type Suppression = Schemas['Suppression'];
export type TargetKind = Schemas['TargetKind'];
export type TopFix = Schemas['TopFix'];
export type Vulnerability = Schemas['Vulnerability'];
export type VulnerabilityDetail = Schemas['VulnerabilityDetail'];
export type VulnerabilityFix = Schemas['VulnerabilityFix'];
export type VulnerabilitySort = Schemas['VulnerabilitySort'];
export type Warning = Schemas['Warning'];

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  total: number;
  total_capped: boolean;
}
