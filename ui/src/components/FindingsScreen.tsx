// The place to work in: a list of findings with its search, its groups and
// views, the chosen one beside it, and what can be decided about many.

import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { queries } from '../api/queries';
import type { Finding, FindingGroup, FindingKind, FindingSort, GroupBy } from '../api/types';
import { count, plural } from '../lib/format';
import { both, either, mentions, valuesOf, withValues } from '../lib/query';
import {
  type Chosen,
  extendTo,
  howMany,
  kept,
  NONE,
  toggleLoaded,
  toggleOne,
} from '../lib/selection';
import { totalOf } from '../lib/severity';
import { FilterMenu } from '../ui/Filters';
import { useKeys } from '../ui/keys';
import { PlainButton } from '../ui/PlainButton';
import { BulkBar } from './BulkBar';
import { Decide, type Decision, type Targets } from './Decide';
import { RecentActions } from './done';
import { FilteredOut } from './Empty';
import { FindingPane } from './FindingPane';
import classes from './FindingsScreen.module.css';
import { FindingTable } from './FindingTable';
import { GroupTable } from './GroupTable';
import { useFresh } from './live';
import { Page, Toolbar } from './Page';
import { SeverityFilter } from './SeverityFilter';
import { ShareMenu } from './ShareMenu';
import { useScope, useUrl } from './url';
import { Views } from './Views';
import { GROUP_NAME, STATE_NAME } from './words';

const SORTS: FindingSort[] = [
  'severity',
  '-priority',
  '-first_seen',
  '-last_seen',
  '-epss',
  'package',
];
const STATES = ['open', 'resolved', 'dismissed', 'exempted'] as const;

export interface ScreenProps {
  title: string;
  page: string;
  noun: string;
  kinds: readonly FindingKind[];
  /** What every row has in common, in the grammar. */
  fixed: string;
  sort: 'alert' | 'any';
  groups: readonly GroupBy[];
  /** Over the list, fed with the query without its own field. */
  head?: ReactNode;
  /** Where nothing was found and nothing filtered. */
  empty: ReactNode;
}

export function FindingsScreen(props: ScreenProps) {
  const { title, page, noun, kinds, fixed, groups } = props;
  const scope = useScope();
  const [search, set] = useUrl();
  const cache = useQueryClient();
  const q = search.q ?? '';
  const asked = both(scope.q, fixed, q);
  const group = groups.find((each) => each === search.group);
  const isSuppressed = search.suppressed === 'true';
  const filters = {
    environment: scope.environment,
    q: asked,
    sort: SORTS.find((each) => each === search.sort),
    ...(isSuppressed ? { suppressed: true } : {}),
  };
  const query = useInfiniteQuery({ ...queries.findings(filters), enabled: group === undefined });
  const rows = query.data?.pages.flatMap((each) => each.items) ?? [];
  const total = query.data?.pages[0]?.total ?? rows.length;
  const order = rows.map((row) => row.id);
  const chosenRow = rows.find((row) => row.id === search.sel);

  const [ticked, setTicked] = useState<Chosen>(NONE);
  const chosen = query.data && !query.isPlaceholderData ? kept(ticked, order) : ticked;
  const [groupsTicked, setGroupsTicked] = useState<ReadonlyMap<string, FindingGroup>>(new Map());
  // What was chosen of one grouping is not there in another.
  const grouping = `${group} ${asked}`;
  const [tickedOf, setTickedOf] = useState(grouping);
  if (tickedOf !== grouping) {
    setTickedOf(grouping);
    setGroupsTicked(new Map());
  }
  const [deciding, setDeciding] = useState<{ decision: Decision; targets: Targets }>();
  const [waiting, markSeen] = useFresh(scope.environment, kinds);

  const targetsOf = (findings: Finding[]): Targets => ({
    select: { ids: findings.map((each) => each.id) },
    findings,
    count: findings.length,
  });
  const tickedTargets = (): Targets => {
    const findings = rows.filter((row) => chosen.ids.has(row.id));
    return chosen.all
      ? {
          select: { query: { q: asked, environment: scope.environment } },
          findings,
          count: howMany(chosen, total),
        }
      : targetsOf(findings);
  };
  const groupTargets = (): Targets => {
    const all = [...groupsTicked.values()];
    return {
      select: {
        query: {
          q: both(asked, either(...all.map((each) => each.q))),
          environment: scope.environment,
        },
      },
      findings: [],
      count: all.reduce((sum, each) => sum + totalOf(each.counts), 0),
      ...(all.length === 1 && all[0] ? { scope: all[0].q } : {}),
    };
  };
  const decide = (decision: Decision) => {
    if (groupsTicked.size > 0) setDeciding({ decision, targets: groupTargets() });
    else if (chosen.ids.size > 0) setDeciding({ decision, targets: tickedTargets() });
    else if (chosenRow) setDeciding({ decision, targets: targetsOf([chosenRow]) });
  };
  const showNew = () => {
    markSeen();
    cache.invalidateQueries({ queryKey: ['findings'] });
  };
  /** The reader goes on with the row below the ones that leave. */
  const moveOn = (action: string) => {
    const leaves = ['dismiss', 'exempt', 'reopen'].includes(action);
    if (leaves && search.sel !== undefined && deciding) {
      const gone = new Set(deciding.targets.findings.map((each) => each.id));
      if (gone.has(search.sel)) {
        const from = order.indexOf(search.sel);
        const next =
          order.slice(from + 1).find((id) => !gone.has(id)) ??
          order.slice(0, from).findLast((id) => !gone.has(id));
        set({ sel: next });
      }
    }
    setTicked(NONE);
    setGroupsTicked(new Map());
  };
  useKeys({
    '.': () => waiting > 0 && showNew(),
    e: () => decide('menu'),
    s: () => decide('exempt'),
    Escape: () => {
      setTicked(NONE);
      setGroupsTicked(new Map());
    },
  });

  const states = mentions(q, 'state') ? valuesOf(q, 'state') : ['open'];
  const toggleState = (state: string) => {
    const next = states.includes(state)
      ? states.filter((each) => each !== state)
      : [...states, state];
    const isDefault = next.length === 0 || (next.length === 1 && next[0] === 'open');
    set({ q: withValues(q, 'state', isDefault ? [] : next) || undefined });
  };
  const isFiltered = q !== '' || isSuppressed || scope.q !== '';

  return (
    <Page
      title={title}
      isFixed
      isNarrowed
      actions={
        <>
          {waiting > 0 && (
            <PlainButton className={classes.fresh} onClick={showNew}>
              {count(waiting)} new — show <kbd>.</kbd>
            </PlainButton>
          )}
          <RecentActions />
          <Views page={page} />
          <ShareMenu q={asked} noun={noun} filters={filters} />
        </>
      }
      pane={
        search.sel !== undefined &&
        group === undefined && (
          <FindingPane
            id={search.sel}
            row={chosenRow}
            onClose={() => set({ sel: undefined })}
            onDecide={(decision, finding) =>
              setDeciding({ decision, targets: targetsOf([finding]) })
            }
          />
        )
      }
    >
      {props.head}
      <Toolbar label={`Filter ${title.toLowerCase()}`}>
        <SeverityFilter fixed={both(scope.q, fixed)} environment={scope.environment} />
        <div className={classes.menus}>
          <FilterMenu
            label="State"
            choices={STATES.map((value) => ({ value, label: STATE_NAME[value] }))}
            chosen={states}
            onToggle={toggleState}
          />
          <FilterMenu
            label="Grouped by"
            choices={groups.map((value) => ({ value, label: GROUP_NAME[value] }))}
            chosen={group ? [group] : []}
            onToggle={(value) => set({ group: value === group ? undefined : value })}
          />
        </div>
      </Toolbar>
      {group ? (
        <GroupTable
          by={group}
          q={asked}
          noun={noun}
          ticked={groupsTicked}
          onTick={(groups) =>
            setGroupsTicked((old) => {
              const next = new Map(old);
              for (const each of groups) if (!next.delete(each.q)) next.set(each.q, each);
              return next;
            })
          }
        />
      ) : (
        <FindingTable
          query={query}
          label={title}
          noun={noun}
          sort={props.sort}
          hasPane={search.sel !== undefined}
          ticks={{
            ids: chosen.ids,
            onTick: (id, reach) =>
              setTicked((old) => (reach ? extendTo(old, id, order) : toggleOne(old, id))),
            onTickAll: () => setTicked((old) => toggleLoaded(old, order)),
          }}
          empty={
            isFiltered ? (
              <HiddenBy
                noun={noun}
                fixed={fixed}
                onClear={() =>
                  set({ q: undefined, suppressed: undefined, cluster: undefined, ns: undefined })
                }
              />
            ) : (
              props.empty
            )
          }
        />
      )}
      {chosen.ids.size > 0 && (
        <BulkBar
          text={`${plural(howMany(chosen, total), noun)} chosen`}
          onDecide={decide}
          onClear={() => setTicked(NONE)}
          {...(!chosen.all && rows.every((row) => chosen.ids.has(row.id)) && total > rows.length
            ? {
                all: `Choose all ${count(total)}`,
                onAll: () => setTicked({ ...chosen, all: true }),
              }
            : {})}
        />
      )}
      {groupsTicked.size > 0 && (
        <BulkBar
          text={`${plural(groupsTicked.size, 'group')} chosen: ${plural(groupTargets().count, noun)}`}
          onDecide={decide}
          onClear={() => setGroupsTicked(new Map())}
        />
      )}
      <Decide
        decision={deciding?.decision}
        targets={deciding?.targets ?? targetsOf([])}
        onTurn={(decision) => setDeciding((old) => old && { ...old, decision })}
        onClose={() => setDeciding(undefined)}
        onDone={moveOn}
      />
    </Page>
  );
}

/** How many there are without the filters: a number no reader has to guess. */
function HiddenBy({ noun, fixed, onClear }: { noun: string; fixed: string; onClear: () => void }) {
  const { environment } = useScope();
  const { data } = useQuery(queries.findingCount(environment, fixed));
  return <FilteredOut noun={noun} hidden={data?.total} onClear={onClear} />;
}
