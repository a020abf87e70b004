// Small marks that say one thing about a row.

import { IconAlertTriangle, IconFlame } from '@tabler/icons-react';
import type {
  Effort,
  Finding,
  FindingState,
  FixState,
  PackageKind,
  TargetKind,
  TopFix,
} from '../api/types';
import { percent, plural } from '../lib/format';
import { Tooltip } from '../ui/Tooltip';
import classes from './marks.module.css';
import { PROGRESS_NAME, STATE_NAME } from './words';

export function KevMark() {
  return (
    <Tooltip label="Known to be exploited (CISA’s catalogue)">
      <span className={classes.kev}>
        <IconFlame size={12} aria-hidden />
        KEV
      </span>
    </Tooltip>
  );
}

export function EpssMark({ epss }: { epss: number | null | undefined }) {
  if (epss === null || epss === undefined) return <span>–</span>;
  return (
    <Tooltip label={`EPSS: ${percent(epss)} chance of exploitation within 30 days`}>
      <span className="tabular">{percent(epss)}</span>
    </Tooltip>
  );
}

export function PartialMark({ warnings }: { warnings: number }) {
  if (warnings === 0) return null;
  return (
    <Tooltip label={`${plural(warnings, 'part')} could not be read; the rest is complete`}>
      <span className={classes.partial}>
        <IconAlertTriangle size={12} aria-hidden />
        Partly scanned
      </span>
    </Tooltip>
  );
}

export function StarterMark() {
  return (
    <Tooltip label="Matched against the built-in starter advisories only: findings are true but incomplete">
      <span className={classes.partial}>Starter advisories</span>
    </Tooltip>
  );
}

export const PACKAGE_KIND: Record<PackageKind, string> = {
  deb: 'Debian package',
  apk: 'Alpine package',
  rpm: 'RPM package',
  npm: 'npm',
  pypi: 'Python',
  maven: 'Java',
  golang: 'Go',
  cargo: 'Rust',
  gem: 'Ruby',
  composer: 'PHP',
  nuget: '.NET',
  generic: 'Generic',
};

export const PACKAGE_KINDS = Object.keys(PACKAGE_KIND) as PackageKind[];

export const TARGET_KIND: Record<TargetKind, string> = {
  image: 'Image',
  rootfs: 'Machine',
  sbom: 'SBOM',
};

export function KindMark({ kind }: { kind: string }) {
  return <span className={classes.kind}>{kind}</span>;
}

export const FIX_STATE: Record<FixState, string> = {
  fixed: 'Fix available',
  unfixed: 'No fix yet',
  will_not_fix: 'Will not be fixed',
  under_investigation: 'Under investigation',
  not_affected: 'Not affected',
};

/** The version that mends it, or why there is none. */
export function FixText({ fix }: { fix: { state: FixState; versions: string[] } }) {
  const version = fix.versions[0];
  if (version) return <span className="mono">{version}</span>;
  return <span className={classes.nofix}>{FIX_STATE[fix.state]}</span>;
}

/** "openssl 3.0.15 → 3.0.17". */
export function FixStep({ fix }: { fix: TopFix }) {
  const from =
    fix.installed.length > 2 ? plural(fix.installed.length, 'version') : fix.installed.join(', ');
  return (
    <span className={classes.step}>
      <b>{fix.package}</b> <span className={classes.from}>{from}</span>
      <span aria-hidden> → </span>
      <span className={classes.hidden}>to</span>
      <span className="mono">{fix.version}</span>
    </span>
  );
}

/** Where a finding is in its life, in a word and a shape. */
export function StateMark({ state }: { state: FindingState }) {
  return (
    <span className={classes.state} data-state={state}>
      {STATE_NAME[state]}
    </span>
  );
}

/** What is done about an open finding. */
export function ProgressMark({ finding }: { finding: Pick<Finding, 'progress' | 'due'> }) {
  const isWorked = finding.progress === 'in_progress';
  return (
    <span className={classes.state} data-state={isWorked ? 'in_progress' : 'new'}>
      {PROGRESS_NAME[finding.progress ?? 'new']}
    </span>
  );
}

/** How much work it is, in three steps. */
export function EffortMark({ effort }: { effort: Effort }) {
  const steps = { low: 1, moderate: 2, high: 3 }[effort];
  return (
    <span className={classes.effort}>
      <span aria-hidden className={classes.steps}>
        {[1, 2, 3].map((step) => (
          <i key={step} data-on={step <= steps || undefined} />
        ))}
      </span>
      {EFFORT[effort]}
    </span>
  );
}

const EFFORT: Record<Effort, string> = { low: 'Low', moderate: 'Moderate', high: 'High' };
