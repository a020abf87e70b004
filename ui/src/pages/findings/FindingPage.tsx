import { Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { queries } from '../../api/queries';
import type { Finding, FindingDetail, Page as Rows } from '../../api/types';
import { Decide, type Decision } from '../../components/Decide';
import { FindingActions } from '../../components/FindingActions';
import { FindingMarks, type Part, partsOf, What } from '../../components/FindingView';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { StandIn } from '../../components/StandIn';
import { KIND_PLURAL } from '../../components/words';
import { useKeys } from '../../ui/keys';
import { Panel } from '../../ui/Panel';
import classes from './findings.module.css';

const ASIDE = ['where', 'since', 'decision', 'care', 'similar', 'references'];
const PLACE = {
  alert: '/alerts',
  misconfiguration: '/recommendations',
  vulnerability: '/vulnerabilities',
  secret: '/findings',
  malware: '/findings',
} as const;

export function FindingPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { data, error, refetch } = useQuery(queries.finding(id));
  const navigate = useNavigate();
  const neighbours = useNeighbours(id);
  const go = (to: string | undefined) =>
    to && navigate({ to: '/findings/$id', params: { id: to }, search: keepEnvironment as never });
  const [decision, setDecision] = useState<Decision>();
  useKeys({
    '[': () => go(neighbours.before),
    ']': () => go(neighbours.after),
    k: () => go(neighbours.before),
    j: () => go(neighbours.after),
    e: () => setDecision('menu'),
    s: () => setDecision('exempt'),
    Escape: () => history.back(),
  });
  if (!data || data.finding.id !== id)
    return <StandIn what="finding" error={data ? null : error} onRetry={() => refetch()} />;
  const { finding } = data;
  return (
    <Page title={finding.title || finding.rule} heading={<Heading detail={data} />}>
      <FindingActions finding={finding} onDecide={setDecision} />
      <Content detail={data} />
      <Decide
        decision={decision}
        targets={{ select: { ids: [finding.id] }, findings: [finding], count: 1 }}
        onTurn={setDecision}
        onClose={() => setDecision(undefined)}
        onDone={() => {}}
      />
    </Page>
  );
}

/** Before and after it in a list that was looked at. */
function useNeighbours(id: string): { before?: string; after?: string } {
  const cache = useQueryClient();
  for (const [, data] of cache.getQueriesData<{ pages?: Rows<Finding>[] }>({
    queryKey: ['findings'],
  })) {
    const ids = data?.pages?.flatMap((page) => page.items.map((row) => row.id)) ?? [];
    const at = ids.indexOf(id);
    const [before, after] = [ids[at - 1], ids[at + 1]];
    if (at >= 0) return { ...(before ? { before } : {}), ...(after ? { after } : {}) };
  }
  return {};
}

function Heading({ detail }: { detail: FindingDetail }) {
  const { finding } = detail;
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to={PLACE[finding.kind]} search={keepEnvironment as never} className="quiet-link">
          {KIND_PLURAL[finding.kind]}
        </Link>{' '}
        /
      </nav>
      <Title order={1} fz={18} className={classes.title}>
        {finding.title || finding.rule}
      </Title>
      <FindingMarks finding={finding} detail={detail} />
    </div>
  );
}

function Content({ detail }: { detail: FindingDetail }) {
  const { finding } = detail;
  const { data: layers } = useQuery({
    ...queries.imageLayers(finding.image?.id ?? ''),
    enabled: finding.kind === 'vulnerability' && finding.image !== undefined,
  });
  const shown = { finding, detail, layers: layers?.items };
  const parts = partsOf(shown);
  const panel = (part: Part) => (
    <Panel key={part.id} title={part.title}>
      {part.body}
    </Panel>
  );
  return (
    <div className={classes.grid}>
      <div className={classes.column}>
        <Panel title="What it is">
          <What shown={shown} />
        </Panel>
        {parts.filter((part) => !ASIDE.includes(part.id)).map(panel)}
      </div>
      <div className={classes.column}>
        {parts.filter((part) => ASIDE.includes(part.id)).map(panel)}
      </div>
    </div>
  );
}
