// One incident: where in an attack it stands, what happened in which order,
// who did what to what, and what is being done about it.

import { Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { detection, type IncidentDetail } from '../../api/detection';
import { PrincipalLink } from '../../components/AlertContext';
import { FindingName, whereText } from '../../components/FindingTable';
import { Go } from '../../components/Go';
import { keepEnvironment, keepWith } from '../../components/Names';
import { Page } from '../../components/Page';
import { SeverityMark } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { reasonName, TACTICS, tacticName } from '../../components/words';
import { plural } from '../../lib/format';
import { term } from '../../lib/query';
import { duration } from '../../lib/time';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { Graph } from './Graph';
import { IncidentActions } from './IncidentActions';
import classes from './incidents.module.css';
import { IncidentStateMark } from './parts';

export function IncidentPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { data, error, refetch } = useQuery(detection.incident(id));
  if (!data) return <StandIn what="incident" error={error} onRetry={() => refetch()} />;
  const { incident } = data;
  return (
    <Page title={incident.title} heading={<Heading detail={data} />}>
      {incident.merged_into && (
        <Notice tone="info" title="Its alerts are part of another incident">
          <Go to={`/incidents/${incident.merged_into}`}>Open that one</Go>
        </Notice>
      )}
      <IncidentActions key={incident.id} detail={data} />
      <KillChain detail={data} />
      <div className={classes.grid}>
        <div className={classes.column}>
          <Panel
            title="Who did what to what"
            aside={
              data.graph.more > 0 && (
                <span className={classes.quiet}>{plural(data.graph.more, 'more object')}</span>
              )
            }
          >
            <Graph graph={data.graph} />
          </Panel>
          <Panel title="Timeline" flush>
            <Timeline detail={data} />
          </Panel>
        </div>
        <div className={classes.column}>
          <Panel title="About it">
            <About detail={data} />
          </Panel>
          <Panel title="History">
            <History detail={data} />
          </Panel>
        </div>
      </div>
    </Page>
  );
}

function Heading({ detail: { incident } }: { detail: IncidentDetail }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/incidents" search={keepEnvironment as never} className="quiet-link">
          Incidents
        </Link>{' '}
        /
      </nav>
      <Title order={1} fz={18} className={classes.wrap}>
        {incident.title}
      </Title>
      <div className={classes.marks}>
        <SeverityMark severity={incident.severity} />
        <IncidentStateMark state={incident.state} />
        <span className={classes.quiet}>
          {plural(incident.alerts, 'alert')}, {plural(incident.events, 'event')}
        </span>
        {incident.techniques.map((technique) => (
          <Go
            key={technique}
            to="/alerts"
            search={{ q: term('technique', technique) }}
            className={classes.technique}
          >
            {technique}
          </Go>
        ))}
      </div>
    </div>
  );
}

/** Every tactic in the order an attack goes, those it spans lit. */
function KillChain({ detail: { kill_chain } }: { detail: IncidentDetail }) {
  const spans = new Map(kill_chain.map((stage) => [stage.tactic, stage]));
  return (
    <ol className={classes.chain} aria-label="Where in an attack it stands">
      {TACTICS.map(({ slug, name }) => {
        const stage = spans.get(slug);
        return (
          <li key={slug} data-on={stage ? true : undefined}>
            <span className="truncate" title={name}>
              {name}
            </span>
            {stage ? (
              <b>{plural(stage.alerts, 'alert')}</b>
            ) : (
              <span className={classes.none}>–</span>
            )}
          </li>
        );
      })}
    </ol>
  );
}

function Timeline({ detail: { timeline } }: { detail: IncidentDetail }) {
  const start = timeline[0]?.first_seen;
  return (
    <ol className={classes.timeline}>
      {timeline.map(({ finding, first_seen, last_seen, events }) => (
        <li key={finding.id} data-severity={finding.severity}>
          <span className={classes.when}>
            <Time at={first_seen} />
            <span className={classes.quiet}>
              {start && first_seen !== start ? `+${duration(start, first_seen)}` : 'the first'}
            </span>
          </span>
          <span className={classes.dot} aria-hidden />
          <div className={classes.what}>
            <span className={classes.marks}>
              <SeverityMark severity={finding.severity} />
              <FindingName finding={finding} />
            </span>
            {finding.alert?.principal && (
              <div>
                <PrincipalLink principal={finding.alert.principal} /> {finding.alert.verb}{' '}
                <code>{finding.alert.object}</code>
                {finding.alert.address && (
                  <span className={classes.quiet}> from {finding.alert.address}</span>
                )}
              </div>
            )}
            {!finding.alert?.principal && finding.summary && (
              <div className={`${classes.quiet} mono truncate`}>{finding.summary}</div>
            )}
            <div className={classes.quiet}>
              {(finding.tactics ?? []).map(tacticName).join(', ')} · {whereText(finding)}
              {events > 1 && ` · ${events} times over ${duration(first_seen, last_seen)}`}
            </div>
          </div>
        </li>
      ))}
    </ol>
  );
}

function About({ detail: { incident } }: { detail: IncidentDetail }) {
  return (
    <Facts>
      <Fact term="When">
        <Time at={incident.first_seen} /> to <Time at={incident.last_seen} />
      </Fact>
      {incident.cluster && (
        <Fact term="Cluster">
          <Link to="/alerts" search={keepWith({ q: term('cluster', incident.cluster) })}>
            {incident.cluster}
          </Link>
        </Fact>
      )}
      {incident.principals.length > 0 && (
        <Fact term="Who">
          {incident.principals.map((principal) => (
            <div key={principal.name}>
              <PrincipalLink principal={principal} />
            </div>
          ))}
        </Fact>
      )}
      {incident.workloads.length > 0 && (
        <Fact term="Workloads">{incident.workloads.join(', ')}</Fact>
      )}
      <Fact term="Severity">
        {incident.severity === incident.worst
          ? 'as its worst alert'
          : 'one step above its worst alert, for it spans three tactics or more'}
      </Fact>
      <Fact term="Assignee">{incident.assignee ?? 'nobody'}</Fact>
      {incident.decided_by && incident.decided && (
        <Fact term="Decided">
          by {incident.decided_by}, <Time at={incident.decided} />
          {incident.reason && `: ${reasonName(incident.reason)}`}
          {incident.note && <div className={classes.quiet}>{incident.note}</div>}
        </Fact>
      )}
    </Facts>
  );
}

function History({ detail: { history } }: { detail: IncidentDetail }) {
  return (
    <ul className={classes.history}>
      {history.map((event) => (
        <li key={event.id}>
          <span className={classes.wrap}>
            {event.actor && <b>{event.actor} </b>}
            {event.text}
          </span>
          <span className={classes.quiet}>
            <Time at={event.time} />
          </span>
        </li>
      ))}
    </ul>
  );
}
