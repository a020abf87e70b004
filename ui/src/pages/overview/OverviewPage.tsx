import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { Overview } from '../../api/types';
import { FindingName, whereText } from '../../components/FindingTable';
import { FixList } from '../../components/FixList';
import { Waiting } from '../../components/List';
import { EpssMark, KevMark } from '../../components/marks';
import { ImageLink, keepEnvironment, keepWith, VulnerabilityLink } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { SeverityBar, SeverityMark, SeverityStrip } from '../../components/Severity';
import { TacticLinks } from '../../components/TacticStrip';
import { LOCAL, useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { totalOf } from '../../lib/severity';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { Changes } from './Changes';
import { Coverage } from './Coverage';
import { DatabasePanel } from './DatabasePanel';
import { FirstRun } from './FirstRun';
import classes from './overview.module.css';
import { RunningScans } from './RunningScans';
import { DayCard, Kinds, ScoreCard } from './Standing';

export function OverviewPage() {
  const environment = useEnvironment();
  const [, set] = useUrl();
  const { data, error, refetch } = useQuery(queries.overview(environment));
  const isEmpty = data && data.totals.images + data.totals.machines + data.totals.sboms === 0;
  return (
    <Page
      title="Overview"
      actions={
        data &&
        !isEmpty && (
          <Button
            size="xs"
            leftSection={<IconPlus size={14} aria-hidden />}
            onClick={() => set({ scan: 'new' }, 'push')}
          >
            Scan an image
          </Button>
        )
      }
    >
      {data ? (
        isEmpty ? (
          <FirstRun overview={data} />
        ) : (
          <Content overview={data} environment={environment} />
        )
      ) : error ? (
        <ProblemBlank problem={error} onRetry={() => refetch()} />
      ) : (
        <Waiting label="the overview" />
      )}
    </Page>
  );
}

function Content({ overview, environment }: { overview: Overview; environment: string }) {
  const { totals, database } = overview;
  const scope: Record<string, string> = environment === LOCAL ? {} : { environment };
  const isDemo = environment === 'demo';
  return (
    <>
      {isDemo && (
        <Notice tone="warn" title="This is the demonstration">
          Nothing here is yours. It was made through the real pipelines, and can be removed whole
          from the environment menu.
        </Notice>
      )}
      {database.state === 'starter' && (
        <Notice
          tone="warn"
          title="Only the built-in starter advisories are in use"
          action={
            <Link to="/database" search={keepEnvironment as never}>
              Update or import
            </Link>
          }
        >
          What is shown is true, but most of what there is to find is missing.
        </Notice>
      )}
      <div className={classes.top}>
        <ScoreCard overview={overview} />
        <DayCard overview={overview} />
      </div>
      <div className={classes.grid}>
        <div className={classes.main}>
          <Panel
            title="Open findings"
            aside={`${count(totalOf(totals.findings))} in ${plural(totals.images + totals.machines + totals.sboms, 'target')}`}
          >
            <SeverityBar
              counts={totals.findings}
              label="Open findings by severity"
              to={(severity) => ({
                to: '/findings',
                search: { ...scope, q: term('severity', severity) },
              })}
            />
            <Kinds kinds={overview.kinds} />
            <Numbers overview={overview} scope={scope} />
          </Panel>
          <Panel
            title="Alerts"
            aside={
              <Link to="/alerts" search={keepEnvironment as never}>
                The queue
              </Link>
            }
            flush
          >
            <div className={classes.tactics}>
              <TacticLinks tactics={overview.tactics} />
            </div>
            <ul className={classes.rows}>
              {overview.top_alerts.slice(0, 5).map((alert) => (
                <li key={alert.id} className={classes.alert}>
                  <SeverityMark severity={alert.severity} />
                  <FindingName finding={alert} />
                  <span className={`${classes.quiet} truncate`}>{whereText(alert)}</span>
                  <span className={classes.quiet}>
                    <Time at={alert.last_seen} />
                  </span>
                </li>
              ))}
              {overview.top_alerts.length === 0 && (
                <li className={classes.none}>No alert is open.</li>
              )}
            </ul>
          </Panel>
          <div className={classes.pair}>
            <Panel
              title="Recommendations worth most"
              aside={
                <Link to="/recommendations" search={keepEnvironment as never}>
                  All
                </Link>
              }
              flush
            >
              <ul className={classes.rows}>
                {overview.top_recommendations.slice(0, 5).map((row) => (
                  <li key={row.id} className={classes.recommendation}>
                    <b className="tabular">+{row.gain.toFixed(1)}</b>
                    <Link
                      to="/recommendations/$id"
                      params={{ id: row.id } as never}
                      search={keepEnvironment as never}
                      className="quiet-link truncate"
                      title={row.title}
                    >
                      {row.title}
                    </Link>
                    <Link
                      to="/findings"
                      search={keepWith({ q: term('rule', row.id) })}
                      className={classes.quiet}
                    >
                      {plural(row.affected, 'asset')}
                    </Link>
                  </li>
                ))}
                {overview.top_recommendations.length === 0 && (
                  <li className={classes.none}>Nothing to mend.</li>
                )}
              </ul>
            </Panel>
            <Panel
              title="Upgrades that close most"
              aside={
                overview.top_fixes.length > 0 && (
                  <Link to="/fix-first" search={keepEnvironment as never}>
                    All steps
                  </Link>
                )
              }
              flush
            >
              {overview.top_fixes.length > 0 ? (
                <FixList fixes={overview.top_fixes.slice(0, 5)} />
              ) : (
                <div className={classes.none}>
                  {totalOf(totals.vulnerabilities) === 0
                    ? 'Nothing: no vulnerability is open.'
                    : 'No upgrade would close anything yet.'}
                </div>
              )}
            </Panel>
          </div>
          <div className={classes.pair}>
            <Panel
              title="Worst images"
              aside={
                <Link to="/images" search={scope as never}>
                  All images
                </Link>
              }
              flush
            >
              <ul className={classes.rows}>
                {overview.top_images.slice(0, 5).map((image) => (
                  <li key={image.id}>
                    <ImageLink image={image} isShort />
                    <SeverityStrip counts={image.counts} />
                  </li>
                ))}
                {overview.top_images.length === 0 && (
                  <li className={classes.none}>None stands out.</li>
                )}
              </ul>
            </Panel>
            <Panel
              title="Most likely to hurt"
              aside={
                <Link to="/vulnerabilities" search={{ ...scope, sort: '-epss' } as never}>
                  All vulnerabilities
                </Link>
              }
              flush
            >
              <ul className={classes.rows}>
                {overview.top_vulnerabilities.slice(0, 5).map((each) => (
                  <li key={each.id} className={classes.vulnerability}>
                    <SeverityMark severity={each.severity} />
                    <VulnerabilityLink id={each.id} />
                    <span className={`${classes.quiet} truncate`} title={each.title}>
                      {each.title}
                    </span>
                    {each.kev ? <KevMark /> : <span />}
                    <EpssMark epss={each.epss} />
                  </li>
                ))}
                {overview.top_vulnerabilities.length === 0 && (
                  <li className={classes.none}>No vulnerability is open.</li>
                )}
              </ul>
            </Panel>
          </div>
        </div>
        <div className={classes.side}>
          {overview.scans.length > 0 && <RunningScans />}
          <Coverage overview={overview} />
          <DatabasePanel database={database} />
          <Changes changes={overview.changes} />
        </div>
      </div>
    </>
  );
}

function Numbers({ overview, scope }: { overview: Overview; scope: Record<string, string> }) {
  const { totals } = overview;
  const numbers: { value: number; label: string; to: string; search: Record<string, string> }[] = [
    { value: totals.fixable, label: 'fixable', to: '/findings', search: { q: 'is:fixable' } },
    { value: totals.kev, label: 'known to be exploited', to: '/findings', search: { q: 'is:kev' } },
    {
      value: totalOf(totals.vulnerabilities),
      label: 'different vulnerabilities',
      to: '/vulnerabilities',
      search: {},
    },
    {
      value: totals.suppressed,
      label: 'suppressed',
      to: '/findings',
      search: { suppressed: 'true' },
    },
    {
      value: totals.images,
      label: totals.images === 1 ? 'image' : 'images',
      to: '/images',
      search: { kind: 'image' },
    },
    {
      value: totals.machines,
      label: totals.machines === 1 ? 'machine' : 'machines',
      to: '/images',
      search: { kind: 'rootfs' },
    },
  ];
  return (
    <div className={classes.numbers}>
      {numbers.map((number) => (
        <Link
          key={number.label}
          to={number.to}
          search={{ ...scope, ...number.search } as never}
          className={classes.number}
        >
          <b>{count(number.value)}</b> {number.label}
        </Link>
      ))}
    </div>
  );
}
