// The nouns of the API under the names the screens use; their shape is
// generated from the contract.

import type { components } from './schema';

type Schemas = components['schemas'];

export type Action = Schemas['Action'];
export type ActionDone = Schemas['ActionDone'];
export type AffectedPlace = Schemas['AffectedPlace'];
export type AlertContext = Schemas['AlertContext'];
export type AlertDetail = Schemas['AlertDetail'];
export type AlertTrace = Schemas['AlertTrace'];
export type Asset = Schemas['Asset'];
export type AssetDetail = Schemas['AssetDetail'];
export type AssetKind = Schemas['AssetKind'];
export type AssetRef = Schemas['AssetRef'];
export type AttackMatrix = Schemas['AttackMatrix'];
export type Change = Schemas['Change'];
export type Compliance = Schemas['Compliance'];
export type Control = Schemas['Control'];
export type Coverage = Schemas['Coverage'];
export type Database = Schemas['Database'];
export type Decision = Schemas['Decision'];
export type Effort = Schemas['Effort'];
export type Environment = Schemas['Environment'];
export type Epss = Schemas['Epss'];
export type Event = Schemas['Event'];
export type Exemption = Schemas['Exemption'];
export type ExemptionChange = Schemas['ExemptionChange'];
export type ExemptionPreview = Schemas['ExemptionPreview'];
export type ExemptionState = Schemas['ExemptionState'];
export type Facets = Schemas['Facets'];
export type Finding = Schemas['Finding'];
export type FindingDetail = Schemas['FindingDetail'];
export type FindingEvent = Schemas['FindingEvent'];
export type FindingGroup = Schemas['FindingGroup'];
export type FindingKind = Schemas['FindingKind'];
export type FindingPackage = Schemas['FindingPackage'];
export type FindingSort = Schemas['FindingSort'];
export type FindingState = Schemas['FindingState'];
export type Fix = Schemas['Fix'];
export type FixState = Schemas['FixState'];
export type Gap = Schemas['Gap'];
export type Image = Schemas['Image'];
export type ImageDetail = Schemas['ImageDetail'];
export type ImageRef = Schemas['ImageRef'];
export type ImageSort = Schemas['ImageSort'];
export type Kev = Schemas['Kev'];
export type KindCounts = Schemas['KindCounts'];
export type Layer = Schemas['Layer'];
export type Layers = Schemas['Layers'];
export type MuteProposal = Schemas['MuteProposal'];
export type NewExemption = Schemas['NewExemption'];
export type NewView = Schemas['NewView'];
export type OperatingSystem = Schemas['OperatingSystem'];
export type Overview = Schemas['Overview'];
export type Package = Schemas['Package'];
export type PackageKind = Schemas['PackageKind'];
export type Principal = Schemas['Principal'];
export type Progress = Schemas['Progress'];
export type QueryChecked = Schemas['QueryChecked'];
export type QueryError = Schemas['QueryError'];
export type QueryField = Schemas['QueryField'];
export type QueryFields = Schemas['QueryFields'];
export type RawEvent = Schemas['RawEvent'];
export type Reason = Schemas['Reason'];
export type Recommendation = Schemas['Recommendation'];
export type RecommendationDetail = Schemas['RecommendationDetail'];
export type RecommendationState = Schemas['RecommendationState'];
export type Scan = Schemas['Scan'];
export type ScanState = Schemas['ScanState'];
export type ScanTrigger = Schemas['ScanTrigger'];
export type Score = Schemas['Score'];
export type ScoreHistory = Schemas['ScoreHistory'];
export type ScoreMove = Schemas['ScoreMove'];
export type ScorePoint = Schemas['ScorePoint'];
export type SearchResults = Schemas['SearchResults'];
export type Selection = Schemas['Selection'];
export type Session = Schemas['Session'];
export type Severity = Schemas['Severity'];
export type SeverityCounts = Schemas['SeverityCounts'];
export type Standard = Schemas['Standard'];
export type Step = Schemas['Step'];
export type Suppression = Schemas['Suppression'];
export type Tactic = Schemas['Tactic'];
export type TacticCount = Schemas['TacticCount'];
export type TargetKind = Schemas['TargetKind'];
export type Technique = Schemas['Technique'];
export type TopFix = Schemas['TopFix'];
export type TraceEvent = Schemas['TraceEvent'];
export type TraceKind = Schemas['TraceKind'];
export type TraceProcess = Schemas['TraceProcess'];
export type View = Schemas['View'];
export type Vulnerability = Schemas['Vulnerability'];
export type VulnerabilityDetail = Schemas['VulnerabilityDetail'];
export type VulnerabilityFix = Schemas['VulnerabilityFix'];
export type VulnerabilitySort = Schemas['VulnerabilitySort'];
export type Warning = Schemas['Warning'];

/** The contract points at it by name alone. */
export type GroupBy = 'rule' | 'asset' | 'workload' | 'namespace' | 'image' | 'package';

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  total: number;
  total_capped: boolean;
}
