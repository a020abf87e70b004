// What happened to an image, newest first: why it was looked at, what the
// looks found, and what changed since.

import { Button } from '@mantine/core';
import {
  IconAlertTriangle,
  IconArrowsExchange,
  IconBinaryTree,
  IconBug,
  IconClock,
  IconDoorEnter,
  IconDownload,
  IconGitBranch,
  IconPlayerPlay,
  IconRadar2,
  IconUpload,
  IconUser,
  IconWritingSign,
} from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import { scanning, type TimelineEntry } from '../../api/scanning';
import type { Scan } from '../../api/types';
import { NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { PartialMark } from '../../components/marks';
import { ImageText } from '../../components/Names';
import { Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { TRIGGER } from '../../components/ScanTable';
import { SeverityStrip } from '../../components/Severity';
import { useUrl } from '../../components/url';
import { VERDICT } from '../../components/Verdict';
import { plural } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { day } from '../../lib/time';
import { list, toggle } from '../../lib/url-state';
import { Chip, Chips } from '../../ui/Filters';
import { Time } from '../../ui/Time';
import classes from './timeline.module.css';

const KINDS = ['trigger', 'scan', 'change', 'trust'] as const;
const KIND_NAME = {
  trigger: 'Why it was looked at',
  scan: 'Scans',
  change: 'Changes',
  trust: 'Signatures',
};

const ICON: Record<Scan['trigger'], typeof IconClock> = {
  user: IconUser,
  start: IconPlayerPlay,
  schedule: IconClock,
  demo: IconPlayerPlay,
  push: IconUpload,
  import: IconArrowsExchange,
  recent_pull: IconDownload,
  running: IconBinaryTree,
  admission: IconDoorEnter,
  advisory: IconBug,
  ci: IconGitBranch,
};

export function TimelineTab({ id, name }: { id: string; name: string }) {
  const [search, set] = useUrl();
  const query = useInfiniteQuery(scanning.timeline(id));
  const chosen = list(search.kind, KINDS);
  const entries = useMemo(() => query.data?.pages.flat() ?? [], [query.data]);
  if (query.isPending) return <Waiting label="the timeline" />;
  if (query.error && !query.data)
    return <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />;
  if (entries.length === 0)
    return (
      <NothingFound title="Nothing is on record">
        <p>What happens to it from now on is written down here.</p>
      </NothingFound>
    );
  const shown = entries.filter((each) => chosen.length === 0 || chosen.includes(each.kind));
  const days = new Map<string, TimelineEntry[]>();
  for (const entry of shown) {
    const date = day(entry.time);
    days.set(date, [...(days.get(date) ?? []), entry]);
  }
  return (
    <>
      <Toolbar label="Narrow the timeline">
        <Chips label="What is shown">
          {KINDS.map((kind) => (
            <Chip
              key={kind}
              isOn={chosen.includes(kind)}
              onClick={() => set({ kind: toggle(search.kind, kind, KINDS) })}
            >
              {KIND_NAME[kind]}
            </Chip>
          ))}
        </Chips>
      </Toolbar>
      <div className={classes.days}>
        {[...days].map(([date, entries]) => (
          <section key={date} aria-label={date}>
            <h2 className={classes.date}>{date}</h2>
            <ol className={classes.list} aria-label={`On ${date}, newest first`}>
              {entries.map((entry, index) => (
                <Entry key={`${entry.time} ${index}`} entry={entry} image={name} />
              ))}
            </ol>
          </section>
        ))}
        {shown.length === 0 && <p className={classes.quiet}>Nothing of this sort so far.</p>}
        {query.hasNextPage && (
          <Button
            size="xs"
            variant="default"
            loading={query.isFetchingNextPage}
            onClick={() => query.fetchNextPage()}
          >
            Show what was before
          </Button>
        )}
      </div>
    </>
  );
}

function Entry({ entry, image }: { entry: TimelineEntry; image: string }) {
  const [Icon, tone, content] = told(entry, image);
  return (
    <li className={classes.entry} data-kind={entry.kind}>
      <span className={classes.when}>
        <Time at={entry.time} />
      </span>
      <span className={classes.dot} data-tone={tone} aria-hidden>
        <Icon size={14} stroke={1.7} />
      </span>
      <div className={classes.what}>{content}</div>
    </li>
  );
}

/** A reason after the word for it, which it may begin with: said once. */
export function beside(word: string, reason: string): string {
  return reason.toLowerCase().startsWith(`${word.toLowerCase()} `)
    ? reason.slice(word.length)
    : ` · ${reason}`;
}

/** A summary is of several images elsewhere; here the name is known. */
function unnamed(summary: string, image: string): string {
  return summary.startsWith(`${image}: `) ? summary.slice(image.length + 2) : summary;
}

function told(entry: TimelineEntry, image: string): [typeof IconClock, string, ReactNode] {
  if (entry.kind === 'trigger') {
    const { trigger, reason, source, scan } = entry;
    return [
      ICON[trigger],
      'why',
      <>
        <b>{TRIGGER[trigger]}</b>
        <span>{beside(TRIGGER[trigger], reason)}</span>
        {source && (
          <div className={classes.quiet}>
            from <ImageText name={source} />
          </div>
        )}
        {trigger === 'advisory' && !scan && (
          <div className={classes.quiet}>
            What was known of its packages was matched again; nothing was fetched.
          </div>
        )}
      </>,
    ];
  }
  if (entry.kind === 'change')
    return [
      IconBug,
      totalOf(entry.new) > 0 ? 'worse' : 'better',
      <>
        <span>{unnamed(entry.summary, image)}</span>
        <div className={classes.counts}>
          {totalOf(entry.new) > 0 && (
            <>
              <span className={classes.new}>{plural(totalOf(entry.new), 'new', 'new')}</span>
              <SeverityStrip counts={entry.new} />
            </>
          )}
          {entry.resolved > 0 && (
            <span className={classes.gone}>{plural(entry.resolved, 'resolved', 'resolved')}</span>
          )}
        </div>
      </>,
    ];
  if (entry.kind === 'trust') {
    const { policy, verdict, signer, reason } = entry;
    return [
      IconWritingSign,
      verdict === 'signed' ? 'good' : verdict === 'refused' ? 'bad' : 'quiet',
      <>
        <b>{VERDICT[verdict].word}</b>
        {verdict === 'signed' && signer && <span> by {signer}</span>}
        {reason && <span> · {reason}</span>}
        <div className={classes.quiet}>trust policy {policy}</div>
      </>,
    ];
  }
  const { state, outcome, error, scan } = entry;
  const link = (
    <Go to="/scans" search={{ sel: scan }}>
      the scan
    </Go>
  );
  if (!outcome)
    return [
      state === 'failed' ? IconAlertTriangle : IconRadar2,
      state === 'failed' ? 'bad' : 'quiet',
      <>
        <b>{state === 'failed' ? 'Scan failed' : 'Scan cancelled'}</b>{' '}
        {error && <span>{error}</span>} <span className={classes.quiet}>{link}</span>
      </>,
    ];
  const isSame = outcome.new === 0 && outcome.resolved === 0;
  return [
    IconRadar2,
    'good',
    <>
      <b>Scanned</b> <span>{plural(outcome.packages, 'package')}</span>{' '}
      <PartialMark warnings={outcome.warnings} />
      <div className={classes.counts}>
        <SeverityStrip counts={outcome.counts} />
        {isSame && <span className={classes.quiet}>as before</span>}
        {outcome.new > 0 && <span className={classes.new}>{outcome.new} new</span>}
        {outcome.resolved > 0 && <span className={classes.gone}>{outcome.resolved} resolved</span>}
        <span className={classes.quiet}>{link}</span>
      </div>
    </>,
  ];
}
