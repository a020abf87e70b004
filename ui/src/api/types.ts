// The nouns of the API, as the screens use them.

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info' | 'unknown';
export type SeverityCounts = Record<Severity, number>;
export type PackageKind =
  | 'deb'
  | 'apk'
  | 'rpm'
  | 'npm'
  | 'pypi'
  | 'maven'
  | 'golang'
  | 'cargo'
  | 'gem'
  | 'composer'
  | 'nuget'
  | 'generic';
export type TargetKind = 'image' | 'rootfs' | 'sbom';
export type FixState = 'fixed' | 'unfixed' | 'will_not_fix' | 'under_investigation' | 'not_affected';

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  total: number;
}

export interface Session {
  signed_in: boolean;
  version: string;
  data_dir?: string | null;
}

export interface Environment {
  id: string;
  name: string;
  kind: 'local' | 'demo';
  images: number;
}

export interface ImageName {
  id: string;
  name: string;
}

export interface OperatingSystem {
  id: string;
  version: string;
  name: string;
}

export interface Fix {
  package: string;
  kind: PackageKind;
  from: string[];
  to: string;
  images: number;
  findings: number;
  severities: SeverityCounts;
  vulnerabilities: string[];
  kev: boolean;
}

export interface Gap {
  kind: 'starter_only' | 'database_old' | 'unreadable' | 'scan_failed' | 'unsupported_os';
  message: string;
  help?: string | null;
  image?: ImageName | null;
  scan?: string | null;
  count: number;
}

export interface Change {
  at: string;
  kind:
    | 'image_added'
    | 'image_removed'
    | 'scan_finished'
    | 'scan_failed'
    | 'findings_opened'
    | 'findings_resolved'
    | 'database_updated';
  title: string;
  image?: ImageName | null;
  severities?: SeverityCounts | null;
  count?: number | null;
}

export interface Overview {
  images: number;
  partial_images: number;
  packages: number;
  severities: SeverityCounts;
  fixable: SeverityCounts;
  suppressed: number;
  kev: number;
  vulnerabilities: number;
  fixes: Fix[];
  worst_images: ImageRow[];
  gaps: Gap[];
  database: Database;
  running: Scan[];
  changes: Change[];
}

export interface ImageRow {
  id: string;
  name: string;
  kind: TargetKind;
  environment: string;
  os?: OperatingSystem | null;
  platform?: string | null;
  digest?: string | null;
  packages: number;
  layers: number;
  severities: SeverityCounts;
  fixable: number;
  suppressed: number;
  kev: number;
  scanned: string;
  warnings: number;
  starter_only: boolean;
}

export interface Warning {
  message: string;
  path?: string | null;
  layer?: string | null;
}

export interface Image extends ImageRow {
  identity: { manifest?: string | null; config?: string | null; tags: string[] };
  config?: {
    platform?: string | null;
    created?: string | null;
    author?: string | null;
    user?: string | null;
    entrypoint: string[];
    command: string[];
    labels: Record<string, string>;
  } | null;
  size?: number | null;
  target: string;
  fixable_by_severity: SeverityCounts;
  fix_states: { fixed: number; unfixed: number; will_not_fix: number; under_investigation: number };
  package_kinds: { kind: PackageKind; packages: number; findings: number }[];
  warnings_list: Warning[];
  first_seen: string;
  tool: string;
  database: { generation: string; compiled: string; advisories: number; starter_only: boolean };
  fixes: Fix[];
}

export interface Suppression {
  by: 'vex' | 'ignore_file' | 'advisory';
  status: string;
  justification?: string | null;
  statement?: string | null;
  source: string;
  expires?: string | null;
}

export interface Epss {
  score: number;
  percentile: number;
}

export interface Kev {
  added: string;
  due?: string | null;
  ransomware: boolean;
}

export interface Finding {
  id: string;
  vulnerability: string;
  severity: Severity;
  title: string;
  package: {
    kind: PackageKind;
    name: string;
    version: string;
    purl: string;
    path: string;
    layer?: number | null;
  };
  fix: { state: FixState; versions: string[] };
  advisories: string[];
  suppression?: Suppression | null;
  cvss?: number | null;
  epss?: Epss | null;
  kev?: Kev | null;
  image: ImageName;
  layer?: { index: number; digest: string; created_by?: string | null } | null;
  first_seen: string;
  last_seen: string;
  upgrade?: string | null;
}

export interface Package {
  name: string;
  version: string;
  kind: PackageKind;
  purl: string;
  path: string;
  layer?: number | null;
  licenses: string[];
  source?: { name: string; version: string } | null;
  owned_by?: string | null;
  severities: SeverityCounts;
}

export interface Layer {
  index: number;
  diff_id: string;
  digest?: string | null;
  size?: number | null;
  created_by?: string | null;
  created?: string | null;
  packages: number;
  severities: SeverityCounts;
  warnings: number;
}

export interface VulnerabilityRow {
  id: string;
  title: string;
  severity: Severity;
  cvss?: number | null;
  epss?: Epss | null;
  kev?: Kev | null;
  published?: string | null;
  images: number;
  packages: string[];
  fixable: 'all' | 'some' | 'none';
  findings: number;
}

export interface Affected {
  package: string;
  kind: PackageKind;
  versions: string[];
  fixed?: string | null;
  state: FixState;
  images: { id: string; name: string; path: string; version: string; layer?: number | null }[];
}

export interface Vulnerability {
  id: string;
  aliases: string[];
  title: string;
  description: string;
  severity: Severity;
  cvss: { vector: string; score: number; source: string }[];
  epss?: Epss | null;
  kev?: Kev | null;
  cwes: string[];
  references: string[];
  published?: string | null;
  modified?: string | null;
  findings: number;
  images: number;
  fixes: Fix[];
  affected: Affected[];
}

export interface Failure {
  message: string;
  help?: string | null;
}

export interface ScanProgress {
  phase: string;
  layers_done: number;
  layers_total: number;
  bytes_done: number;
  bytes_total?: number | null;
  files: number;
}

export type ScanState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Scan {
  id: string;
  target: string;
  name: string;
  kind: TargetKind;
  platform?: string | null;
  environment: string;
  state: ScanState;
  requested: string;
  started?: string | null;
  finished?: string | null;
  trigger: 'user' | 'machine' | 'schedule' | 'demo';
  progress?: ScanProgress | null;
  image?: ImageName | null;
  severities?: SeverityCounts | null;
  packages?: number | null;
  warnings?: number | null;
  error?: Failure | null;
}

export interface DatabaseUpdate {
  state: 'running' | 'failed' | 'done';
  kind: 'update' | 'import';
  started: string;
  finished?: string | null;
  step: string;
  done: number;
  total?: number | null;
  unit: 'bytes' | 'records';
  error?: Failure | null;
}

export interface Database {
  generation: string;
  compiled: string;
  advisories: number;
  vulnerabilities?: number | null;
  sources: { ecosystem: string; advisories: number; newest?: string | null }[];
  epss?: string | null;
  kev?: string | null;
  starter_only: boolean;
  update?: DatabaseUpdate | null;
  last_update?: string | null;
  next_update?: string | null;
  directory?: string | null;
  base_url?: string | null;
}

export interface SearchResults {
  images: { id: string; name: string; kind: TargetKind; severities: SeverityCounts }[];
  vulnerabilities: { id: string; title: string; severity: Severity; images: number }[];
  packages: { name: string; kind: PackageKind; version: string; images: number }[];
}
