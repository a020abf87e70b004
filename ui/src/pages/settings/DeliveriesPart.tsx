import { Badge, Button, VisuallyHidden } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { type Delivery, settings, useReplayDelivery, useReplaySink } from '../../api/settings';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { Toolbar } from '../../components/Page';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { useUrl } from '../../components/url';
import { plural } from '../../lib/format';
import { Chip, Chips } from '../../ui/Filters';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './settings.module.css';

const STATE: Record<Delivery['state'], { label: string; color: string }> = {
  pending: { label: 'Waiting', color: 'orange' },
  delivered: { label: 'Delivered', color: 'green' },
  dead: { label: 'Given up', color: 'red' },
};

export function DeliveriesPart() {
  const [search, set] = useUrl();
  const { data: sinks } = useQuery(settings.sinks());
  const sink = search.sel;
  const state = search.tab;
  const query = useInfiniteQuery(
    settings.deliveries({ ...(sink ? { sink } : {}), ...(state ? { state } : {}) }),
  );
  const replay = useReplayDelivery();
  const replayAll = useReplaySink();
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const problem = replay.error ?? replayAll.error;
  const chosen = sinks?.find((each) => each.id === sink);
  return (
    <>
      <Toolbar label="Filter deliveries">
        <Chips label="State">
          {(Object.keys(STATE) as Delivery['state'][]).map((each) => (
            <Chip
              key={each}
              isOn={state === each}
              onClick={() => set({ tab: state === each ? undefined : each })}
            >
              {STATE[each].label}
            </Chip>
          ))}
        </Chips>
        <Chips label="Sink">
          {(sinks ?? []).map((each) => (
            <Chip
              key={each.id}
              isOn={sink === each.id}
              onClick={() => set({ sel: sink === each.id ? undefined : each.id })}
            >
              {each.name}
            </Chip>
          ))}
        </Chips>
        {chosen && chosen.health.dead > 0 && (
          <Button
            size="compact-xs"
            variant="default"
            loading={replayAll.isPending}
            onClick={() => replayAll.mutate(chosen.id)}
          >
            Replay all {chosen.health.dead}
          </Button>
        )}
      </Toolbar>
      {problem && <ProblemNotice problem={problem} title="It was not replayed" />}
      <Panel title="Deliveries" aside="newest first" flush>
        {query.isPending ? (
          <Waiting label="deliveries" />
        ) : query.error && !query.data ? (
          <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />
        ) : rows.length === 0 ? (
          sink || state ? (
            <FilteredOut
              noun="delivery"
              nouns="deliveries"
              onClear={() => set({ sel: undefined, tab: undefined })}
            />
          ) : (
            <NothingFound title="Nothing was told yet">
              <p>What a route matches appears here, with the receiver’s answer.</p>
            </NothingFound>
          )
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th>When</th>
                  <th>Sink</th>
                  <th>What</th>
                  <th>State</th>
                  <th>Answer</th>
                  <th>
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map((each) => (
                  <tr key={each.id}>
                    <td>
                      <Time at={each.created} />
                    </td>
                    <td>{each.sink.name}</td>
                    <td>
                      {each.headline}
                      <div className={classes.quiet}>
                        {plural(each.notices, 'notice')}
                        {each.routes.length > 0 && ` by ${each.routes.join(', ')}`}
                      </div>
                    </td>
                    <td>
                      <Badge variant="light" color={STATE[each.state].color} tt="none">
                        {STATE[each.state].label}
                      </Badge>
                      <div className={classes.quiet}>
                        {plural(each.attempts, 'try', 'tries')}
                        {each.next_try && (
                          <>
                            , next <Time at={each.next_try} />
                          </>
                        )}
                      </div>
                    </td>
                    <td>
                      {each.answer ? (
                        <details>
                          <summary>
                            {each.answer.status ?? each.answer.verdict} · {each.answer.milliseconds}{' '}
                            ms
                          </summary>
                          <pre className={classes.answer}>{each.answer.text || 'nothing'}</pre>
                        </details>
                      ) : (
                        '–'
                      )}
                    </td>
                    <td className={classes.right}>
                      {each.state === 'dead' && (
                        <Button
                          size="compact-xs"
                          variant="default"
                          loading={replay.isPending && replay.variables === each.id}
                          onClick={() => replay.mutate(each.id)}
                        >
                          Replay
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {query.hasNextPage && (
        <div className={classes.buttons}>
          <Button
            size="xs"
            variant="default"
            loading={query.isFetchingNextPage}
            onClick={() => query.fetchNextPage()}
          >
            Older deliveries
          </Button>
        </div>
      )}
    </>
  );
}
