// Who did what an alert is about, from where, and what changed; and the
// events it was made of, for whoever wants to see for themselves.

import { Skeleton } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries';
import type { AlertDetail, Principal } from '../api/types';
import { plural } from '../lib/format';
import { term } from '../lib/query';
import { Copy } from '../ui/Copy';
import { Fact, Facts } from '../ui/Panel';
import { PlainButton } from '../ui/PlainButton';
import { Time } from '../ui/Time';
import classes from './AlertContext.module.css';
import { Go } from './Go';
import { ProblemNotice } from './ProblemNotice';
import { tacticName } from './words';

const PRINCIPAL_NAME: Record<Principal['kind'], string> = {
  user: 'user',
  service_account: 'service account',
  node: 'node',
  component: 'part of Kubernetes',
  anonymous: 'nobody signed in',
  local: 'user of one machine',
};

/** Whoever it was, as a link to all of their alerts. */
export function PrincipalLink({ principal }: { principal: Principal }) {
  return (
    <>
      <Go
        to="/alerts"
        search={{ q: term('user', principal.name) }}
        className={classes.who}
        title={principal.name}
      >
        {principal.label || principal.name}
      </Go>{' '}
      <span className={classes.quiet}>{PRINCIPAL_NAME[principal.kind]}</span>
    </>
  );
}

/** Where in the order an attack goes it stands. */
function Stage({ stage }: { stage: NonNullable<AlertDetail['stage']> }) {
  return (
    <span className={classes.stage}>
      <span className={classes.steps} aria-hidden>
        {Array.from({ length: stage.of }, (_, index) => (
          <i key={index} data-on={index < stage.number || undefined} />
        ))}
      </span>
      {tacticName(stage.tactic)}, step {stage.number} of {stage.of}
    </span>
  );
}

export function WhoDidWhat({ alert }: { alert: AlertDetail }) {
  const { principal, acting_as, addresses = [], user_agent, action, change } = alert.context;
  return (
    <>
      <Facts>
        {principal && (
          <Fact term="Who">
            <PrincipalLink principal={principal} />
            {(principal.groups ?? []).length > 0 && (
              <div className={classes.quiet}>in {(principal.groups ?? []).join(', ')}</div>
            )}
          </Fact>
        )}
        {acting_as && (
          <Fact term="Acting as">
            <PrincipalLink principal={acting_as} />
          </Fact>
        )}
        {addresses.length > 0 && (
          <Fact term="From">
            {addresses.map((address, index) => (
              <span key={address}>
                {index > 0 && ' via '}
                <Go
                  to="/alerts"
                  search={{ q: term('source_ip', address) }}
                  className={`${classes.who} mono`}
                >
                  {address}
                </Go>
              </span>
            ))}
          </Fact>
        )}
        {user_agent && (
          <Fact term="With">
            <code>{user_agent}</code>
          </Fact>
        )}
        {action && (
          <Fact term="Did">
            <b>{action.verb}</b> <code>{action.object || action.path}</code>
            {(action.decision || action.code) && (
              <div className={classes.quiet}>
                {action.decision === 'forbid' ? 'forbidden' : action.decision ? 'allowed' : ''}
                {action.code && ` · answered ${action.code}`}
              </div>
            )}
          </Fact>
        )}
        {alert.stage && (
          <Fact term="Stage">
            <Stage stage={alert.stage} />
          </Fact>
        )}
        {alert.incidents.length > 0 && (
          <Fact term="Part of">
            {alert.incidents.map((incident) => (
              <div key={incident.id}>
                <Go
                  to={`/incidents/${encodeURIComponent(incident.id)}`}
                  className={classes.who}
                  title={incident.title}
                >
                  {incident.title}
                </Go>
              </div>
            ))}
          </Fact>
        )}
        {alert.matrix.length > 0 && (
          <Fact term="Kubernetes matrix">
            <span className={classes.chips}>
              {alert.matrix.map((id) => (
                <span key={id} className={classes.chip}>
                  {id}
                </span>
              ))}
            </span>
          </Fact>
        )}
      </Facts>
      {change && (
        <div className={classes.change}>
          {change.old !== undefined && change.old !== null && (
            <Record title="Before" value={change.old} />
          )}
          {change.new !== undefined && change.new !== null && (
            <Record
              title={change.patch ? `The patch (${change.patch})` : 'What was asked for'}
              value={change.new}
            />
          )}
        </div>
      )}
    </>
  );
}

function Record({ title, value }: { title: string; value: unknown }) {
  const text = JSON.stringify(value, null, 2);
  return (
    <div className={classes.record}>
      <div className={classes.head}>
        {title} <Copy value={text} what={title.toLowerCase()} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre className={classes.raw} tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}

/** Fetched only when asked for: few read them, and they are long. */
export function RawEvents({ id, count }: { id: string; count: number }) {
  const [isOpen, setOpen] = useState(false);
  const { data, error } = useQuery({ ...queries.findingEvents(id), enabled: isOpen });
  return (
    <>
      <PlainButton
        className={classes.toggle}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {isOpen ? (
          <IconChevronDown size={13} aria-hidden />
        ) : (
          <IconChevronRight size={13} aria-hidden />
        )}
        {plural(count, 'event')}, secrets taken out
      </PlainButton>
      {isOpen && error && <ProblemNotice problem={error} title="They could not be fetched" />}
      {isOpen && !error && !data && <Skeleton height={60} />}
      {isOpen &&
        data?.map((each, index) => {
          const text = JSON.stringify(each.event, null, 2);
          return (
            <div key={`${each.time} ${index}`} className={classes.record}>
              <div className={classes.head}>
                <Time at={each.time} /> <Copy value={text} what="the event" />
              </div>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
              <pre className={classes.raw} tabIndex={0}>
                {text}
              </pre>
            </div>
          );
        })}
    </>
  );
}
