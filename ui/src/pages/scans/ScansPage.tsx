import { ActionIcon, Button } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useCancelScan, useStartScan } from '../../api/actions';
import { queries, type ScanFilters } from '../../api/queries';
import { scanning } from '../../api/scanning';
import type { Scan, ScanState, ScanTrigger } from '../../api/types';
import { FilteredOut, NotConnected, NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { useActivity } from '../../components/live';
import { Page, Toolbar } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { ScanProgress } from '../../components/ScanProgress';
import { ScanStateMark } from '../../components/ScanStateMark';
import {
  Movement,
  ScanName,
  ScanTable,
  TRIGGER,
  TRIGGERS,
  Waits,
} from '../../components/ScanTable';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { plural } from '../../lib/format';
import { duration } from '../../lib/time';
import { list, toggle } from '../../lib/url-state';
import { Command } from '../../ui/Copy';
import { Chip, Chips, FilterMenu } from '../../ui/Filters';
import { Inline } from '../../ui/Markdown';
import { Notice } from '../../ui/Notice';
import { Pane, PaneSection } from '../../ui/Pane';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/Time';
import { Tooltip } from '../../ui/Tooltip';
import { GivenUp, Held, QueueSummary, RetryScan } from './Queue';
import classes from './scans.module.css';

const OVER: ScanState[] = ['done', 'failed', 'cancelled'];
const WORD: Partial<Record<ScanState, string>> = {
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

type Tab = 'finished' | 'queue' | 'given-up';

export function ScansPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const tab: Tab = search.tab === 'queue' || search.tab === 'given-up' ? search.tab : 'finished';
  const states = list(search.state, OVER);
  const triggers = list(search.trigger, TRIGGERS);
  const filters: ScanFilters = {
    environment,
    ...(triggers.length > 0 ? { trigger: triggers.join(',') } : {}),
    ...(search.registry ? { registry: search.registry } : {}),
    ...(tab === 'finished' ? { state: (states.length > 0 ? states : OVER).join(',') } : {}),
    ...(tab === 'queue' ? { state: 'queued,running' } : {}),
    ...(tab === 'given-up' ? { given_up: true } : {}),
  };
  const query = useInfiniteQuery(queries.scans(filters));
  const queue = useQuery(scanning.queue(environment));
  const active = useActivity().filter((scan) => scan.environment === environment);
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = rows.find((scan) => scan.id === search.sel);
  const isFiltered = states.length > 0 || triggers.length > 0 || search.registry !== undefined;
  const clear = () => set({ state: undefined, trigger: undefined, registry: undefined });
  return (
    <Page
      title="Scans"
      isFixed
      actions={
        <Button
          size="xs"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => set({ scan: 'new' }, 'push')}
        >
          Scan an image
        </Button>
      }
      pane={chosen && <ScanPane scan={chosen} onClose={() => set({ sel: undefined })} />}
    >
      {queue.data && <Held held={queue.data.held} />}
      <Tabs
        label="Parts of the scans"
        current={tab}
        tabs={[
          { id: 'finished', label: 'Finished' },
          {
            id: 'queue',
            label: 'Queue',
            count: queue.data && queue.data.queued + queue.data.running,
          },
          { id: 'given-up', label: 'Given up', count: queue.data?.given_up },
        ]}
      />
      {tab === 'finished' && active.length > 0 && <UnderWay scans={active} />}
      {tab === 'queue' && <QueueSummary query={queue} />}
      {tab === 'given-up' && (queue.data?.given_up ?? 0) > 0 && <GivenUp queue={queue.data} />}
      <Toolbar label="Filter scans">
        {tab === 'finished' && (
          <Chips label="State">
            {OVER.map((state) => (
              <Chip
                key={state}
                isOn={states.includes(state)}
                onClick={() => set({ state: toggle(search.state, state, OVER) })}
              >
                {WORD[state]}
              </Chip>
            ))}
          </Chips>
        )}
        <FilterMenu
          label="Why"
          choices={TRIGGERS.map((value) => ({ value, label: TRIGGER[value] }))}
          chosen={triggers}
          onToggle={(value) =>
            set({ trigger: toggle(search.trigger, value as ScanTrigger, TRIGGERS) })
          }
        />
        {search.registry && (
          <Chip isOn onClick={() => set({ registry: undefined })}>
            {rows.find((row) => row.registry?.id === search.registry)?.registry?.name ??
              'One registry'}{' '}
            ×
          </Chip>
        )}
      </Toolbar>
      <ScanTable
        query={query}
        lists={tab}
        hasPane={chosen !== undefined}
        onOpen={(scan) => set({ sel: scan.id }, 'push')}
        empty={
          isFiltered ? (
            <FilteredOut noun="scan" onClear={clear} />
          ) : tab === 'queue' ? (
            <NothingFound title="Nothing waits">
              <p>What is pushed, asked for or due appears here, in the order it is taken.</p>
            </NothingFound>
          ) : tab === 'given-up' ? (
            <NothingFound title="No scan was given up">
              <p>One that fails is tried again by itself, and comes here when that did not help.</p>
            </NothingFound>
          ) : active.length > 0 ? (
            <Notice tone="info" title="No scan is finished yet">
              The first results appear here by themselves.
            </Notice>
          ) : (
            <NotConnected />
          )
        }
      />
    </Page>
  );
}

function UnderWay({ scans }: { scans: Scan[] }) {
  const cancel = useCancelScan();
  const running = scans.filter((scan) => scan.state === 'running').length;
  return (
    <Panel
      title="Under way"
      aside={`${plural(running, 'running', 'running')}, ${scans.length - running} waiting`}
      flush
    >
      {cancel.error && <ProblemNotice problem={cancel.error} title="It was not cancelled" />}
      <ul className={classes.queue}>
        {scans.slice(0, 8).map((scan) => (
          <li key={scan.id}>
            <ScanStateMark state={scan.state} />
            <span className="truncate">
              <ScanName scan={scan} />
            </span>
            {scan.state === 'running' ? <ScanProgress scan={scan} /> : <Waits scan={scan} />}
            <Tooltip label="Cancel this scan">
              <ActionIcon
                size={24}
                variant="subtle"
                color="gray"
                aria-label={`Cancel the scan of ${scan.name}`}
                disabled={cancel.isPending && cancel.variables === scan.id}
                onClick={() => cancel.mutate(scan.id)}
              >
                <IconX size={14} aria-hidden />
              </ActionIcon>
            </Tooltip>
          </li>
        ))}
      </ul>
      {scans.length > 8 && (
        <div className={classes.more}>
          <Go to="/scans" search={{ tab: 'queue' }}>
            and {scans.length - 8} more
          </Go>
        </div>
      )}
    </Panel>
  );
}

function ScanPane({ scan, onClose }: { scan: Scan; onClose: () => void }) {
  const again = useStartScan();
  const isFailed = scan.state === 'failed';
  return (
    <Pane label={`Scan of ${scan.name}`} title={<ScanName scan={scan} />} onClose={onClose}>
      <div className={classes.marks}>
        <ScanStateMark state={scan.state} />
        {scan.given_up && <span className={classes.bad}>given up</span>}
      </div>
      {scan.error && (
        <PaneSection title="What went wrong">
          <Notice tone="bad" title={scan.error.message}>
            {scan.error.advice && <Inline>{scan.error.advice}</Inline>}
          </Notice>
        </PaneSection>
      )}
      {scan.outcome && (
        <PaneSection title="What it found">
          <Facts>
            <Fact term="Findings">
              <SeverityStrip counts={scan.outcome.counts} />
            </Fact>
            <Fact term="Change">
              <Movement scan={scan} />
            </Fact>
            <Fact term="Packages">{scan.outcome.packages}</Fact>
            {scan.outcome.warnings > 0 && (
              <Fact term="Not read">{plural(scan.outcome.warnings, 'part')}</Fact>
            )}
          </Facts>
        </PaneSection>
      )}
      <PaneSection title="The scan">
        <Facts>
          <Fact term="Target">
            <code>{scan.target}</code>
          </Fact>
          {scan.platform && <Fact term="Platform">{scan.platform}</Fact>}
          <Fact term="Why">{TRIGGER[scan.trigger]}</Fact>
          {scan.registry && (
            <Fact term="Registry">
              <Go to={`/registries/${encodeURIComponent(scan.registry.id)}`}>
                {scan.registry.name}
              </Go>
            </Fact>
          )}
          {(scan.attempts ?? 0) > 0 && (
            <Fact term="Tried">{plural(scan.attempts ?? 0, 'time')} in vain</Fact>
          )}
          {scan.next_try && (
            <Fact term="Tried again">
              <Time at={scan.next_try} />
            </Fact>
          )}
          <Fact term="Asked">
            <Time at={scan.created} />
          </Fact>
          {scan.started && scan.finished && (
            <Fact term="Took">{duration(scan.started, scan.finished)}</Fact>
          )}
        </Facts>
      </PaneSection>
      <PaneSection title="Again">
        {again.error && <ProblemNotice problem={again.error} title="The scan was not started" />}
        <div className={classes.again}>
          {isFailed && <RetryScan scan={scan} />}
          <Button
            size="xs"
            variant="default"
            disabled={again.isPending || again.isSuccess}
            onClick={() =>
              again.mutate({
                target: scan.target,
                ...(scan.platform ? { platform: scan.platform } : {}),
              })
            }
          >
            {again.isSuccess ? 'Queued' : 'Scan again'}
          </Button>
          {/^[\w@./:+~-]+$/.test(scan.target) && <Command>{`seawall scan ${scan.target}`}</Command>}
        </div>
      </PaneSection>
    </Pane>
  );
}
