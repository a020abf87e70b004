// Everything about one finding, in the order questions come: what, where,
// since when, why it matters, the evidence, why it is shown, what to do, who
// accepted it, what happened to it, what is like it.

import { Anchor, Button, Skeleton, Textarea } from '@mantine/core';
import { IconExternalLink } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, lazy, type ReactNode, Suspense, useState } from 'react';
import { queries } from '../api/queries';
import type { AssetRef, Finding, FindingDetail, FindingEvent, Layer, Step } from '../api/types';
import { dockerfileStep, percent, plural } from '../lib/format';
import { term } from '../lib/query';
import { momentOf, spanOf } from '../lib/trace';
import { upgradeFor } from '../lib/upgrade';
import { Command, Copy } from '../ui/Copy';
import { isSafeLink, Markdown } from '../ui/Markdown';
import { Notice } from '../ui/Notice';
import { Fact, Facts } from '../ui/Panel';
import { Day, Time } from '../ui/Time';
import { RawEvents, WhoDidWhat } from './AlertContext';
import { useDoing } from './done';
import { Evidence } from './Evidence';
import { Factors } from './Factors';
import classes from './FindingView.module.css';
import { FIX_STATE, KevMark, PACKAGE_KIND, StateMark } from './marks';
import { AssetLink, ImageLink, keepEnvironment, keepWith, RuleLink } from './Names';
import { OutcomeMark, outcomeOf } from './Outcome';
import { ProblemNotice } from './ProblemNotice';
import { SeverityMark } from './Severity';
import { useEnvironment } from './url';
import { ASSET_NAME, KIND_NAME, PROGRESS_NAME, reasonName, tacticName } from './words';

// Few alerts have one, and it is much to draw.
const TraceProcesses = lazy(async () => ({
  default: (await import('./Trace')).TraceProcesses,
}));
const TraceEvents = lazy(async () => ({ default: (await import('./Trace')).TraceEvents }));

export interface Shown {
  finding: Finding;
  /** Absent while it is fetched. */
  detail: FindingDetail | undefined;
  layers?: Layer[] | undefined;
}

export interface Part {
  id: string;
  title: string;
  body: ReactNode;
}

/** The parts, each with its title; those with nothing to say are left out. */
export function partsOf(shown: Shown): Part[] {
  const { finding, detail } = shown;
  const waiting = <Skeleton height={40} />;
  const parts: (Part | false)[] = [
    !!detail?.alert && {
      id: 'who',
      title: 'Who did what',
      body: <WhoDidWhat alert={detail.alert} />,
    },
    { id: 'where', title: 'Where', body: <Where {...shown} /> },
    { id: 'since', title: 'Since when', body: <Since finding={finding} /> },
    { id: 'why', title: 'Why it matters', body: detail ? <Why {...shown} /> : waiting },
    !!detail?.priority && {
      id: 'priority',
      title: 'How pressing it is',
      body: <Factors priority={detail.priority} use={detail.in_use} />,
    },
    ...tracePartsOf(shown),
    detail?.evidence !== undefined &&
      detail?.evidence !== null && {
        id: 'evidence',
        title: 'Evidence',
        body: <Evidence evidence={detail.evidence} />,
      },
    (detail?.alert?.events ?? 0) > 0 && {
      id: 'events',
      title: 'The events themselves',
      body: <RawEvents key={finding.id} id={finding.id} count={detail?.alert?.events ?? 0} />,
    },
    {
      id: 'because',
      title: 'Why am I seeing this',
      body: detail ? <Because lines={detail.because} /> : waiting,
    },
    { id: 'do', title: 'What to do', body: detail ? <WhatToDo {...shown} /> : waiting },
    !!detail?.alert?.false_positives && {
      id: 'harmless',
      title: 'When it is nothing bad',
      body: <Markdown>{detail.alert.false_positives}</Markdown>,
    },
    { id: 'decision', title: 'Who accepted it', body: <Accepted finding={finding} /> },
    { id: 'care', title: 'Who takes care', body: <Care finding={finding} /> },
    {
      id: 'history',
      title: 'History',
      body: detail ? <History finding={finding} events={detail.history} /> : waiting,
    },
    { id: 'similar', title: 'Similar', body: detail ? <Similar detail={detail} /> : waiting },
    (detail?.references.length ?? 0) > 0 && {
      id: 'references',
      title: 'References',
      body: <References links={detail?.references ?? []} />,
    },
  ];
  return parts.filter((part) => part !== false);
}

/** The processes and their doings, where a sensor saw them. */
function tracePartsOf({ finding, detail }: Shown): Part[] {
  const trace = detail?.alert?.trace;
  if (!trace || detail?.finding.id !== finding.id) return [];
  const span = spanOf(trace.events, momentOf(trace.events, finding.last_seen));
  const doer = ['container', 'pod'].includes(finding.asset.kind) ? 'this container' : 'they';
  const waiting = <Skeleton height={80} />;
  return [
    {
      id: 'processes',
      title: 'The processes',
      body: (
        <Suspense fallback={waiting}>
          <TraceProcesses trace={trace} finding={finding} />
        </Suspense>
      ),
    },
    {
      id: 'before',
      title: `What ${doer} did in the ${span} before`,
      body: (
        <Suspense fallback={waiting}>
          <TraceEvents trace={trace} finding={finding} />
        </Suspense>
      ),
    },
  ];
}

/** What it is, in a line of marks. */
export function FindingMarks({
  finding,
  detail,
}: {
  finding: Finding;
  detail?: FindingDetail | undefined;
}) {
  const outcome = outcomeOf(detail?.evidence);
  return (
    <div className={classes.marks}>
      <SeverityMark severity={finding.severity} />
      <span>{KIND_NAME[finding.kind]}</span>
      {finding.state !== 'open' && <StateMark state={finding.state} />}
      <RuleLink finding={finding} />
      <Copy value={finding.rule} what="id" />
      {finding.kev && <KevMark />}
      {outcome && <OutcomeMark outcome={outcome} />}
      {(finding.techniques ?? []).map((technique) => (
        <Link
          key={technique}
          to="/attack"
          search={keepEnvironment as never}
          className={classes.technique}
          title={(finding.tactics ?? []).map(tacticName).join(', ')}
        >
          {technique}
        </Link>
      ))}
    </div>
  );
}

export function What({ shown: { finding, detail } }: { shown: Shown }) {
  return (
    <>
      {finding.summary && <p className={`${classes.summary} mono`}>{finding.summary}</p>}
      {detail ? (
        <Markdown>{detail.description || finding.title || 'No advisory describes it.'}</Markdown>
      ) : (
        <Skeleton height={48} />
      )}
      {finding.suppression && (
        <Notice
          tone="info"
          title={`Suppressed: ${finding.suppression.status.replaceAll('_', ' ')}`}
        >
          {finding.suppression.statement ?? finding.suppression.justification?.replaceAll('_', ' ')}
          <div className={classes.quiet}>
            by <code>{finding.suppression.source}</code>
            {finding.suppression.expires && `, until ${finding.suppression.expires}`}
          </div>
        </Notice>
      )}
    </>
  );
}

/** From the environment down to it, each a link. */
export function Chain({ chain }: { chain: readonly AssetRef[] }) {
  return (
    <ol className={classes.chain}>
      {chain.map((asset) => (
        <li key={asset.id}>
          <span className={classes.quiet}>{ASSET_NAME[asset.kind]}</span>{' '}
          <AssetLink asset={asset} />
        </li>
      ))}
    </ol>
  );
}

function Where({ finding, detail, layers }: Shown) {
  const { package: found, image, asset } = finding;
  const runs = detail?.alert?.image;
  const layer = layers?.find((each) => each.index === found?.layer);
  return (
    <>
      <Chain chain={detail?.chain ?? [asset]} />
      {(found || runs || (image && asset.kind !== 'image')) && (
        <Facts>
          {image && asset.kind !== 'image' ? (
            <Fact term="Image">
              <ImageLink image={image} />
            </Fact>
          ) : (
            runs && (
              <Fact term="Image">
                {runs} <span className={classes.quiet}>never scanned</span>
              </Fact>
            )
          )}
          {found && (
            <>
              <Fact term="Package">
                {found.name} <span className="mono">{found.version}</span>{' '}
                <span className={classes.quiet}>{PACKAGE_KIND[found.kind]}</span>
              </Fact>
              <Fact term="File">
                <code>/{found.path}</code>
              </Fact>
              {typeof found.layer === 'number' && (
                <Fact term="Layer">
                  {found.layer}
                  {layer?.created_by && (
                    <code className={classes.step}>{dockerfileStep(layer.created_by)}</code>
                  )}
                </Fact>
              )}
            </>
          )}
        </Facts>
      )}
    </>
  );
}

function Since({ finding }: { finding: Finding }) {
  return (
    <p className={classes.text}>
      First seen <Time at={finding.first_seen} />, last <Time at={finding.last_seen} />
      {finding.occurrences > 1 && `, ${finding.occurrences} times in all`}
      {finding.resolved && (
        <>
          ; resolved <Time at={finding.resolved} />
        </>
      )}
      .
    </p>
  );
}

function Why({ finding, detail }: Shown) {
  const environment = useEnvironment();
  const isVulnerability = finding.kind === 'vulnerability';
  const { data: vulnerability } = useQuery({
    ...queries.vulnerability(finding.rule, environment),
    enabled: isVulnerability,
  });
  const kev = vulnerability?.kev;
  const epss = vulnerability?.epss;
  return (
    <>
      {detail?.why && <p className={classes.text}>{detail.why}</p>}
      {isVulnerability && (
        <Facts>
          <Fact term="Severity">
            {finding.severity}
            {typeof finding.cvss === 'number' && `, CVSS ${finding.cvss.toFixed(1)}`}
            {vulnerability?.cvss[0] && (
              <code className={classes.step}>{vulnerability.cvss[0].vector}</code>
            )}
          </Fact>
          <Fact term="Likelihood">
            {typeof finding.epss === 'number' ? (
              <>
                {percent(finding.epss)} within 30 days
                {epss && (
                  <span className={classes.quiet}>
                    {' '}
                    · above {percent(epss.percentile)} of all (EPSS)
                  </span>
                )}
              </>
            ) : (
              'no EPSS score'
            )}
          </Fact>
          <Fact term="Exploited">
            {finding.kev ? (
              <>
                yes, says CISA
                {kev && (
                  <>
                    {' '}
                    since <Day at={kev.added} />
                    {kev.ransomware && ', by ransomware too'}
                  </>
                )}
              </>
            ) : (
              'not in CISA’s catalogue'
            )}
          </Fact>
          {(finding.advisories ?? []).length > 0 && (
            <Fact term="Advisories">{(finding.advisories ?? []).join(', ')}</Fact>
          )}
        </Facts>
      )}
    </>
  );
}

function Because({ lines }: { lines: string[] }) {
  if (lines.length === 0) return <p className={classes.text}>The record does not say.</p>;
  return (
    <ol className={classes.lines}>
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ol>
  );
}

/** Steps in order, what is to be copied with its button. */
export function Steps({ steps }: { steps: Step[] }) {
  return (
    <ol className={classes.steps}>
      {steps.map((step, index) => (
        <li key={index}>
          <div>{step.text}</div>
          {step.code && <Command label="the code">{step.code}</Command>}
        </li>
      ))}
    </ol>
  );
}

function WhatToDo({ finding, detail, layers }: Shown) {
  const { package: found, fix } = finding;
  const version = fix?.versions[0];
  const steps = detail?.remediation ?? [];
  if (!found || !fix) {
    return steps.length > 0 ? (
      <Steps steps={steps} />
    ) : (
      <p className={classes.text}>Nobody has written down what helps.</p>
    );
  }
  if (!version) {
    const why = {
      unfixed:
        'No version with a fix has been published. Take the package out if nothing needs it, or watch for one.',
      will_not_fix:
        'Its publisher says it will not be fixed. Take the package out if nothing needs it, or exempt it with a reason.',
      under_investigation: 'Its publisher is still looking into it. Nothing to upgrade to yet.',
      not_affected: 'Its publisher says this package is not affected.',
      fixed: 'A fix exists, but no advisory names its version.',
    };
    return (
      <>
        <p className={classes.text}>
          <b>{FIX_STATE[fix.state]}.</b> {why[fix.state]}
        </p>
        {steps.length > 0 && <Steps steps={steps} />}
      </>
    );
  }
  const upgrade = upgradeFor(found.kind, found.name, version);
  const layer = layers?.find((each) => each.index === found.layer);
  const isBase = layer?.index === 0 && ['deb', 'apk', 'rpm'].includes(found.kind);
  return (
    <>
      <p className={classes.text}>
        Upgrade <b>{found.name}</b> to <span className="mono">{version}</span>
        {fix.versions.length > 1 && ` (or ${fix.versions.slice(1).join(', ')})`}.
        {isBase && ' It came with the base image: a newer base may bring the fix by itself.'}
      </p>
      {steps.length > 0 ? (
        <Steps steps={steps} />
      ) : (
        upgrade && (
          <>
            <div className={classes.quiet}>{upgrade.place}</div>
            <Command label="the upgrade">{upgrade.command}</Command>
          </>
        )
      )}
    </>
  );
}

function Accepted({ finding }: { finding: Finding }) {
  const { decision } = finding;
  if (!decision) return <p className={classes.text}>Nobody: it weighs in every count.</p>;
  return (
    <Facts>
      <Fact term={finding.state === 'exempted' ? 'Exempted' : 'Dismissed'}>
        by {decision.by}, <Time at={decision.at} />
      </Fact>
      <Fact term="Reason">{reasonName(decision.reason)}</Fact>
      {decision.note && <Fact term="Note">{decision.note}</Fact>}
      {decision.exemption && (
        <Fact term="Exemption">
          <Link to="/exemptions" search={keepWith({ sel: decision.exemption })}>
            Open it
          </Link>
          {decision.expires ? (
            <>
              , ends <Time at={decision.expires} />
            </>
          ) : (
            ', without an end'
          )}
        </Fact>
      )}
    </Facts>
  );
}

function Care({ finding }: { finding: Finding }) {
  return (
    <Facts>
      <Fact term="Progress">{PROGRESS_NAME[finding.progress ?? 'new']}</Fact>
      <Fact term="Assignee">{finding.assignee ?? 'nobody'}</Fact>
      <Fact term="Due">{finding.due ? <Day at={finding.due} /> : 'no date'}</Fact>
    </Facts>
  );
}

function History({ finding, events }: { finding: Finding; events: FindingEvent[] }) {
  const [text, setText] = useState('');
  const doing = useDoing();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '') return;
    doing.run({ ids: [finding.id] }, { do: 'comment', text: text.trim() }, () => setText(''));
  };
  return (
    <>
      <form onSubmit={submit} className={classes.write}>
        <Textarea
          aria-label="Comment"
          placeholder="Comment"
          autosize
          minRows={1}
          maxRows={8}
          size="xs"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Button
          type="submit"
          size="xs"
          variant="default"
          disabled={text.trim() === ''}
          loading={doing.isPending}
        >
          Comment
        </Button>
      </form>
      {doing.error && <ProblemNotice problem={doing.error} title="It was not kept" />}
      <ul className={classes.history}>
        {events.map((event) => (
          <li key={event.id} data-what={event.what}>
            <span className={classes.said}>
              {event.actor && <b>{event.actor} </b>}
              {event.text}
            </span>
            <span className={classes.quiet}>
              <Time at={event.time} />
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Similar({ detail }: { detail: FindingDetail }) {
  const { finding, same_rule, same_asset } = detail;
  if (same_rule === 0 && same_asset === 0) return <p className={classes.text}>It stands alone.</p>;
  const to = finding.kind === 'alert' ? '/alerts' : '/findings';
  return (
    <ul className={classes.links}>
      {same_rule > 0 && (
        <li>
          <Link to={to} search={keepWith({ q: term('rule', finding.rule) })}>
            {plural(same_rule, 'other open finding')}
          </Link>{' '}
          of the same rule
        </li>
      )}
      {same_asset > 0 && (
        <li>
          <Link to="/findings" search={keepWith({ q: term('asset', finding.asset.id) })}>
            {plural(same_asset, 'other open finding')}
          </Link>{' '}
          of the same {ASSET_NAME[finding.asset.kind].toLowerCase()}
        </li>
      )}
    </ul>
  );
}

/** Links from advisories: only those a browser can follow safely. */
export function References({ links }: { links: string[] }) {
  return (
    <ul className={classes.links}>
      {links.filter(isSafeLink).map((link) => (
        <li key={link}>
          <Anchor href={link} target="_blank" rel="noopener noreferrer nofollow" size="sm">
            {link.replace(/^https?:\/\//, '')}{' '}
            <IconExternalLink size={11} aria-label="opens a new tab" />
          </Anchor>
        </li>
      ))}
    </ul>
  );
}
