// One workload in one picture: what policies say, what its images hold,
// who reaches it, what it may do, what happened in it.

import { Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { clusters, type WorkloadDetail } from '../../api/clusters';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { AssetLink, ImageLink, ImageText, keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { SeverityMark, SeverityStrip } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { useEnvironment } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Code } from '../../ui/Code';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { PlainButton } from '../../ui/PlainButton';
import { Time } from '../../ui/Time';
import classes from './clusters.module.css';
import { BY, REACH } from './parts';

export function WorkloadPage() {
  const { cluster, id } = useParams({ strict: false }) as { cluster: string; id: string };
  const environment = useEnvironment();
  const { data, error, refetch } = useQuery(clusters.workload(cluster, id, environment));
  if (!data) return <StandIn what="workload" error={error} onRetry={() => refetch()} />;
  const outside = data.exposure.filter((each) => each.reach === 'outside');
  return (
    <Page title={data.workload.key.name} heading={<Heading detail={data} />}>
      {outside.length > 0 && data.network_policies.length === 0 && (
        <Notice
          tone="warn"
          title="It can be reached from outside, and no network policy bounds it"
        />
      )}
      <div className={classes.grid}>
        <div className={classes.column}>
          <Panel
            title="What policies say"
            aside={`${count(data.workload.violated)} of ${count(data.workload.judged)} are against it`}
            flush
          >
            <Findings detail={data} />
          </Panel>
          <Panel title="Alerts" aside={plural(data.alerts.length, 'alert')} flush>
            <Alerts detail={data} />
          </Panel>
          <Text detail={data} />
        </div>
        <div className={classes.column}>
          <Panel title="Images">
            <Images detail={data} />
          </Panel>
          <Panel title="Who reaches it">
            <Reached detail={data} />
          </Panel>
          <Panel title="What it may do">
            <Rights detail={data} />
          </Panel>
          <Panel title="Pods" aside={plural(data.pods.length, 'pod')} flush>
            <Pods detail={data} />
          </Panel>
        </div>
      </div>
    </Page>
  );
}

function Heading({ detail: { workload } }: { detail: WorkloadDetail }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/clusters" search={keepEnvironment as never} className="quiet-link">
          Clusters
        </Link>{' '}
        /{' '}
        <Link
          to="/clusters/$cluster"
          params={{ cluster: workload.cluster } as never}
          search={keepEnvironment as never}
          className="quiet-link"
        >
          {workload.cluster}
        </Link>{' '}
        / {workload.key.namespace} /
      </nav>
      <div className={classes.title}>
        <Title order={1} fz={18}>
          {workload.key.name}
        </Title>
        <span className={classes.quiet}>{workload.key.kind}</span>
        <SeverityStrip counts={workload.counts} />
      </div>
      <div className={classes.facts}>
        {workload.asset && <AssetLink asset={workload.asset} name="in the inventory" />}
        <span>
          changed <Time at={workload.changed} />
        </span>
      </div>
    </div>
  );
}

function Findings({ detail: { findings, healthy } }: { detail: WorkloadDetail }) {
  const [isShown, setShown] = useState(false);
  return (
    <>
      {findings.length === 0 ? (
        <p className={classes.none}>
          No policy is against it
          {healthy.length > 0 && `, of ${count(healthy.length)} that judged it`}.
        </p>
      ) : (
        <ul className={classes.list}>
          {findings.map((each) => (
            <li key={each.id}>
              <SeverityMark severity={each.severity} />
              <div className={classes.grow}>
                <Go to={`/findings/${encodeURIComponent(each.id)}`} className={classes.name}>
                  {each.title || each.rule}
                </Go>
                <div className={classes.quiet}>{each.summary}</div>
              </div>
            </li>
          ))}
        </ul>
      )}
      {healthy.length > 0 && (
        <div className={classes.none}>
          <PlainButton onClick={() => setShown(!isShown)} aria-expanded={isShown}>
            {plural(healthy.length, 'policy', 'policies')} {healthy.length === 1 ? 'has' : 'have'}{' '}
            nothing to say {isShown ? '▾' : '▸'}
          </PlainButton>
          {isShown && (
            <div className={classes.healthy}>
              {healthy.map((id) => (
                <Go key={id} to={`/policies/${encodeURIComponent(id)}`} className="quiet-link">
                  {id}
                </Go>
              ))}
            </div>
          )}
        </div>
      )}
    </>
  );
}

function Alerts({ detail: { alerts } }: { detail: WorkloadDetail }) {
  if (alerts.length === 0)
    return <p className={classes.none}>Nothing suspicious was seen in it, where it is watched.</p>;
  return (
    <ul className={classes.list}>
      {alerts.map((each) => (
        <li key={each.id}>
          <SeverityMark severity={each.severity} />
          <div className={classes.grow}>
            <Go to={`/findings/${encodeURIComponent(each.id)}`} className={classes.name}>
              {each.title || each.rule}
            </Go>
            <div className={classes.quiet}>
              <Time at={each.last_seen} /> · {each.summary}
            </div>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Images({ detail: { images } }: { detail: WorkloadDetail }) {
  if (images.length === 0) return <p className={classes.quiet}>It names none.</p>;
  return (
    <ul className={classes.plain}>
      {images.map((each) => (
        <li key={each.container}>
          <b>{each.container}</b>
          <div>
            {each.image ? <ImageLink image={each.image} /> : <ImageText name={each.name} />}
          </div>
          {each.vulnerabilities ? (
            <SeverityStrip counts={each.vulnerabilities} />
          ) : (
            <span className={classes.quiet}>not scanned</span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Reached({ detail: { exposure, network_policies } }: { detail: WorkloadDetail }) {
  return (
    <Facts>
      {exposure.map((each) => (
        <Fact key={`${each.by} ${each.name}`} term={BY[each.by] ?? each.by}>
          <b>{each.name}</b> {REACH[each.reach] ?? each.reach}
          {each.ports.length > 0 && <div className={classes.quiet}>{each.ports.join(', ')}</div>}
        </Fact>
      ))}
      {exposure.length === 0 && (
        <Fact term="Services">none leads to it; pods reach it by its address</Fact>
      )}
      <Fact term="Network policies">
        {network_policies.length > 0
          ? network_policies.join(', ')
          : 'none selects it: everything in the cluster may reach it'}
      </Fact>
    </Facts>
  );
}

function Rights({ detail: { service_account } }: { detail: WorkloadDetail }) {
  return (
    <Facts>
      <Fact term="Acts as">
        <b>{service_account.name || 'default'}</b>
        <div className={classes.quiet}>
          {service_account.mounted ? 'its token is mounted' : 'its token is not mounted'}
        </div>
      </Fact>
      {service_account.rights.map((each, index) => (
        <Fact key={`${each.binding} ${index}`} term={each.namespace || 'the whole cluster'}>
          {each.verbs.join(', ')} <b>{each.resources.join(', ')}</b>
          <div className={classes.quiet}>
            {each.role} by {each.binding}
          </div>
        </Fact>
      ))}
      {service_account.rights.length === 0 && (
        <Fact term="Rights">none beyond what every account has</Fact>
      )}
    </Facts>
  );
}

function Pods({ detail: { pods } }: { detail: WorkloadDetail }) {
  if (pods.length === 0) return <p className={classes.none}>None runs.</p>;
  return (
    <div className={classes.scroll}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">Pod</th>
            <th scope="col">Phase</th>
            <th scope="col">Node</th>
          </tr>
        </thead>
        <tbody>
          {pods.map((each) => (
            <tr key={each.name}>
              <td>{each.name}</td>
              <td>{each.phase || '–'}</td>
              <td>{each.node || '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The object as the cluster has it, when asked for. */
function Text({ detail: { workload } }: { detail: WorkloadDetail }) {
  const environment = useEnvironment();
  const [isShown, setShown] = useState(false);
  const { data, error } = useQuery({
    ...clusters.object(workload.cluster, workload.id, environment),
    enabled: isShown,
  });
  const text = data?.body ? JSON.stringify(data.body, null, 2) : undefined;
  return (
    <Panel
      title="How it is written"
      aside={
        <PlainButton onClick={() => setShown(!isShown)} aria-expanded={isShown}>
          {isShown ? 'Hide' : 'Show'}
        </PlainButton>
      }
    >
      {!isShown ? (
        <p className={classes.quiet}>As the cluster has it, without what policies never ask for.</p>
      ) : error ? (
        <ProblemBlank problem={error} onRetry={() => setShown(true)} />
      ) : data ? (
        text ? (
          <Code label="the object">{text}</Code>
        ) : (
          <p className={classes.quiet}>Its text is longer than is kept.</p>
        )
      ) : (
        <Waiting label="the object" rows={6} />
      )}
    </Panel>
  );
}
