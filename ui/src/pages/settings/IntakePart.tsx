// How the audit logs of clusters come in: a meter, and everything that was
// left out or turned away. Nothing is lost in silence.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type ClusterAudit, settings } from '../../api/settings';
import { Waiting } from '../../components/List';
import { keepWith } from '../../components/Names';
import { ProblemBlank } from '../../components/ProblemNotice';
import { bytes, count } from '../../lib/format';
import { term } from '../../lib/query';
import { Blank } from '../../ui/Blank';
import { Command } from '../../ui/Copy';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Share } from '../../ui/Share';
import { Spark } from '../../ui/Spark';
import { Time } from '../../ui/Time';
import classes from './settings.module.css';
import { EVENT_FAULT } from './words';

const EVERY_MS = 3000;
/** Readings kept for the line: three minutes. */
const KEPT = 60;

interface Readings {
  /** Of which answer the last reading is. */
  at: number;
  rates: Record<string, number[]>;
}

const nameOf = (each: ClusterAudit) => `${each.environment}/${each.cluster}`;

export function IntakePart() {
  const { data, dataUpdatedAt, error, refetch } = useQuery(settings.clusters(EVERY_MS));
  const [readings, setReadings] = useState<Readings>({ at: 0, rates: {} });
  if (data && readings.at !== dataUpdatedAt) {
    const rates: Readings['rates'] = {};
    for (const each of data) {
      const known = readings.rates[nameOf(each)] ?? [];
      rates[nameOf(each)] = [...known, each.events_per_second].slice(-KEPT);
    }
    setReadings({ at: dataUpdatedAt, rates });
  }
  if (error && !data) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  if (!data) return <Waiting label="the clusters" rows={6} />;
  if (data.length === 0) return <NoClusters />;
  const spool = data[0]?.spool;
  return (
    <>
      {spool && <Spool spool={spool} />}
      {data.map((each) => (
        <Cluster key={nameOf(each)} audit={each} rates={readings.rates[nameOf(each)] ?? []} />
      ))}
      <p className={classes.lead}>
        A recommended audit policy, and what each alert would miss under a weaker one:
      </p>
      <Command label="the command">seawall audit policy</Command>
    </>
  );
}

function NoClusters() {
  return (
    <Blank title="No cluster’s audit log comes in yet">
      <p>
        Point an API server’s audit webhook at this server, with a token that may hand in audit
        events, or let the server read a log file. Until then nothing done through an API server is
        seen.
      </p>
      <Command label="the address">{`${location.origin}/api/v1/clusters/NAME/audit`}</Command>
      <Command label="the command">seawall audit policy</Command>
    </Blank>
  );
}

function Spool({ spool }: { spool: ClusterAudit['spool'] }) {
  const isFull = spool.bytes >= spool.limit_bytes;
  return (
    <Panel title="Waiting to be judged">
      {isFull && (
        <Notice tone="bad" title="The spool is full">
          API servers are told to come again until there is room. Look at what slows detection, or
          allow it more disk with <code>audit.spool</code>.
        </Notice>
      )}
      {spool.damaged > 0 && (
        <Notice tone="bad" title={`${count(spool.damaged)} bodies were lost on this server’s disk`}>
          They had been taken in and could not be read back. Check the disk.
        </Notice>
      )}
      <Facts>
        <Fact term="Bodies">
          {count(spool.waiting)}
          {spool.lag_ms > 0 && `, the last waited ${wait(spool.lag_ms)}`}
        </Fact>
        <Fact term="Disk">
          <Share part={spool.bytes} of={spool.limit_bytes} label="Disk the spool takes">
            {bytes(spool.bytes)} of {bytes(spool.limit_bytes)}
          </Share>
        </Fact>
      </Facts>
    </Panel>
  );
}

function Cluster({ audit, rates }: { audit: ClusterAudit; rates: number[] }) {
  const leftOut = audit.faults
    .filter((each) => each.left_out)
    .reduce((sum, each) => sum + each.events, 0);
  return (
    <Panel
      title={audit.cluster}
      aside={
        <span className={classes.quiet}>
          {audit.environment} ·{' '}
          <Link to="/alerts" search={keepWith({ q: term('cluster', audit.cluster) })}>
            its alerts
          </Link>
        </span>
      }
    >
      <div className={classes.meter}>
        <span className={classes.rate}>
          <b className="tabular">{rate(audit.events_per_second)}</b> events/s
        </span>
        <Spark values={rates} label={`Events a second from ${audit.cluster}, lately`} />
      </div>
      <Facts>
        <Fact term="Last event">
          {audit.last_event ? <Time at={audit.last_event} /> : 'none yet'}
          {typeof audit.delay_ms === 'number' && `, judged ${wait(audit.delay_ms)} after`}
        </Fact>
        <Fact term="Since">
          <Time at={audit.first_seen} />: {count(audit.events)} events in {count(audit.requests)}{' '}
          requests, {bytes(audit.bytes)}
        </Fact>
        <Fact term="Matches of rules">{count(audit.alerts)}</Fact>
        <Fact term="Left out">
          {audit.faults.length === 0
            ? 'nothing'
            : `${count(leftOut)} of ${count(audit.events)} events`}
          {audit.faults.length > 0 && (
            <ul className={classes.faults}>
              {audit.faults.map((each) => (
                <li key={each.fault}>
                  {count(each.events)}: {EVENT_FAULT[each.fault]}
                  {!each.left_out && ', judged all the same'}
                </li>
              ))}
            </ul>
          )}
        </Fact>
        <Fact term="Told to come again">
          {audit.refused === 0 ? 'never' : `${count(audit.refused)} times`}
          {audit.last_refusal && (
            <>
              , last <Time at={audit.last_refusal.at} />: {audit.last_refusal.reason}
            </>
          )}
        </Fact>
        {audit.sources.map((source) => (
          <Fact key={source.name} term="Read from">
            <code>{source.name}</code>{' '}
            {source.error ? (
              <span className={classes.bad}>
                cannot be read since <Time at={source.since} />: {source.error}
              </span>
            ) : (
              <span className={classes.quiet}>
                since <Time at={source.since} />
              </span>
            )}
          </Fact>
        ))}
      </Facts>
    </Panel>
  );
}

/** "850 ms", "12 s". */
function wait(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`;
}

function rate(value: number): string {
  return value < 10 ? value.toFixed(1) : count(Math.round(value));
}
