// What was asked of clusters and what became of it, as it comes in; who is
// against policies most; and how those who decide are.

import { IconDoorEnter } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type Admission, type AdmissionDecision, EVERY_MS, policies } from '../../api/policies';
import { FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import { List } from '../../components/List';
import { keepEnvironment } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { useScope, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { list, toggle } from '../../lib/url-state';
import { Blank } from '../../ui/Blank';
import { Code } from '../../ui/Code';
import { Command } from '../../ui/Copy';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { Notice } from '../../ui/Notice';
import { Pane } from '../../ui/Pane';
import { Fact, Facts } from '../../ui/Panel';
import { PlainButton } from '../../ui/PlainButton';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import { spell, VERDICTS, VerdictMark } from '../policies/parts';
import classes from './admission.module.css';

const object = ({ decision }: AdmissionDecision) =>
  `${decision.kind}/${decision.name || '(to be named)'}`;

const COLUMNS: Column<AdmissionDecision>[] = [
  {
    id: 'time',
    header: 'When',
    width: '88px',
    cell: (row) => <Time at={row.decision.time} />,
  },
  {
    id: 'verdict',
    header: 'Decided',
    width: '98px',
    cell: (row) => <VerdictMark verdict={row.decision.verdict} />,
  },
  {
    id: 'object',
    header: 'Object',
    width: 'minmax(170px, 1.6fr)',
    fixed: true,
    cell: (row) => <Opens row={row} />,
  },
  {
    id: 'namespace',
    header: 'Namespace',
    width: 'minmax(100px, 0.9fr)',
    cell: (row) => row.decision.namespace || '–',
  },
  {
    id: 'cluster',
    header: 'Cluster',
    width: 'minmax(90px, 0.8fr)',
    cell: (row) => row.cluster,
  },
  {
    id: 'says',
    header: 'Because',
    width: 'minmax(240px, 3fr)',
    cell: (row) => {
      const says = row.decision.violations ?? [];
      const first = says[0];
      const more = says.length - 1;
      const text = first?.message ?? row.decision.note ?? '';
      return (
        <span className="truncate" title={text}>
          {text}
          {more > 0 && ` (and ${more} more)`}
        </span>
      );
    },
  },
  {
    id: 'user',
    header: 'Asked by',
    width: 'minmax(120px, 1.2fr)',
    cell: (row) => (
      <span className="truncate" title={row.decision.user}>
        {row.decision.user}
      </span>
    ),
  },
];

/** Opens the row beside the list, for the keyboard as well. */
function Opens({ row }: { row: AdmissionDecision }) {
  const [, set] = useUrl();
  return (
    <PlainButton
      className={`truncate ${classes.name}`}
      title={`${row.decision.operation} ${object(row)}`}
      onClick={() => set({ sel: row.id })}
    >
      {object(row)}
    </PlainButton>
  );
}

const WORDS = VERDICTS.map((each) => each.value);

export function AdmissionPage() {
  const { environment, cluster, ns } = useScope();
  const [search, set] = useUrl();
  const admissions = useQuery(policies.admissions(environment, EVERY_MS));
  const offenders = useQuery(policies.offenders(environment, cluster));
  const query = useInfiniteQuery(
    policies.decisions(
      {
        environment,
        ...(cluster ? { cluster } : {}),
        ...(ns ? { namespace: ns } : {}),
        ...(search.q ? { q: search.q } : {}),
        ...(search.policy ? { policy: search.policy } : {}),
        ...(search.verdict ? { verdict: search.verdict } : {}),
      },
      EVERY_MS,
    ),
  );
  const verdicts = list(search.verdict, WORDS);
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const chosen = rows.find((row) => row.id === search.sel);
  const isFiltered = Boolean(search.q || search.policy || search.verdict);
  const clear = () => set({ q: undefined, policy: undefined, verdict: undefined });
  return (
    <Page
      title="Admission"
      isFixed
      isNarrowed
      pane={
        chosen && (
          <Pane
            label={object(chosen)}
            title={object(chosen)}
            onClose={() => set({ sel: undefined })}
          >
            <Detail row={chosen} />
          </Pane>
        )
      }
    >
      <How rows={(admissions.data ?? []).filter((row) => !cluster || row.cluster === cluster)} />
      {(offenders.data?.length ?? 0) > 0 && (
        <div className={classes.offenders}>
          <b>Most often, in 7 days</b>
          {offenders.data?.slice(0, 5).map((each) => (
            <Go
              key={`${each.cluster} ${each.namespace} ${each.object} ${each.policy}`}
              to="/admission"
              search={{ q: each.object.split('/').at(-1), policy: each.policy }}
              className={classes.offender}
              title={`${each.policy}: ${spell(each.decisions)}`}
            >
              {[each.namespace, each.object].filter(Boolean).join(' › ')}{' '}
              <span className={classes.quiet}>{spell(each.decisions)}</span>
            </Go>
          ))}
        </div>
      )}
      <Toolbar label="Filter decisions">
        <SearchField
          label="Filter by object, workload, user or message"
          placeholder="Object, user or message"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="Decided">
          {VERDICTS.map(({ value, label, doc }) => (
            <Chip
              key={value}
              isOn={verdicts.includes(value)}
              onClick={() => set({ verdict: toggle(search.verdict, value, WORDS) })}
            >
              <span title={doc}>{label}</span>
            </Chip>
          ))}
          {search.policy && (
            <Chip isOn onClick={() => set({ policy: undefined })}>
              {search.policy} ×
            </Chip>
          )}
        </Chips>
      </Toolbar>
      <List
        label="Decisions"
        noun="decision"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <span>
              <VerdictMark verdict={row.decision.verdict} /> <b>{object(row)}</b>
            </span>
            <span className={classes.quiet}>
              {row.cluster} › {row.decision.namespace || 'the cluster'} ·{' '}
              <Time at={row.decision.time} />
            </span>
            <span>{row.decision.violations?.[0]?.message ?? row.decision.note}</span>
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) => set({ sel: row.id })}
        minWidth={1020}
        empty={
          isFiltered ? (
            <FilteredOut noun="decision" onClear={clear} />
          ) : (
            <None isInstalled={(admissions.data?.length ?? 0) > 0} />
          )
        }
      />
    </Page>
  );
}

/** Nothing was decided that is worth a line, or nobody decides. */
function None({ isInstalled }: { isInstalled: boolean }) {
  return isInstalled ? (
    <Blank
      icon={<IconDoorEnter size={32} stroke={1.4} aria-hidden />}
      title="No request was against a policy"
    >
      <p>What is fine is let through without a line here.</p>
    </Blank>
  ) : (
    <Blank
      icon={<IconDoorEnter size={32} stroke={1.4} aria-hidden />}
      title="No cluster asks before it stores"
    >
      <p>
        Admission is asked by a cluster’s API server about each request. It audits until a policy is
        told to warn or to deny, and never stands in the way of the cluster’s own namespaces.
      </p>
      <Command label="the command">kubectl apply -f deploy/admission/</Command>
      <p>
        A pipeline can ask the same policies without a cluster:{' '}
        <code>seawall policy check manifests/</code>
      </p>
    </Blank>
  );
}

/** How those who decide are, where something is not as it should be. */
function How({ rows }: { rows: readonly Admission[] }) {
  if (rows.length === 0) return null;
  const bad = rows.filter((row) => row.is_silent || (row.status.problems ?? []).length > 0);
  const requests = rows.reduce((sum, row) => sum + (row.status.requests ?? 0), 0);
  const slowest = Math.max(...rows.map((row) => row.status.p99_us ?? 0));
  return (
    <>
      {bad.map((row) => (
        <Notice
          key={`${row.cluster} ${row.status.replica}`}
          tone={row.is_silent ? 'bad' : 'warn'}
          title={`${row.cluster}: ${row.status.replica} ${row.is_silent ? 'is silent' : 'says of itself'}`}
        >
          {row.is_silent ? (
            <>
              Last heard of <Time at={row.last_seen} />. Where no replica answers, requests are{' '}
              {row.status.fail === 'closed' ? 'refused' : 'let through unjudged'}.
            </>
          ) : (
            (row.status.problems ?? []).map((text) => <div key={text}>{text}</div>)
          )}
        </Notice>
      ))}
      <p className={classes.status}>
        {plural(rows.length, 'replica')} in{' '}
        {plural(new Set(rows.map((row) => row.cluster)).size, 'cluster')} ·{' '}
        {plural(requests, 'request')} since they started · 99 of 100 within{' '}
        {(slowest / 1000).toFixed(1)} ms
        {rows.some((row) => row.status.audit_only) && ' · some only audit'}
        {rows.some((row) => !row.is_current && !row.is_silent) && ' · some fetch the policies now'}
      </p>
    </>
  );
}

function Detail({ row }: { row: AdmissionDecision }) {
  const { decision } = row;
  const says = decision.violations ?? [];
  return (
    <div className={classes.detail}>
      <VerdictMark verdict={decision.verdict} />
      {decision.note && <p className={classes.text}>{decision.note}</p>}
      <Facts>
        <Fact term="When">
          <Time at={decision.time} />, in {((decision.took_us ?? 0) / 1000).toFixed(1)} ms
        </Fact>
        <Fact term="Asked for">
          {decision.operation.toLowerCase()}{' '}
          {[decision.group, decision.kind].filter(Boolean).join('/')}
        </Fact>
        <Fact term="Where">{[row.cluster, decision.namespace].filter(Boolean).join(' › ')}</Fact>
        {decision.workload && <Fact term="Part of">{decision.workload}</Fact>}
        <Fact term="Asked by">{decision.user}</Fact>
        {(decision.images ?? []).length > 0 && (
          <Fact term="Images">
            {decision.images?.map((image) => (
              <div key={image}>
                <Go to="/images" search={{ q: image }} className="quiet-link">
                  {image}
                </Go>
              </div>
            ))}
          </Fact>
        )}
      </Facts>
      {says.map((each) => (
        <section key={`${each.policy} ${each.constraint} ${each.message}`} className={classes.says}>
          <div className={classes.head}>
            <Link
              to="/policies/$id"
              params={{ id: each.policy } as never}
              search={keepEnvironment as never}
            >
              {each.policy}
            </Link>
            <VerdictMark verdict={each.verdict} />
          </div>
          <p className={classes.text}>{each.message}</p>
          {each.exemption && (
            <p className={classes.quiet}>
              <Go to="/exemptions" search={{ q: each.exemption }}>
                The exemption that holds
              </Go>
            </p>
          )}
          {each.patch ? (
            <Code label="what mends it">{JSON.stringify(each.patch, null, 2)}</Code>
          ) : null}
        </section>
      ))}
      {says.length > 1 && (
        <p className={classes.quiet}>{count(says.length)} policies are against it.</p>
      )}
    </div>
  );
}
