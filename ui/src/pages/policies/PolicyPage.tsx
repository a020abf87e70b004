// One policy: why it is there, what is done about it and where, what that
// would mean, whom it is against, and how it is written.

import { Button, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { type PolicyDetail, policies, useDropPolicy } from '../../api/policies';
import { References, Steps } from '../../components/FindingView';
import { Go } from '../../components/Go';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { SeverityMark } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { useEnvironment, useScope, useUrl } from '../../components/url';
import { count } from '../../lib/format';
import { term } from '../../lib/query';
import { Code } from '../../ui/Code';
import { Copy } from '../../ui/Copy';
import { Dialog } from '../../ui/Dialog';
import { Markdown } from '../../ui/Markdown';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/Time';
import { ActionMark, actionName, assetsOf, FORM, groupName, Notes, Problems, spell } from './parts';
import classes from './policies.module.css';
import { Setting } from './Setting';
import { Try } from './Try';

export function PolicyPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { environment, cluster } = useScope();
  const [search] = useUrl();
  const { data, error, refetch } = useQuery(policies.one(id, environment, cluster));
  if (!data) return <StandIn what="policy" error={error} onRetry={() => refetch()} />;
  const { policy } = data;
  const tab = search.tab ?? 'about';
  return (
    <Page title={policy.title} heading={<Heading detail={data} />} actions={<Own detail={data} />}>
      <Problems problems={policy.problems ?? []} />
      <Notes notes={policy.notes ?? []} />
      <Tabs
        label="Parts of the policy"
        current={tab}
        tabs={[
          { id: 'about', label: 'About it' },
          { id: 'try', label: 'Try it' },
          { id: 'text', label: 'How it is written' },
        ]}
      />
      {tab === 'text' ? (
        <Panel title="Its documents" aside={<span className={classes.quiet}>{policy.kind}</span>}>
          <Code label="the documents">{data.text}</Code>
        </Panel>
      ) : tab === 'try' ? (
        <Panel title="What it says of objects">
          <Try text={data.text} />
        </Panel>
      ) : (
        <div className={classes.grid}>
          <div className={classes.column}>
            <About detail={data} />
          </div>
          <div className={classes.column}>
            <Panel title="What is done about it">
              <Setting
                key={`${policy.id} ${environment} ${cluster ?? ''} ${policy.action}`}
                detail={data}
              />
            </Panel>
            <Standing detail={data} />
          </div>
        </div>
      )}
    </Page>
  );
}

function Heading({ detail: { policy, techniques } }: { detail: PolicyDetail }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/policies" search={keepEnvironment as never} className="quiet-link">
          Policies
        </Link>{' '}
        /
      </nav>
      <Title order={1} fz={18}>
        {policy.title}
      </Title>
      <div className={classes.marks}>
        <SeverityMark severity={policy.severity} />
        <ActionMark action={policy.action} />
        <code>{policy.id}</code>
        <Copy value={policy.id} what="id" />
        {techniques.map((technique) => (
          <span key={technique} className={classes.tag}>
            {technique}
          </span>
        ))}
      </div>
    </div>
  );
}

/** What can be done with somebody's own. */
function Own({ detail: { policy } }: { detail: PolicyDetail }) {
  const environment = useEnvironment();
  const navigate = useNavigate();
  const { configure: whyNot } = usePermissions();
  const drop = useDropPolicy(environment);
  const [isAsking, setAsking] = useState(false);
  if (policy.origin !== 'custom') return null;
  return (
    <>
      <Button
        size="xs"
        variant="default"
        disabled={whyNot !== undefined}
        title={whyNot}
        onClick={() => setAsking(true)}
      >
        Delete…
      </Button>
      <Button
        size="xs"
        variant="default"
        disabled={whyNot !== undefined}
        title={whyNot}
        onClick={() =>
          navigate({
            to: '/policies/new',
            search: ((old: Record<string, unknown>) => ({
              ...keepEnvironment(old),
              from: policy.id,
            })) as never,
          })
        }
      >
        Edit
      </Button>
      <Dialog opened={isAsking} onClose={() => setAsking(false)} title="Delete this policy?">
        {drop.error && <ProblemNotice problem={drop.error} title="It was not deleted" />}
        <p className={classes.text}>
          Nothing is judged by it from then on, and its findings are resolved. What admission
          decided by it stays in the record.
        </p>
        <div className={classes.buttons}>
          <Button size="xs" variant="default" data-autofocus onClick={() => setAsking(false)}>
            Cancel
          </Button>
          <Button
            size="xs"
            color="red"
            loading={drop.isPending}
            onClick={() =>
              drop.mutate(policy.id, {
                onSuccess: () => navigate({ to: '/policies', search: keepEnvironment } as never),
              })
            }
          >
            Delete {policy.title}
          </Button>
        </div>
      </Dialog>
    </>
  );
}

function About({ detail }: { detail: PolicyDetail }) {
  return (
    <>
      <Panel title="What it asks">
        <Markdown>{detail.description || detail.policy.title}</Markdown>
      </Panel>
      {detail.why && (
        <Panel title="Why it matters">
          <Markdown>{detail.why}</Markdown>
        </Panel>
      )}
      {detail.steps.length > 0 && (
        <Panel title="How to mend it">
          <Steps steps={detail.steps} />
        </Panel>
      )}
      <Panel
        title="Whom it is against most"
        aside={<span className={classes.quiet}>requests of the last 7 days</span>}
        flush
      >
        <Offenders detail={detail} />
      </Panel>
      {detail.references.length > 0 && (
        <Panel title="References">
          <References links={detail.references} />
        </Panel>
      )}
    </>
  );
}

function Offenders({ detail: { offenders, policy } }: { detail: PolicyDetail }) {
  if (offenders.length === 0)
    return (
      <p className={classes.quiet} style={{ padding: '10px 12px' }}>
        No request was against it. Where admission is not installed in a cluster, none is asked
        about.
      </p>
    );
  return (
    <div className={classes.scroll}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">Object</th>
            <th scope="col">Asked by</th>
            <th scope="col">What became of it</th>
            <th scope="col">Last</th>
          </tr>
        </thead>
        <tbody>
          {offenders.map((each) => (
            <tr key={`${each.cluster} ${each.namespace} ${each.object}`}>
              <td>
                <Go
                  to="/admission"
                  search={{ policy: policy.id, q: each.object.split('/').at(-1) }}
                  className={`quiet-link ${classes.object}`}
                >
                  {each.object}
                </Go>
                <div className={classes.quiet}>
                  {[each.cluster, each.namespace].filter(Boolean).join(' › ')}
                </div>
              </td>
              <td>{each.user}</td>
              <td>{spell(each.decisions)}</td>
              <td>
                <Time at={each.last} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Standing({ detail }: { detail: PolicyDetail }) {
  const { policy } = detail;
  return (
    <Panel title="How it stands">
      <Facts>
        <Fact term="Against it now">
          <Go to="/findings" search={{ q: term('rule', policy.id) }}>
            {count(policy.violations)}
          </Go>
        </Fact>
        <Fact term="Requests">{spell(policy.decisions)}, in 7 days</Fact>
        <Fact term="Judges">{assetsOf(policy.asset)}</Fact>
        <Fact term="Form">{FORM[policy.form]}</Fact>
        <Fact term="From">
          {policy.origin === 'built_in' ? `built in, ${groupName(policy.group)}` : 'your own'}
        </Fact>
        <Fact term="By default">{actionName(policy.by_default)}</Fact>
        {detail.effort && <Fact term="Effort">{detail.effort}</Fact>}
        {detail.controls.length > 0 && <Fact term="Serves">{detail.controls.join(', ')}</Fact>}
        {detail.changed && (
          <Fact term="Written">
            revision {detail.revision} by {detail.changed_by}, <Time at={detail.changed} />
          </Fact>
        )}
      </Facts>
      {detail.checked_by && <p className={classes.quiet}>{detail.checked_by}</p>}
    </Panel>
  );
}
