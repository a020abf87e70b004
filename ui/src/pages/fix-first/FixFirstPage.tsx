// What to do first: steps that each close many findings, those that close
// most of what presses before others.

import { IconBox, IconChevronRight, IconHammer, IconPackages } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { running, type WorkList, type WorkStep } from '../../api/running';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { KevMark, KindMark } from '../../components/marks';
import { VulnerabilityLink } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { PriorityMark } from '../../components/Running';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { upgradeFor } from '../../lib/upgrade';
import { Command } from '../../ui/Copy';
import { Chip, Chips } from '../../ui/Filters';
import { useKeys } from '../../ui/keys';
import { Notice } from '../../ui/Notice';
import { PlainButton } from '../../ui/PlainButton';
import classes from './fix-first.module.css';
import { StepImages } from './StepImages';
import { KNOWN_BY, keyOf } from './steps';

const LIMIT = 200;
const FROM = [
  { value: undefined, label: 'Any' },
  { value: '100', label: '100 and more' },
  { value: '250', label: '250 and more' },
  { value: '500', label: '500 and more' },
];

export function FixFirstPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const isEverything = search.of === 'everything';
  const from = FROM.find((each) => each.value !== undefined && each.value === search.priority);
  const query = useQuery(
    running.work({
      environment,
      running: !isEverything,
      ...(from ? { priority: Number(from.value) } : {}),
      limit: LIMIT,
    }),
  );
  const steps = query.data?.steps ?? [];
  const at = steps.findIndex((step) => keyOf(step) === search.sel);
  const open = (index: number) => {
    const step = steps[Math.max(0, Math.min(steps.length - 1, index))];
    if (!step) return;
    set({ sel: keyOf(step) });
    document.getElementById(`step-${keyOf(step)}`)?.focus();
  };
  useKeys({
    j: () => open(at + 1),
    k: () => open(at < 0 ? 0 : at - 1),
    Escape: () => set({ sel: undefined }),
  });
  return (
    <Page title="Fix first">
      <Toolbar label="Narrow the work">
        <Chips label="Of which images">
          <Chip isOn={!isEverything} onClick={() => set({ of: undefined, sel: undefined })}>
            Images that run
          </Chip>
          <Chip isOn={isEverything} onClick={() => set({ of: 'everything', sel: undefined })}>
            All images
          </Chip>
        </Chips>
        <Chips label="Of which priority">
          {FROM.map((each) => (
            <Chip
              key={each.label}
              isOn={from ? from === each : each.value === undefined}
              onClick={() => set({ priority: each.value, sel: undefined })}
            >
              {each.value === undefined ? 'Any priority' : each.label}
            </Chip>
          ))}
        </Chips>
      </Toolbar>
      {query.data ? (
        <Work
          work={query.data}
          isEverything={isEverything}
          isFiltered={from !== undefined}
          isStale={query.isPlaceholderData}
        />
      ) : query.error ? (
        <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />
      ) : (
        <Waiting label="what to do first" />
      )}
    </Page>
  );
}

function Work({
  work,
  isEverything,
  isFiltered,
  isStale,
}: {
  work: WorkList;
  isEverything: boolean;
  isFiltered: boolean;
  isStale: boolean;
}) {
  const [search, set] = useUrl();
  if (work.steps.length === 0) {
    if (isFiltered) return <FilteredOut noun="step" onClear={() => set({ priority: undefined })} />;
    return (
      <NothingFound title="Nothing to do">
        <p>
          {work.findings > 0
            ? `${plural(work.findings, 'vulnerability is', 'vulnerabilities are')} open, and no version that mends one is there yet.`
            : isEverything
              ? 'No image has an open vulnerability.'
              : 'No image that runs has an open vulnerability.'}
        </p>
        {!isEverything && (
          <p>
            <Go to="/fix-first" search={{ of: 'everything' }}>
              Look at all images
            </Go>
          </p>
        )}
      </NothingFound>
    );
  }
  return (
    <>
      <p className={classes.lead}>
        <b>{plural(work.total, 'step')}</b> {work.total === 1 ? 'closes' : 'close'}{' '}
        <b>{count(work.closes)}</b> of{' '}
        {plural(work.findings, 'open vulnerability', 'open vulnerabilities')}
        {isEverything ? '' : ' in what runs'}; {count(work.unfixable)}{' '}
        {work.unfixable === 1 ? 'has' : 'have'} no fix yet.
      </p>
      {work.truncated && (
        <Notice tone="info" title="There are more images than were looked at">
          These steps are of the most pressing of them.
        </Notice>
      )}
      <ol className={classes.steps} data-stale={isStale || undefined} aria-label="Steps">
        {work.steps.map((step, index) => (
          <Step
            key={keyOf(step)}
            step={step}
            rank={index + 1}
            isOpen={keyOf(step) === search.sel}
            onToggle={(isOpen) => set({ sel: isOpen ? keyOf(step) : undefined })}
          />
        ))}
      </ol>
      {work.total > work.steps.length && (
        <p className={classes.quiet}>
          {plural(work.total - work.steps.length, 'step')} that close less are not shown.
        </p>
      )}
    </>
  );
}

function Step({
  step,
  rank,
  isOpen,
  onToggle,
}: {
  step: WorkStep;
  rank: number;
  isOpen: boolean;
  onToggle: (isOpen: boolean) => void;
}) {
  const Icon = step.kind === 'rebuild' ? IconHammer : IconPackages;
  return (
    <li className={classes.step} data-open={isOpen || undefined}>
      <PlainButton
        id={`step-${keyOf(step)}`}
        className={classes.head}
        aria-expanded={isOpen}
        onClick={() => onToggle(!isOpen)}
      >
        <IconChevronRight size={14} aria-hidden className={classes.chevron} />
        <span className={classes.rank}>{rank}</span>
        <Icon size={16} stroke={1.6} aria-hidden className={classes.icon} />
        <span className={classes.title}>{step.title}</span>
        <span className={classes.effect}>
          closes <b>{count(totalOf(step.closes))}</b>
        </span>
        {step.kev > 0 && <KevMark />}
        <span className={classes.strip}>
          <SeverityStrip counts={step.closes} />
        </span>
        <PriorityMark value={step.priority} />
      </PlainButton>
      {isOpen && <Body step={step} />}
    </li>
  );
}

function Body({ step }: { step: WorkStep }) {
  return (
    <div className={classes.body}>
      <div className={classes.how}>
        {step.base && <Rebuild step={step} />}
        {step.upgrade && <Upgrade step={step} />}
        <div>
          <h2 className={classes.heading}>
            What it closes
            {step.kev > 0 && `, ${plural(step.kev, 'exploited one', 'exploited ones')} among them`}
          </h2>
          <ul className={classes.ids}>
            {step.vulnerabilities.map((id) => (
              <li key={id}>
                <VulnerabilityLink id={id} />
              </li>
            ))}
            {totalOf(step.closes) > step.vulnerabilities.length && (
              <li className={classes.quiet}>and more</li>
            )}
          </ul>
        </div>
      </div>
      <div>
        <h2 className={classes.heading}>
          In {plural(step.image_count, 'image')}
          {step.image_count > step.images.length && `, the first ${step.images.length}`}
        </h2>
        <StepImages images={step.images} />
      </div>
    </div>
  );
}

function Rebuild({ step: { base } }: { step: WorkStep }) {
  if (!base) return null;
  return (
    <div>
      <h2 className={classes.heading}>On which base</h2>
      <p className={classes.text}>
        <IconBox size={14} aria-hidden className={classes.inline} /> They stand on{' '}
        {base.image ? (
          <Go to={`/images/${encodeURIComponent(base.image.id)}`}>{base.name}</Go>
        ) : (
          <b>{base.name}</b>
        )}
        , known {KNOWN_BY[base.known_by] ?? base.known_by}.{' '}
        {base.newer ? (
          <>
            <Go to={`/images/${encodeURIComponent(base.newer.id)}`}>{base.newer.name}</Go> lacks
            what is counted here: build on it.
          </>
        ) : (
          'No newer build of it is known here: pull the newest, and build again.'
        )}
      </p>
      <Command label="the build">{`docker build --pull --no-cache .`}</Command>
    </div>
  );
}

function Upgrade({ step: { upgrade } }: { step: WorkStep }) {
  if (!upgrade) return null;
  const how = upgradeFor(upgrade.kind, upgrade.package, upgrade.version);
  return (
    <div>
      <h2 className={classes.heading}>Which package</h2>
      <p className={classes.text}>
        <b>{upgrade.package}</b> <KindMark kind={upgrade.kind} />{' '}
        <span className="mono">{upgrade.installed.join(', ')}</span> to{' '}
        <span className="mono">{upgrade.version}</span>
        {how && <span className={classes.quiet}> · {how.place}</span>}
      </p>
      {how && <Command label="the upgrade">{how.command}</Command>}
    </div>
  );
}
