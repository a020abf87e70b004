import { Button, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { queries } from '../../api/queries';
import type { RecommendationDetail } from '../../api/types';
import { Decide, type Decision } from '../../components/Decide';
import { NothingFound } from '../../components/Empty';
import { FindingPane } from '../../components/FindingPane';
import { FindingTable } from '../../components/FindingTable';
import { References, Steps } from '../../components/FindingView';
import { EffortMark } from '../../components/marks';
import { keepEnvironment, keepWith } from '../../components/Names';
import { Page } from '../../components/Page';
import { SeverityMark } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { useScope, useUrl } from '../../components/url';
import { plural } from '../../lib/format';
import { both, term } from '../../lib/query';
import { Markdown } from '../../ui/Markdown';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { Affected, STATE_WORD } from './RecommendationsPage';
import classes from './recommendations.module.css';

export function RecommendationPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const scope = useScope();
  const [search, set] = useUrl();
  const { data, error, refetch } = useQuery(queries.recommendation(id, scope.environment));
  const list = useInfiniteQuery(
    queries.findings({ environment: scope.environment, q: both(scope.q, term('rule', id)) }),
  );
  const [decision, setDecision] = useState<Decision>();
  if (!data) return <StandIn what="recommendation" error={error} onRetry={() => refetch()} />;
  const rows = list.data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = rows.find((row) => row.id === search.sel);
  const { recommendation: row } = data;
  return (
    <Page
      title={row.title}
      heading={<Heading detail={data} />}
      actions={
        <Button size="xs" variant="default" onClick={() => setDecision('exempt')}>
          Exempt…
        </Button>
      }
      pane={
        chosen && (
          <FindingPane
            id={chosen.id}
            row={chosen}
            onClose={() => set({ sel: undefined })}
            onDecide={setDecision}
          />
        )
      }
    >
      <div className={classes.grid}>
        <div className={classes.column}>
          <Panel title="Why it matters">
            <Markdown>{data.why || data.description}</Markdown>
          </Panel>
          <Panel title="What to do">
            {data.remediation.length > 0 ? (
              <Steps steps={data.remediation} />
            ) : (
              'Nobody has written down what helps.'
            )}
          </Panel>
          <Panel
            title="Affected"
            aside={
              <Link to="/findings" search={keepWith({ q: term('rule', id) })}>
                {plural(row.affected, 'asset')}
              </Link>
            }
            flush
          >
            <div className={classes.list}>
              <FindingTable
                query={list}
                label="Affected"
                noun="asset"
                sort="place"
                empty={
                  <NothingFound title="Nothing is affected">
                    <p>{plural(row.assessed, 'asset')} looked at.</p>
                  </NothingFound>
                }
              />
            </div>
          </Panel>
        </div>
        <div className={classes.column}>
          <Panel title="How it stands">
            <Facts>
              <Fact term="State">{STATE_WORD[row.state]}</Fact>
              <Fact term="Affected">
                <Affected row={row} />
              </Fact>
              <Fact term="Exempted">
                <Link
                  to="/findings"
                  search={keepWith({ q: `${term('rule', id)} state:exempted,dismissed` })}
                >
                  {row.exempted}
                </Link>
              </Fact>
              <Fact term="Points">
                +{row.gain.toFixed(1)} to gain, of {row.weight} at most
              </Fact>
              <Fact term="Effort">
                <EffortMark effort={row.effort} />
              </Fact>
              <Fact term="Since">
                <Time at={row.first_seen} />
              </Fact>
            </Facts>
          </Panel>
          <Panel title="How it was checked">
            {data.checked_by && <div>{data.checked_by}</div>}
            <div className={classes.quiet}>
              last <Time at={row.last_checked} fallback="never" />
            </div>
          </Panel>
          {row.controls.length > 0 && (
            <Panel title="Controls it serves">
              <div className={classes.tags}>
                {row.controls.map((control) => (
                  <Link
                    key={control}
                    to="/compliance"
                    search={keepWith({ standard: control.split(' ')[0] })}
                    className={classes.tag}
                  >
                    {control}
                  </Link>
                ))}
              </div>
            </Panel>
          )}
          {row.techniques.length > 0 && (
            <Panel title="Makes harder">
              <div className={classes.tags}>
                {row.techniques.map((technique) => (
                  <Link
                    key={technique}
                    to="/attack"
                    search={keepEnvironment as never}
                    className={classes.tag}
                  >
                    {technique}
                  </Link>
                ))}
              </div>
            </Panel>
          )}
          {data.references.length > 0 && (
            <Panel title="References">
              <References links={data.references} />
            </Panel>
          )}
        </div>
      </div>
      <Decide
        decision={decision}
        targets={{
          select: { ids: (chosen ? [chosen] : rows).map((each) => each.id) },
          findings: chosen ? [chosen] : rows,
          count: chosen ? 1 : rows.length,
        }}
        onTurn={setDecision}
        onClose={() => setDecision(undefined)}
        onDone={() => {}}
      />
    </Page>
  );
}

function Heading({ detail: { recommendation: row } }: { detail: RecommendationDetail }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/recommendations" search={keepEnvironment as never} className="quiet-link">
          Recommendations
        </Link>{' '}
        /
      </nav>
      <Title order={1} fz={18}>
        {row.title}
      </Title>
      <div className={classes.marks}>
        <SeverityMark severity={row.severity} />
        <span className="mono">{row.id}</span>
        <span>
          <b>+{row.gain.toFixed(1)}</b> points to gain
        </span>
      </div>
    </div>
  );
}
