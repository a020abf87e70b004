// The API's words as people read them.

import type {
  AssetKind,
  ExemptionState,
  FindingKind,
  FindingState,
  GroupBy,
  Progress,
  Reason,
} from '../api/types';

export const KIND_NAME: Record<FindingKind, string> = {
  alert: 'Alert',
  misconfiguration: 'Recommendation',
  vulnerability: 'Vulnerability',
  secret: 'Secret',
  malware: 'Malware',
};

export const KIND_PLURAL: Record<FindingKind, string> = {
  alert: 'Alerts',
  misconfiguration: 'Recommendations',
  vulnerability: 'Vulnerabilities',
  secret: 'Secrets',
  malware: 'Malware',
};

export const STATE_NAME: Record<FindingState, string> = {
  open: 'Open',
  resolved: 'Resolved',
  dismissed: 'Dismissed',
  exempted: 'Exempted',
};

export const PROGRESS_NAME: Record<Progress, string> = { new: 'New', in_progress: 'In progress' };

export const REASONS: { value: Reason; label: string; doc: string }[] = [
  { value: 'false_positive', label: 'False positive', doc: 'It is not what it says' },
  { value: 'benign', label: 'Expected', doc: 'It happened, and it is how this works' },
  { value: 'accepted_risk', label: 'Accepted risk', doc: 'Known, and lived with' },
  { value: 'mitigated', label: 'Mitigated', doc: 'Something else prevents the harm' },
  { value: 'test', label: 'Test', doc: 'A test or an exercise' },
  { value: 'other', label: 'Other', doc: 'The note says why' },
];

export function reasonName(reason: Reason): string {
  return REASONS.find((each) => each.value === reason)?.label ?? reason;
}

export const ASSET_NAME: Record<AssetKind, string> = {
  environment: 'Environment',
  cluster: 'Cluster',
  host: 'Host',
  namespace: 'Namespace',
  workload: 'Workload',
  pod: 'Pod',
  container: 'Container',
  image: 'Image',
};

export const ASSET_PLURAL: Record<AssetKind, string> = {
  environment: 'Environments',
  cluster: 'Clusters',
  host: 'Hosts',
  namespace: 'Namespaces',
  workload: 'Workloads',
  pod: 'Pods',
  container: 'Containers',
  image: 'Images',
};

export const EXEMPTION_STATE: Record<ExemptionState, string> = {
  active: 'Active',
  expired: 'Expired',
  revoked: 'Ended early',
};

export const GROUP_NAME: Record<GroupBy, string> = {
  rule: 'Rule',
  asset: 'Asset',
  workload: 'Workload',
  namespace: 'Namespace',
  image: 'Image',
  package: 'Package',
};

/** The tactics of ATT&CK for containers, in the order an attack goes. */
export const TACTICS: { slug: string; name: string }[] = [
  { slug: 'initial-access', name: 'Initial access' },
  { slug: 'execution', name: 'Execution' },
  { slug: 'persistence', name: 'Persistence' },
  { slug: 'privilege-escalation', name: 'Privilege escalation' },
  { slug: 'defense-evasion', name: 'Defense evasion' },
  { slug: 'credential-access', name: 'Credential access' },
  { slug: 'discovery', name: 'Discovery' },
  { slug: 'lateral-movement', name: 'Lateral movement' },
  { slug: 'collection', name: 'Collection' },
  { slug: 'command-and-control', name: 'Command and control' },
  { slug: 'exfiltration', name: 'Exfiltration' },
  { slug: 'impact', name: 'Impact' },
];

export function tacticName(slug: string): string {
  const known = TACTICS.find((each) => each.slug === slug);
  return known?.name ?? slug.replaceAll('_', ' ').replaceAll('-', ' ');
}
