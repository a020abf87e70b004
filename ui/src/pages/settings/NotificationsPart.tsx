import { ActionIcon, Badge, Button, Switch, VisuallyHidden } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import {
  type Route,
  type Sink,
  settings,
  usePauseSink,
  useRemoveRoute,
  useRemoveSink,
  useSaveRoute,
  useTestSink,
} from '../../api/settings';
import { Waiting } from '../../components/List';
import { keepWith } from '../../components/Names';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { plural } from '../../lib/format';
import { Blank } from '../../ui/Blank';
import { Dialog } from '../../ui/Dialog';
import { Menu } from '../../ui/Menu';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { AnswerView } from './AnswerView';
import { RouteForm } from './RouteForm';
import { SinkForm } from './SinkForm';
import classes from './settings.module.css';
import { eventLabel, kindLabel } from './words';

const HEALTH: Record<Sink['health']['state'], { label: string; color: string }> = {
  idle: { label: 'Nothing sent yet', color: 'gray' },
  working: { label: 'Working', color: 'green' },
  retrying: { label: 'Trying again', color: 'orange' },
  failing: { label: 'Failing', color: 'red' },
  paused: { label: 'Paused', color: 'gray' },
};

type Doing =
  | { what: 'sink'; sink: Sink | undefined }
  | { what: 'route'; route: Route | undefined }
  | { what: 'test'; sink: Sink }
  | { what: 'remove'; sink: Sink };

export function NotificationsPart() {
  const [doing, setDoing] = useState<Doing>();
  const sinks = useQuery(settings.sinks());
  const routes = useQuery(settings.routes());
  const { data: kinds = [] } = useQuery(settings.sinkKinds());
  const pause = usePauseSink();
  const removeRoute = useRemoveRoute();
  const saveRoute = useSaveRoute();
  const close = () => setDoing(undefined);
  const problem = pause.error ?? removeRoute.error ?? saveRoute.error;
  const failed = sinks.error ?? routes.error;
  if (failed) return <ProblemBlank problem={failed} onRetry={() => sinks.refetch()} />;
  if (!sinks.data || !routes.data) return <Waiting label="notifications" rows={6} />;
  return (
    <>
      <p className={classes.lead}>
        A <b>sink</b> is another system. A <b>route</b> says which findings it is told of, when, and
        how many at once. What a receiver does not take is tried again for a day, then kept to be
        replayed.
      </p>
      {problem && <ProblemNotice problem={problem} title="Nothing was changed" />}
      <Panel
        title="Sinks"
        flush
        aside={
          <Button
            size="compact-xs"
            leftSection={<IconPlus size={13} aria-hidden />}
            onClick={() => setDoing({ what: 'sink', sink: undefined })}
          >
            New sink
          </Button>
        }
      >
        {sinks.data.length === 0 ? (
          <Blank
            title="Nobody is told yet"
            actions={
              <Button size="xs" onClick={() => setDoing({ what: 'sink', sink: undefined })}>
                Add a sink
              </Button>
            }
          >
            <p>{kinds.map((kind) => kind.title).join(', ')}.</p>
          </Blank>
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th>Sink</th>
                  <th>State</th>
                  <th>Last told</th>
                  <th>Waiting</th>
                  <th>Given up</th>
                  <th>
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </th>
                </tr>
              </thead>
              <tbody>
                {sinks.data.map((sink) => (
                  <tr key={sink.id}>
                    <td>
                      <span className={classes.name}>{sink.name}</span>
                      <div className={classes.quiet}>{kindLabel(sink.kind, kinds)}</div>
                    </td>
                    <td>
                      <Badge variant="light" color={HEALTH[sink.health.state].color} tt="none">
                        {HEALTH[sink.health.state].label}
                      </Badge>
                      {sink.health.next_try && (
                        <div className={classes.quiet}>
                          next try <Time at={sink.health.next_try} />
                        </div>
                      )}
                    </td>
                    <td>
                      <Time at={sink.health.last_delivered} fallback="never" />
                    </td>
                    <td>
                      <Deliveries sink={sink} state="pending" count={sink.health.pending} />
                    </td>
                    <td>
                      <Deliveries sink={sink} state="dead" count={sink.health.dead} />
                    </td>
                    <td className={classes.right}>
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() => setDoing({ what: 'test', sink })}
                      >
                        Test
                      </Button>{' '}
                      <Menu position="bottom-end">
                        <Menu.Target>
                          <ActionIcon
                            variant="subtle"
                            color="gray"
                            size={24}
                            aria-label={`What to do with ${sink.name}`}
                          >
                            <IconDots size={15} aria-hidden />
                          </ActionIcon>
                        </Menu.Target>
                        <Menu.Dropdown>
                          <Menu.Item onClick={() => setDoing({ what: 'sink', sink })}>
                            Change…
                          </Menu.Item>
                          <Menu.Item
                            onClick={() => pause.mutate({ id: sink.id, paused: !sink.paused })}
                          >
                            {sink.paused ? 'Resume' : 'Pause'}
                          </Menu.Item>
                          <Menu.Divider />
                          <Menu.Item isDanger onClick={() => setDoing({ what: 'remove', sink })}>
                            Remove…
                          </Menu.Item>
                        </Menu.Dropdown>
                      </Menu>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <Panel
        title="Routes"
        flush
        aside={
          <Button
            size="compact-xs"
            leftSection={<IconPlus size={13} aria-hidden />}
            disabled={sinks.data.length === 0}
            title={sinks.data.length === 0 ? 'Add a sink first.' : undefined}
            onClick={() => setDoing({ what: 'route', route: undefined })}
          >
            New route
          </Button>
        }
      >
        {routes.data.length === 0 ? (
          <Blank title="No routes">
            <p>Without one, a sink is told of nothing but tests.</p>
          </Blank>
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th>On</th>
                  <th>Route</th>
                  <th>When</th>
                  <th>Sink</th>
                  <th>Matched</th>
                  <th>
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </th>
                </tr>
              </thead>
              <tbody>
                {routes.data.map((route) => (
                  <tr key={route.id} data-muted={!route.enabled || undefined}>
                    <td>
                      <Switch
                        size="xs"
                        aria-label={`${route.name} is on`}
                        checked={route.enabled}
                        onChange={() =>
                          saveRoute.mutate({
                            id: route.id,
                            route: { ...asNew(route), enabled: !route.enabled },
                          })
                        }
                      />
                    </td>
                    <td>
                      <span className={classes.name}>{route.name}</span>
                      <div className={classes.quiet}>
                        {route.query ? <code>{route.query}</code> : 'every finding'}
                        {route.environments.length > 0 && ` in ${route.environments.join(', ')}`}
                      </div>
                    </td>
                    <td>
                      {route.events.map(eventLabel).join(', ')}
                      <div className={classes.quiet}>
                        {route.digest_seconds > 0 &&
                          `one digest every ${Math.round(route.digest_seconds / 60)} min`}
                        {route.digest_seconds === 0 &&
                          route.max_per_minute > 0 &&
                          `at most ${route.max_per_minute} a minute, then a digest`}
                      </div>
                    </td>
                    <td>{route.sink.name}</td>
                    <td>
                      {route.matched}
                      <div className={classes.quiet}>
                        <Time at={route.last_matched} fallback="never" />
                      </div>
                    </td>
                    <td className={classes.right}>
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() => setDoing({ what: 'route', route })}
                      >
                        Change
                      </Button>{' '}
                      <Button
                        size="compact-xs"
                        variant="default"
                        aria-label={`Remove ${route.name}`}
                        onClick={() => removeRoute.mutate(route.id)}
                      >
                        Remove
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <Dialog
        opened={doing?.what === 'sink'}
        onClose={close}
        size="lg"
        title={doing?.what === 'sink' && doing.sink ? `Change ${doing.sink.name}` : 'New sink'}
      >
        {doing?.what === 'sink' && (
          <SinkForm
            sink={doing.sink}
            onSaved={(sink) => setDoing({ what: 'test', sink })}
            onCancel={close}
          />
        )}
      </Dialog>
      <Dialog
        opened={doing?.what === 'route'}
        onClose={close}
        size="lg"
        title={doing?.what === 'route' && doing.route ? `Change ${doing.route.name}` : 'New route'}
      >
        {doing?.what === 'route' && (
          <RouteForm route={doing.route} sinks={sinks.data} onDone={close} />
        )}
      </Dialog>
      <Dialog
        opened={doing?.what === 'test'}
        onClose={close}
        title={doing?.what === 'test' ? `Test ${doing.sink.name}` : 'Test'}
      >
        {doing?.what === 'test' && <Test sink={doing.sink} onDone={close} />}
      </Dialog>
      <Dialog opened={doing?.what === 'remove'} onClose={close} title="Remove the sink">
        {doing?.what === 'remove' && <Remove sink={doing.sink} onDone={close} />}
      </Dialog>
    </>
  );
}

export function asNew(route: Route) {
  return {
    name: route.name,
    sink: route.sink.id,
    enabled: route.enabled,
    query: route.query,
    environments: route.environments,
    events: route.events,
    digest_seconds: route.digest_seconds,
    max_per_minute: route.max_per_minute,
  };
}

function Deliveries({
  sink,
  state,
  count,
}: {
  sink: Sink;
  state: 'pending' | 'dead';
  count: number;
}) {
  if (count === 0) return <>0</>;
  return (
    <Link
      to="/settings/$part"
      params={{ part: 'deliveries' } as never}
      search={keepWith({ sel: sink.id, tab: state })}
    >
      {count}
    </Link>
  );
}

function Test({ sink, onDone }: { sink: Sink; onDone: () => void }) {
  const test = useTestSink();
  return (
    <div className={classes.form}>
      <p className={classes.quiet}>
        Sends one notice that says it is a test, now, and shows what the receiver answers.
      </p>
      {test.error && <ProblemNotice problem={test.error} title="It was not sent" />}
      {test.data && <AnswerView answer={test.data} />}
      <div className={classes.buttons}>
        <Button variant="default" size="xs" onClick={onDone}>
          Close
        </Button>
        <Button
          size="xs"
          data-autofocus
          loading={test.isPending}
          onClick={() => test.mutate(sink.id)}
        >
          {test.data ? 'Send another' : 'Send a test'}
        </Button>
      </div>
    </div>
  );
}

function Remove({ sink, onDone }: { sink: Sink; onDone: () => void }) {
  const remove = useRemoveSink();
  return (
    <div className={classes.form}>
      {remove.error && <ProblemNotice problem={remove.error} title="It was not removed" />}
      <p>
        Its routes go with it
        {sink.health.pending + sink.health.dead > 0 &&
          `, and ${plural(sink.health.pending + sink.health.dead, 'delivery', 'deliveries')} that it did not take`}
        . Nothing is told to <b>{sink.name}</b> any more.
      </p>
      <div className={classes.buttons}>
        <Button variant="default" size="xs" onClick={onDone} data-autofocus>
          Cancel
        </Button>
        <Button
          color="red"
          size="xs"
          loading={remove.isPending}
          onClick={() => remove.mutate(sink.id, { onSuccess: onDone })}
        >
          Remove {sink.name}
        </Button>
      </div>
    </div>
  );
}
