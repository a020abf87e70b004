// The queue as a whole: how many wait and why, which registries are held
// back, and what was given up.

import { Button } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import { type ScanQueue, useRetryAll, useRetryScan } from '../../api/scanning';
import type { Scan } from '../../api/types';
import { Go } from '../../components/Go';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { TRIGGER } from '../../components/ScanTable';
import { useEnvironment } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './scans.module.css';

/** Registries that allow no more requests for now. */
export function Held({ held }: { held: ScanQueue['held'] }) {
  if (held.length === 0) return null;
  return (
    <Notice
      tone="warn"
      title={`${held.map((each) => each.registry.name).join(', ')} ${held.length === 1 ? 'allows' : 'allow'} no more requests for a while`}
    >
      What is queued of {held.length === 1 ? 'it' : 'them'} waits:{' '}
      {held.map((each, index) => (
        <span key={each.registry.id}>
          {index > 0 && '; '}
          <Go to={`/registries/${encodeURIComponent(each.registry.id)}`}>{each.registry.name}</Go>{' '}
          goes on <Time at={each.until} />
        </span>
      ))}
      .
    </Notice>
  );
}

/** Why what waits is waiting. */
export function QueueSummary({ query }: { query: UseQueryResult<ScanQueue> }) {
  const { data, error } = query;
  if (error && !data) return <ProblemNotice problem={error} title="How long it is is not known" />;
  if (!data || data.lines.length === 0) return null;
  return (
    <Panel
      title="Why it is there"
      aside={
        <>
          {count(data.queued)} waiting, {count(data.running)} running
          {data.oldest && (
            <>
              ; the oldest since <Time at={data.oldest} />
            </>
          )}
        </>
      }
      flush
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div className={classes.scroll} role="region" aria-label="Why it is there" tabIndex={0}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Why</th>
              <th scope="col">Registry</th>
              <th scope="col" className={classes.number}>
                Waiting
              </th>
              <th scope="col" className={classes.number}>
                Failed before
              </th>
              <th scope="col" className={classes.number}>
                Running
              </th>
            </tr>
          </thead>
          <tbody>
            {data.lines.map((line) => (
              <tr key={`${line.trigger} ${line.registry?.id}`}>
                <td>
                  <Go to="/scans" search={{ tab: 'queue', trigger: line.trigger }}>
                    {TRIGGER[line.trigger]}
                  </Go>
                </td>
                <td>
                  {line.registry ? (
                    <Go to="/scans" search={{ tab: 'queue', registry: line.registry.id }}>
                      {line.registry.name}
                    </Go>
                  ) : (
                    '–'
                  )}
                </td>
                <td className={classes.number}>{count(line.queued)}</td>
                <td className={classes.number}>{count(line.retrying)}</td>
                <td className={classes.number}>{count(line.running)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

/** Scans that are not tried again unless somebody says so. */
export function GivenUp({ queue }: { queue: ScanQueue | undefined }) {
  const environment = useEnvironment();
  const { scan: whyNot } = usePermissions();
  const retry = useRetryAll(environment);
  const given = queue?.given_up ?? 0;
  return (
    <>
      {retry.error && <ProblemNotice problem={retry.error} title="Nothing was queued" />}
      <Notice
        tone="warn"
        title={`${plural(given, 'scan was', 'scans were')} given up`}
        action={
          <Button
            size="xs"
            variant="default"
            disabled={whyNot !== undefined}
            title={whyNot}
            loading={retry.isPending}
            onClick={() => retry.mutate()}
          >
            Queue all again
          </Button>
        }
      >
        They failed each time, and are not tried again by themselves. Mend the cause, which each of
        them names, and queue them again.
      </Notice>
    </>
  );
}

/** Queues one that failed anew, as it was. */
export function RetryScan({ scan }: { scan: Scan }) {
  const { scan: whyNot } = usePermissions();
  const retry = useRetryScan();
  return (
    <>
      {retry.error && <ProblemNotice problem={retry.error} title="It was not queued" />}
      <Button
        size="xs"
        disabled={whyNot !== undefined || retry.isSuccess}
        title={whyNot}
        loading={retry.isPending}
        onClick={() => retry.mutate(scan.id)}
      >
        {retry.isSuccess ? 'Queued' : 'Queue it again'}
      </Button>
    </>
  );
}
