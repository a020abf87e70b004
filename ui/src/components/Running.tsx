// What is known of things because they run: how pressing they are, whether
// they are used, who reaches them, whose they are.

import type {
  InUse,
  PackagesInUse,
  RunningExposure,
  RunningReach,
  RunningWorkload,
} from '../api/running';
import { count, plural } from '../lib/format';
import { Time } from '../ui/Time';
import { Tooltip } from '../ui/Tooltip';
import { Go } from './Go';
import { AssetLink } from './Names';
import classes from './Running.module.css';

/** The highest priority there is. */
const MOST = 1000;

/** From which number on a priority presses so much. */
const STEPS = [
  [500, 'urgent'],
  [250, 'pressing'],
  [0, 'calm'],
] as const;

/** 0 to 1000, as a number and a length. */
export function PriorityMark({ value }: { value: number | null | undefined }) {
  if (value === null || value === undefined) return <span>–</span>;
  const [, step] = STEPS.find(([from]) => value >= from) ?? [0, 'calm'];
  return (
    <Tooltip label={`Priority ${value} of ${MOST}`}>
      <span className={classes.priority} data-step={step}>
        <span className="tabular">{value}</span>
        <i aria-hidden>
          <b style={{ width: `${Math.max(4, (100 * value) / MOST)}%` }} />
        </i>
      </span>
    </Tooltip>
  );
}

/** Whether a package is used, and how that is known. */
export function InUseMark({ use }: { use: InUse | null | undefined }) {
  if (!use) return <span className={classes.quiet}>–</span>;
  if (use.state === 'seen')
    return (
      <Tooltip label={use.path ? `/${use.path.replace(/^\//, '')} was executed or loaded` : ''}>
        <span className={classes.use} data-use="seen">
          In use
          {use.last_seen && (
            <span className={classes.quiet}>
              {' '}
              <Time at={use.last_seen} />
            </span>
          )}
        </span>
      </Tooltip>
    );
  if (use.state === 'not_seen')
    return (
      <Tooltip label="Every container of the image was watched, and no file of it was executed or loaded">
        <span className={classes.use} data-use="not_seen">
          Not seen in {plural(use.days ?? 1, 'day')}
        </span>
      </Tooltip>
    );
  return (
    <Tooltip label={use.why || undefined}>
      <span className={classes.use} data-use="not_known">
        Not known
      </span>
    </Tooltip>
  );
}

/** How many of an image's packages are used. */
export function PackagesUse({ packages }: { packages: PackagesInUse }) {
  const { total, seen, not_seen, why } = packages;
  if (why && seen === 0)
    return (
      <Tooltip label={why}>
        <span className={classes.quiet}>not known</span>
      </Tooltip>
    );
  return (
    <Tooltip
      label={`${count(seen)} of ${plural(total, 'package')} in use, ${count(not_seen)} not seen, ${count(packages.not_known)} not known`}
    >
      <span className="nowrap">
        <b>{count(seen)}</b> <span className={classes.quiet}>of {count(total)}</span>
      </span>
    </Tooltip>
  );
}

export const REACH: Record<RunningReach, { word: string; doc: string }> = {
  outside: { word: 'Outside', doc: 'Anybody: a load balancer or an ingress leads to it' },
  node: { word: 'Node', doc: 'Whoever reaches the machine: a published or a node’s port' },
  not_known: { word: 'Not known', doc: 'It runs where the ways to it are not known' },
  inside: { word: 'Inside', doc: 'Whoever is in the same cluster or on the same machine' },
  not_running: { word: 'Nobody', doc: 'Nothing runs it' },
};

/** Who can reach what runs it. */
export function ReachMark({ exposure }: { exposure: RunningExposure }) {
  const { word, doc } = REACH[exposure.reach];
  return (
    <Tooltip label={exposure.by ? `${doc}; by ${exposure.by}` : doc}>
      <span className={classes.reach} data-reach={exposure.reach}>
        {word}
      </span>
    </Tooltip>
  );
}

/** Where something runs, from the cluster down, and a link to it. */
export function WorkloadPlace({ workload }: { workload: RunningWorkload }) {
  const above = [workload.cluster, workload.namespace].filter(
    (part): part is string => typeof part === 'string' && part !== workload.name,
  );
  return (
    <span className={classes.place} title={[...above, workload.name].join(' / ')}>
      {above.length > 0 && <span className={classes.quiet}>{above.join(' / ')} / </span>}
      <AssetLink asset={workload} />
    </span>
  );
}

export function Owner({ workload }: { workload: RunningWorkload }) {
  const { owner } = workload;
  if (!owner) return <span className={classes.quiet}>nobody named</span>;
  return (
    <Tooltip label={`By its label ${owner.label}`}>
      <span>{owner.name}</span>
    </Tooltip>
  );
}

/** What else a page of this kind leads to. */
export function RunsLink({ image, containers }: { image: string; containers: number }) {
  return (
    <Go to={`/images/${encodeURIComponent(image)}`} search={{ tab: 'runs' }}>
      {plural(containers, 'container')}
    </Go>
  );
}
