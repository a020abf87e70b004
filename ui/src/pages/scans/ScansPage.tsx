import { ActionIcon, Button } from '@mantine/core';
import { IconPlus, IconX } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCancelScan, useStartScan } from '../../api/actions';
import { queries } from '../../api/queries';
import type { Scan, ScanState } from '../../api/types';
import { FilteredOut, NotConnected } from '../../components/Empty';
import { useActivity } from '../../components/live';
import { Page, Toolbar } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { ScanProgress } from '../../components/ScanProgress';
import { ScanStateMark } from '../../components/ScanStateMark';
import { Movement, ScanName, ScanTable, TRIGGER } from '../../components/ScanTable';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment, useUrl } from '../../components/url';
import { plural } from '../../lib/format';
import { duration } from '../../lib/time';
import { list, toggle } from '../../lib/url-state';
import { Command } from '../../ui/Copy';
import { Chip, Chips } from '../../ui/Filters';
import { Inline } from '../../ui/Markdown';
import { Notice } from '../../ui/Notice';
import { Pane, PaneSection } from '../../ui/Pane';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { Tooltip } from '../../ui/Tooltip';
import classes from './scans.module.css';

const OVER: ScanState[] = ['done', 'failed', 'cancelled'];
const WORD: Partial<Record<ScanState, string>> = {
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

export function ScansPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const states = list(search.state, OVER);
  const query = useInfiniteQuery(
    queries.scans({ environment, state: (states.length > 0 ? states : OVER).join(',') }),
  );
  const active = useActivity().filter((scan) => scan.environment === environment);
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = rows.find((scan) => scan.id === search.sel);
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
      {active.length > 0 && <Queue scans={active} />}
      <Toolbar label="Filter scans">
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
      </Toolbar>
      <ScanTable
        query={query}
        hasPane={chosen !== undefined}
        onOpen={(scan) => set({ sel: scan.id }, 'push')}
        empty={
          states.length > 0 ? (
            <FilteredOut noun="scan" onClear={() => set({ state: undefined })} />
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

function Queue({ scans }: { scans: Scan[] }) {
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
            {scan.state === 'running' ? (
              <ScanProgress scan={scan} />
            ) : (
              <span className={classes.quiet}>
                waiting since <Time at={scan.created} />
              </span>
            )}
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
      {scans.length > 8 && <div className={classes.more}>and {scans.length - 8} more waiting</div>}
    </Panel>
  );
}

function ScanPane({ scan, onClose }: { scan: Scan; onClose: () => void }) {
  const again = useStartScan();
  return (
    <Pane label={`Scan of ${scan.name}`} title={<ScanName scan={scan} />} onClose={onClose}>
      <div className={classes.marks}>
        <ScanStateMark state={scan.state} />
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
