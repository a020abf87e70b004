// One sensor: how it is, what its kernel allows, what it sees and drops,
// which containers it watches, and what was lost for good.

import { Button, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { EVERY_MS, type SensorDetail, sensors, useForgetSensor } from '../../api/sensors';
import { Go } from '../../components/Go';
import { HealthMark, type Health as State } from '../../components/HealthMark';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { StandIn } from '../../components/StandIn';
import { useEnvironment } from '../../components/url';
import { bytes, count, plural } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Share } from '../../ui/Share';
import { Spark } from '../../ui/Spark';
import { Time } from '../../ui/Time';
import { Containers } from './Containers';
import { className, cpu, rate, STAGE_NAME, StateMark } from './parts';
import classes from './sensors.module.css';

export function SensorPage() {
  const { node } = useParams({ strict: false }) as { node: string };
  const environment = useEnvironment();
  const { data, dataUpdatedAt, error, refetch } = useQuery(
    sensors.one(node, environment, EVERY_MS),
  );
  if (!data) return <StandIn what="sensor" error={error} onRetry={() => refetch()} />;
  return (
    <Page title={node} heading={<Heading sensor={data} />} actions={<Forget sensor={data} />}>
      <Notices sensor={data} />
      <div className={classes.grid}>
        <div className={classes.column}>
          <Classes key={node} sensor={data} at={dataUpdatedAt} />
          <Features sensor={data} />
        </div>
        <div className={classes.column}>
          <Panel title="How it is">
            <Health sensor={data} />
          </Panel>
          <Panel title="What was lost" flush>
            <Gaps sensor={data} />
          </Panel>
        </div>
      </div>
      <Containers sensor={data} />
    </Page>
  );
}

function Heading({ sensor }: { sensor: SensorDetail }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/sensors" search={keepEnvironment as never} className="quiet-link">
          Sensors
        </Link>{' '}
        /
      </nav>
      <div className={classes.title}>
        <Title order={1} fz={18}>
          {sensor.node}
        </Title>
        <StateMark sensor={sensor} />
      </div>
      <div className={classes.facts}>
        <span>{sensor.cluster ? `cluster ${sensor.cluster}` : 'a host of its own'}</span>
        <span>{sensor.os}</span>
        <span>
          {sensor.kernel} ({sensor.architecture})
        </span>
        <span>sensor {sensor.version}</span>
        <span>
          heard of <Time at={sensor.last_seen} />
        </span>
      </div>
    </div>
  );
}

/** For nodes that are gone for good: else each would stay silent for ever. */
function Forget({ sensor }: { sensor: SensorDetail }) {
  const environment = useEnvironment();
  const { configure: whyNot } = usePermissions();
  const forget = useForgetSensor(environment);
  const navigate = useNavigate();
  const [isAsking, setAsking] = useState(false);
  if (sensor.state !== 'silent') return null;
  return (
    <>
      <Button
        size="xs"
        variant="default"
        disabled={whyNot !== undefined}
        title={whyNot}
        onClick={() => setAsking(true)}
      >
        Forget it…
      </Button>
      <Dialog opened={isAsking} onClose={() => setAsking(false)} title="Forget this sensor?">
        {forget.error && <ProblemNotice problem={forget.error} title="It was not forgotten" />}
        <p className={classes.ask}>
          For a node that is gone for good. Its alerts stay. Should its sensor tell of itself again,
          it is listed again.
        </p>
        <div className={classes.buttons}>
          <Button size="xs" variant="default" data-autofocus onClick={() => setAsking(false)}>
            Cancel
          </Button>
          <Button
            size="xs"
            color="red"
            loading={forget.isPending}
            onClick={() =>
              forget.mutate(sensor.node, {
                onSuccess: () => navigate({ to: '/sensors', search: keepEnvironment } as never),
              })
            }
          >
            Forget {sensor.node}
          </Button>
        </div>
      </Dialog>
    </>
  );
}

/** What is wrong, in words, before any figure. */
function Notices({ sensor }: { sensor: SensorDetail }) {
  const { status } = sensor;
  const notes = status.notes.filter((note) => !sensor.reasons.includes(note));
  return (
    <>
      {sensor.state === 'silent' && (
        <Notice tone="bad" title="This node is not watched">
          {lines(sensor.reasons)}
          What follows is the last it told. Look there whether it runs (
          <code>systemctl status seawall-sensor</code>, or the DaemonSet’s pod) and whether it
          reaches this server. What it sees meanwhile waits on its disk.
        </Notice>
      )}
      {sensor.state === 'degraded' && (
        <Notice tone="warn" title="It works, and something is lost">
          {lines(sensor.reasons)}
        </Notice>
      )}
      {notes.length > 0 && (
        <Notice tone="info" title="It says of itself">
          {lines(notes)}
        </Notice>
      )}
      {!sensor.policy_current && sensor.state !== 'silent' && (
        <Notice
          tone="info"
          title="It acts by an older policy"
          action={
            <Link to="/drift" search={keepEnvironment as never}>
              The policy
            </Link>
          }
        >
          It fetches the one in force with the next answer of the server, within seconds.
        </Notice>
      )}
    </>
  );
}

const lines = (texts: readonly string[]): ReactNode =>
  texts.map((text) => <div key={text}>{/[.!?]$/.test(text) ? text : `${text}.`}</div>);

function Health({ sensor }: { sensor: SensorDetail }) {
  const { history } = sensor;
  const isFull = sensor.spool >= sensor.spool_limit * 0.9;
  const last = history.slice(-120);
  const minutes = minutesOf(last);
  return (
    <div className={classes.meters}>
      <div className={classes.meter}>
        <b>{sensor.state === 'silent' ? '–' : rate(sensor.events)} events/s</b>
        <Spark
          values={last.map((each) => each.events)}
          label={`Events a second, the last ${minutes}`}
        />
      </div>
      <div className={classes.meter}>
        <b>{cpu(sensor.cpu)} CPU</b>
        <Spark
          values={last.map((each) => each.cpu)}
          label={`Percent of one core, the last ${minutes}`}
        />
      </div>
      <Facts>
        <Fact term="Memory">
          <Share part={sensor.memory} of={sensor.memory_limit} label="Memory of its limit">
            {bytes(sensor.memory)} of {bytes(sensor.memory_limit)}
          </Share>
        </Fact>
        <Fact term="Waiting on disk">
          <Share part={sensor.spool} of={sensor.spool_limit} label="Disk its spool takes">
            {bytes(sensor.spool)} of {bytes(sensor.spool_limit)}
          </Share>
          {isFull && (
            <div className={classes.bad}>
              Nearly full: what comes next is dropped and counted, alerts last.
            </div>
          )}
        </Fact>
        <Fact term="Processes">{count(sensor.processes)}</Fact>
        <Fact term="Containers">{count(sensor.containers)}</Fact>
        <Fact term="Rules">
          <Go to="/rules" search={{ source: 'syscall' }}>
            {count(sensor.rules)}
          </Go>
        </Fact>
        <Fact term="Policy">{sensor.policy_current ? 'the one in force' : 'an older one'}</Fact>
        <Fact term="Runs since">
          <Time at={sensor.started} />
        </Fact>
        <Fact term="Known since">
          <Time at={sensor.first_seen} />
        </Fact>
      </Facts>
    </div>
  );
}

function minutesOf(history: SensorDetail['history']): string {
  const [first, last] = [history[0], history.at(-1)];
  if (!first || !last) return 'minutes';
  return plural(
    Math.max(1, Math.round((Date.parse(last.time) - Date.parse(first.time)) / 60_000)),
    'minute',
  );
}

const KEPT = 60;

/** The rates of its classes while the page is open: the server keeps only their sum. */
function useRates(sensor: SensorDetail, at: number): Record<string, number[]> {
  const [readings, setReadings] = useState<{ at: number; rates: Record<string, number[]> }>({
    at: 0,
    rates: {},
  });
  if (readings.at !== at) {
    const rates = Object.fromEntries(
      sensor.status.classes.map((each) => [
        each.name,
        [...(readings.rates[each.name] ?? []), each.rate].slice(-KEPT),
      ]),
    );
    setReadings({ at, rates });
  }
  return readings.rates;
}

function Classes({ sensor, at }: { sensor: SensorDetail; at: number }) {
  const rates = useRates(sensor, at);
  return (
    <Panel
      title="What it sees"
      flush
      aside={<span className={classes.quiet}>events since it started</span>}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div className={classes.scroll} role="region" aria-label="Classes of events" tabIndex={0}>
        <table className={`${classes.table} ${classes.classes}`}>
          <thead>
            <tr>
              <th>Class</th>
              <th className={classes.number}>Seen</th>
              <th className={classes.number}>Filtered</th>
              <th className={classes.number}>Delivered</th>
              <th className={classes.number}>Dropped</th>
              <th className={classes.number}>Now, a second</th>
              <th>Lately</th>
            </tr>
          </thead>
          <tbody>
            {sensor.status.classes.map((each) => (
              <tr key={each.name} data-shed={each.shed || undefined}>
                <td>
                  <b>{className(each.name)}</b>
                  {each.shed && (
                    <div className={classes.quiet}>
                      not looked at for now, to stay within the processor budget
                    </div>
                  )}
                </td>
                <td className={classes.number}>{count(each.seen)}</td>
                <td className={classes.number} title="Not wanted: told by the kernel’s side">
                  {count(each.filtered)}
                </td>
                <td className={classes.number}>{count(each.delivered)}</td>
                <td className={classes.number}>
                  {each.dropped > 0 ? <b className={classes.bad}>{count(each.dropped)}</b> : 'none'}
                </td>
                <td className={classes.number}>
                  {each.shed || sensor.state === 'silent' ? '–' : rate(each.rate)}
                </td>
                <td className={classes.small}>
                  <Spark
                    values={rates[each.name] ?? []}
                    label={`${className(each.name)}, events a second while this page is open`}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

const FEATURE_STATE: Record<string, string> = {
  active: 'Active',
  fallback: 'By other means',
  absent: 'Not possible',
  off: 'Switched off',
};
const FEATURE_HEALTH: Record<string, State> = {
  fallback: 'degraded',
  absent: 'silent',
  off: 'off',
};

function Features({ sensor }: { sensor: SensorDetail }) {
  const { features } = sensor.status;
  const lost = features.filter((each) => each.lost);
  return (
    <Panel
      title="What its kernel allows"
      flush
      aside={
        <span className={classes.quiet}>
          {lost.length === 0 ? 'nothing is lost' : `${plural(lost.length, 'thing')} lost`}
        </span>
      }
    >
      {features.length === 0 ? (
        <div className={classes.none}>It has not said yet.</div>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <div className={classes.scroll} role="region" aria-label="Kernel features" tabIndex={0}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th>Feature</th>
                <th>State</th>
                <th>By what, or why not</th>
                <th>Lost without</th>
              </tr>
            </thead>
            <tbody>
              {features.map((each) => (
                <tr key={each.name}>
                  <td>
                    <b>{each.name}</b>
                  </td>
                  <td>
                    <HealthMark health={FEATURE_HEALTH[each.state] ?? 'healthy'}>
                      {FEATURE_STATE[each.state] ?? each.state}
                    </HealthMark>
                  </td>
                  <td>{each.detail}</td>
                  <td className={each.lost ? classes.lost : classes.quiet}>
                    {each.lost || 'nothing'}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** What will never arrive, and why. */
function Gaps({ sensor: { gaps } }: { sensor: SensorDetail }) {
  if (gaps.length === 0)
    return <div className={classes.none}>Nothing: every event reached its rule.</div>;
  return (
    <div className={classes.scroll}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th>When</th>
            <th>What</th>
            <th className={classes.number}>How many</th>
          </tr>
        </thead>
        <tbody>
          {gaps.map(({ received, gap }) => (
            <tr key={`${received} ${gap.stage} ${gap.class} ${gap.from}`}>
              <td>
                <Time at={gap.to} />
              </td>
              <td>
                {className(gap.class)}, {STAGE_NAME[gap.stage] ?? gap.stage}
                <div className={classes.quiet}>
                  {gap.reason} ({spanText(gap.from, gap.to)})
                </div>
              </td>
              <td className={classes.number}>
                <b className={classes.bad}>{count(gap.count)}</b>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function spanText(from: string, to: string): string {
  const seconds = Math.max(1, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
  return seconds < 120 ? `within ${seconds} s` : `within ${Math.round(seconds / 60)} min`;
}
