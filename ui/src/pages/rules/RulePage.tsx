// One rule: what it is for, how to respond, when it is nothing bad, how it
// is written and tested, how loud it is, and its switch.

import { Button, Switch, Textarea, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { detection, type RuleCase, type RuleDetail, useSwitchRule } from '../../api/detection';
import { References, Steps } from '../../components/FindingView';
import { Go } from '../../components/Go';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { SeverityMark } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { useEnvironment } from '../../components/url';
import { tacticName } from '../../components/words';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { Code } from '../../ui/Code';
import { Copy } from '../../ui/Copy';
import { Markdown } from '../../ui/Markdown';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { OnMark, ORIGIN, sourceName } from './parts';
import classes from './rules.module.css';

const DAYS = 30;

export function RulePage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const environment = useEnvironment();
  const { data, error, refetch } = useQuery(detection.rule(id, environment));
  if (!data) return <StandIn what="rule" error={error} onRetry={() => refetch()} />;
  const { rule } = data;
  return (
    <Page title={rule.title} heading={<Heading detail={data} />}>
      <div className={classes.grid}>
        <div className={classes.column}>
          <Panel title="What it is">
            <Markdown>{data.description || rule.title}</Markdown>
          </Panel>
          {data.why && (
            <Panel title="Why it matters">
              <Markdown>{data.why}</Markdown>
            </Panel>
          )}
          {data.steps.length > 0 && (
            <Panel title="How to respond">
              <Steps steps={data.steps} />
            </Panel>
          )}
          {data.false_positives && (
            <Panel title="When it is nothing bad">
              <Markdown>{data.false_positives}</Markdown>
            </Panel>
          )}
          {data.condition && (
            <Panel
              title="How it is written"
              aside={
                <span className={classes.quiet}>
                  <code>{data.file}</code>
                </span>
              }
            >
              <Code label="the condition">{data.condition.trim()}</Code>
              <p className={classes.quiet}>It says:</p>
              <Code label="the output">{data.output.trim()}</Code>
            </Panel>
          )}
          {data.cases.length > 0 && (
            <Panel
              title="How it is tested"
              aside={<span className={classes.quiet}>{plural(data.cases.length, 'case')}</span>}
            >
              {data.cases.map((each) => (
                <Case key={each.name} case={each} />
              ))}
            </Panel>
          )}
        </div>
        <div className={classes.column}>
          <Panel title="Whether it watches">
            <OnOff key={`${rule.id} ${environment}`} detail={data} />
          </Panel>
          <Panel title={`Matches, ${DAYS} days`}>
            <Hits detail={data} />
          </Panel>
          <Panel title="About it">
            <About detail={data} />
          </Panel>
          {data.references.length > 0 && (
            <Panel title="References">
              <References links={data.references} />
            </Panel>
          )}
        </div>
      </div>
    </Page>
  );
}

function Heading({ detail: { rule } }: { detail: RuleDetail }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/rules" search={keepEnvironment as never} className="quiet-link">
          Rules
        </Link>{' '}
        /
      </nav>
      <Title order={1} fz={18}>
        {rule.title}
      </Title>
      <div className={classes.marks}>
        <SeverityMark severity={rule.severity} />
        <OnMark rule={rule} />
        <code>{rule.id}</code>
        <Copy value={rule.id} what="id" />
        {[...rule.techniques, ...rule.matrix].map((technique) => (
          <span key={technique} className={classes.technique}>
            {technique}
          </span>
        ))}
      </div>
    </div>
  );
}

function OnOff({ detail: { rule, switches } }: { detail: RuleDetail }) {
  const environment = useEnvironment();
  const change = useSwitchRule(rule.id);
  const { configure: whyNot } = usePermissions();
  const isOn = !rule.disabled_in.includes(environment) && rule.enabled;
  const [note, setNote] = useState('');
  const [isTurning, setTurning] = useState(false);
  if (rule.origin === 'sensor')
    return <p className={classes.text}>Another sensor decides: switch it off there.</p>;
  const turn = () =>
    change.mutate(
      { environment, enabled: !isOn, note: note.trim() },
      {
        onSuccess: () => {
          setTurning(false);
          setNote('');
        },
      },
    );
  return (
    <div className={classes.column}>
      <Switch
        size="sm"
        checked={isOn}
        disabled={whyNot !== undefined || change.isPending}
        onChange={() => setTurning(!isTurning)}
        label={isOn ? 'It watches here' : 'It is off here'}
        description={whyNot ?? `In the environment ${environment}`}
      />
      {isTurning && (
        <>
          <Textarea
            label="Why"
            description="Kept beside the switch, for whoever wonders"
            size="xs"
            autosize
            minRows={2}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            data-autofocus
          />
          <div className={classes.marks}>
            <Button
              size="compact-sm"
              loading={change.isPending}
              disabled={isOn && note.trim() === ''}
              onClick={turn}
            >
              Switch it {isOn ? 'off' : 'on'}
            </Button>
            <Button size="compact-sm" variant="default" onClick={() => setTurning(false)}>
              Cancel
            </Button>
          </div>
        </>
      )}
      {change.error && <ProblemNotice problem={change.error} title="It was not switched" />}
      {switches.map((each) => (
        <p key={each.environment} className={classes.text}>
          <b>{each.environment}</b>: {each.enabled ? 'on' : 'off'} by {each.changed_by},{' '}
          <Time at={each.changed} />
          {each.note && <span className={classes.quiet}> — {each.note}</span>}
        </p>
      ))}
      <p className={classes.quiet}>
        To silence it for one service account or namespace only, exempt one of its alerts: the
        exemption has an owner and an end.
      </p>
    </div>
  );
}

/** Matches by the day, a bar each. */
function Hits({ detail: { rule, days, exempted } }: { detail: RuleDetail }) {
  const today = Date.parse(new Date().toISOString().slice(0, 10));
  const by = new Map(days.map((each) => [each.day, each.hits]));
  const bars = Array.from({ length: DAYS }, (_, index) => {
    const day = new Date(today - (DAYS - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    return { day, hits: by.get(day) ?? 0 };
  });
  const most = Math.max(...bars.map((bar) => bar.hits), 1);
  return (
    <>
      <div
        className={classes.bars}
        role="img"
        aria-label={`${plural(rule.hits, 'match', 'matches')} in ${DAYS} days, at most ${most} a day`}
      >
        {bars.map((bar) => (
          <span
            key={bar.day}
            title={`${bar.day}: ${count(bar.hits)}`}
            style={{ height: `${(bar.hits / most) * 100}%` }}
          />
        ))}
      </div>
      <Facts>
        <Fact term="Matches">{count(rule.hits)}</Fact>
        <Fact term="Last">
          <Time at={rule.last_hit} fallback="never" />
        </Fact>
        <Fact term="Open alerts">
          <Go to="/alerts" search={{ q: term('rule', rule.id) }}>
            {count(rule.open)}
          </Go>
        </Fact>
        <Fact term="Exempted">
          <Go to="/alerts" search={{ q: `${term('rule', rule.id)} state:exempted` }}>
            {count(exempted)}
          </Go>
        </Fact>
      </Facts>
    </>
  );
}

function About({ detail: { rule, tags } }: { detail: RuleDetail }) {
  return (
    <Facts>
      <Fact term="Watches">{sourceName(rule.source)}</Fact>
      {rule.on_host && rule.on_host !== rule.id && (
        <Fact term="On a host">
          <Go to="/alerts" search={{ q: term('rule', rule.on_host) }}>
            <code>{rule.on_host}</code>
          </Go>
          <div className={classes.quiet}>
            its id where a process of the node does it, not one in a container
          </div>
        </Fact>
      )}
      <Fact term="From">{ORIGIN[rule.origin]}</Fact>
      {rule.maturity && <Fact term="Maturity">{rule.maturity}</Fact>}
      <Fact term="Tactics">
        {rule.tactics.length === 0
          ? '–'
          : rule.tactics.map((tactic, index) => (
              <span key={tactic}>
                {index > 0 && ', '}
                <Go to="/rules" search={{ tactic }}>
                  {tacticName(tactic)}
                </Go>
              </span>
            ))}
      </Fact>
      {tags.length > 0 && <Fact term="Tags">{tags.join(', ')}</Fact>}
    </Facts>
  );
}

function Case({ case: each }: { case: RuleCase }) {
  const text = JSON.stringify(each.events.length === 1 ? each.events[0] : each.events, null, 2);
  return (
    <details className={classes.case}>
      <summary>
        <span className={classes.verdict} data-matches={each.matches || undefined}>
          {each.matches ? 'matches' : 'stays silent'}
        </span>{' '}
        {each.name}
      </summary>
      <Code label="the events">{text}</Code>
    </details>
  );
}
