// What clusters are held to: every policy, what is done about it, and what
// it is against now.

import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type Policy, policies } from '../../api/policies';
import { CannotKnow, FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import { keepEnvironment } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { usePermissions } from '../../components/permissions';
import { Rows } from '../../components/Rows';
import { SeverityMark } from '../../components/Severity';
import { useScope, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { SEVERITIES } from '../../lib/severity';
import { columnOf, sorted, type Value } from '../../lib/sort';
import { list, toggle } from '../../lib/url-state';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips, FilterMenu } from '../../ui/Filters';
import { Notice } from '../../ui/Notice';
import { SearchField } from '../../ui/SearchField';
import { ACTIONS, ActionMark, assetsOf, groupName, spell, total } from './parts';
import classes from './policies.module.css';

const COLUMNS: Column<Policy>[] = [
  {
    id: 'severity',
    header: 'Severity',
    width: '74px',
    sorts: ['severity', '-severity'],
    cell: (row) => <SeverityMark severity={row.severity} />,
  },
  {
    id: 'title',
    header: 'Policy',
    width: 'minmax(260px, 3fr)',
    fixed: true,
    sorts: ['title', '-title'],
    cell: (row) => (
      <Go
        to={`/policies/${encodeURIComponent(row.id)}`}
        className={`quiet-link ${classes.name}`}
        title={`${row.title} (${row.id})`}
      >
        {row.title}
      </Go>
    ),
  },
  {
    id: 'group',
    header: 'Group',
    width: 'minmax(90px, 1fr)',
    sorts: ['group', '-group'],
    cell: (row) => groupName(row.group),
  },
  {
    id: 'asset',
    header: 'Judges',
    width: 'minmax(90px, 1fr)',
    cell: (row) => assetsOf(row.asset),
  },
  {
    id: 'action',
    header: 'What is done',
    width: '112px',
    sorts: ['-action', 'action'],
    cell: (row) => <ActionMark action={row.action} title={where(row)} />,
  },
  {
    id: 'violations',
    header: 'Against it now',
    name: 'Open findings',
    width: '104px',
    align: 'right',
    sorts: ['-violations', 'violations'],
    cell: (row) =>
      row.violations > 0 ? (
        <Go to="/findings" search={{ q: term('rule', row.id) }}>
          {count(row.violations)}
        </Go>
      ) : (
        0
      ),
  },
  {
    id: 'decisions',
    header: 'Requests, 7 days',
    name: 'Requests it was against in seven days',
    width: 'minmax(120px, 1.2fr)',
    align: 'right',
    sorts: ['-decisions', 'decisions'],
    cell: (row) =>
      total(row.decisions) > 0 ? (
        <Go to="/admission" search={{ policy: row.id }}>
          {spell(row.decisions)}
        </Go>
      ) : (
        '–'
      ),
  },
];

/** Where it is otherwise than by default. */
function where(row: Policy): string {
  return row.settings.length === 0
    ? 'As it is by default'
    : row.settings
        .map((each) => `${each.cluster ?? 'every cluster'}: ${each.action} (${each.changed_by})`)
        .join('; ');
}

const ORDER = ACTIONS.map((each) => each.value);
const VALUE: Record<string, (row: Policy) => Value> = {
  severity: (row) => SEVERITIES.indexOf(row.severity),
  title: (row) => row.title,
  group: (row) => row.group,
  action: (row) => ORDER.indexOf(row.action),
  violations: (row) => row.violations,
  decisions: (row) => total(row.decisions),
};

function inOrder(rows: readonly Policy[], sort: string): Policy[] {
  const value = VALUE[columnOf(sort)] ?? ((row: Policy) => row.violations);
  return sorted(rows, sort, value, (row) => row.title);
}

const USUAL = '-violations';

export function PoliciesPage() {
  const { environment, cluster } = useScope();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const { configure: whyNot } = usePermissions();
  const query = useQuery(policies.all(environment, cluster));
  const every = query.data ?? [];
  const q = (search.q ?? '').toLowerCase();
  const actions = list(search.action, ORDER);
  const severities = list(search.severity, SEVERITIES);
  const groups = [...new Set(every.map((row) => row.group))].sort();
  const isShown = (row: Policy) =>
    (actions.length === 0 || actions.includes(row.action)) &&
    (severities.length === 0 || severities.includes(row.severity)) &&
    (search.group === undefined || row.group === search.group) &&
    [row.title, row.id, row.kind].some((text) => text.toLowerCase().includes(q));
  const isFiltered = Boolean(q || search.action || search.severity || search.group);
  const clear = () =>
    set({ q: undefined, action: undefined, severity: undefined, group: undefined });
  const sort = search.sort ?? USUAL;
  const broken = every.filter((row) => (row.problems ?? []).length > 0);
  return (
    <Page
      title="Policies"
      isFixed
      actions={
        <Button
          size="xs"
          leftSection={<IconPlus size={14} aria-hidden />}
          disabled={whyNot !== undefined}
          title={whyNot}
          onClick={() => navigate({ to: '/policies/new', search: keepEnvironment } as never)}
        >
          New policy
        </Button>
      }
    >
      <Toolbar label="Filter policies">
        <SearchField
          label="Filter by title, id or kind"
          placeholder="Title, id or kind"
          value={search.q ?? ''}
          onChange={(next) => set({ q: next || undefined })}
        />
        <Chips label="What is done">
          {ACTIONS.map(({ value, label, doc }) => (
            <Chip
              key={value}
              isOn={actions.includes(value)}
              onClick={() => set({ action: toggle(search.action, value, ORDER) })}
            >
              <span title={doc}>{label}</span>
              <span className="tabular">
                {count(every.filter((row) => row.action === value).length)}
              </span>
            </Chip>
          ))}
        </Chips>
        <Chips label="More filters">
          <FilterMenu
            label="Group"
            choices={groups.map((value) => ({
              value: value || 'own',
              label: groupName(value),
              count: every.filter((row) => row.group === value).length,
            }))}
            chosen={search.group === undefined ? [] : [search.group || 'own']}
            onToggle={(value) => {
              const group = value === 'own' ? '' : value;
              set({ group: group === search.group ? undefined : group });
            }}
          />
          <FilterMenu
            label="Severity"
            choices={SEVERITIES.map((value) => ({ value, label: value }))}
            chosen={severities}
            onToggle={(value) =>
              set({ severity: toggle(search.severity, value as never, SEVERITIES) })
            }
          />
        </Chips>
      </Toolbar>
      {broken.length > 0 && (
        <Notice
          tone="warn"
          title={`${plural(broken.length, 'policy', 'policies')} cannot be judged as written`}
        >
          {broken.map((row) => (
            <div key={row.id}>
              <Link
                to="/policies/$id"
                params={{ id: row.id } as never}
                search={keepEnvironment as never}
              >
                {row.title}
              </Link>
              : {row.problems?.[0]?.message}
            </div>
          ))}
        </Notice>
      )}
      <Rows
        label="Policies"
        noun="policy"
        nouns="policies"
        query={query}
        rows={(answer: Policy[]) => inOrder(answer.filter(isShown), sort)}
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <span>
              <SeverityMark severity={row.severity} /> <b>{row.title}</b>
            </span>
            <span className={classes.quiet}>
              {groupName(row.group)} · {plural(row.violations, 'finding')} now ·{' '}
              {spell(row.decisions)} in 7 days
            </span>
            <ActionMark action={row.action} />
          </div>
        )}
        sort={sort}
        onSort={(next) => set({ sort: next === USUAL ? undefined : next })}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/policies/$id',
            params: { id: row.id },
            search: keepEnvironment as never,
          })
        }
        isMuted={(row) => row.action === 'off'}
        minWidth={980}
        empty={
          isFiltered ? (
            <FilteredOut noun="policy" nouns="policies" hidden={every.length} onClear={clear} />
          ) : (
            <CannotKnow title="No policy is loaded">
              <p>Without policies nothing is refused and nothing is judged.</p>
            </CannotKnow>
          )
        }
      />
    </Page>
  );
}
