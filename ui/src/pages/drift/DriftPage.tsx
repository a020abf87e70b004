// What is done about programs that are not in their image: rules in order,
// the first that fits decides.

import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useBlocker } from '@tanstack/react-router';
import { useState } from 'react';
import { Problem } from '../../api/problem';
import { type DriftSettings, sensors, useSaveDrift } from '../../api/sensors';
import { Waiting } from '../../components/List';
import { Page } from '../../components/Page';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { useEnvironment, useUrl } from '../../components/url';
import { changesBetween, reachOf } from '../../lib/drift';
import { plural } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { Deny } from './Deny';
import { begin, faultsIn, isChanged, useDraft, wantedOf } from './draft';
import classes from './drift.module.css';
import { Ends, RuleList } from './RuleList';
import { useRunning } from './running';

export function DriftPage() {
  const environment = useEnvironment();
  const { data, error, refetch } = useQuery(sensors.drift(environment));
  if (error && !data)
    return (
      <Page title="Drift policy">
        <ProblemBlank problem={error} onRetry={() => refetch()} />
      </Page>
    );
  if (!data)
    return (
      <Page title="Drift policy">
        <Waiting label="the policy" />
      </Page>
    );
  return <Editor key={environment} settings={data} />;
}

function Editor({ settings }: { settings: DriftSettings }) {
  const environment = useEnvironment();
  const cache = useQueryClient();
  const { configure: whyNot } = usePermissions();
  const [search, set] = useUrl();
  const editing = useDraft(settings);
  const { draft, isDirty, theirs } = editing;
  const save = useSaveDrift(environment);
  const running = useRunning(environment);
  const reach = reachOf(
    draft.rules.map((each) => each.rule),
    running.containers,
  );
  const faults = faultsIn(draft);
  const [said, setSaid] = useState('');
  const isConflict =
    save.error instanceof Problem && (save.error.status === 409 || save.error.status === 412);

  const leaving = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      isDirty &&
      (current.pathname !== next.pathname ||
        (current.search as { environment?: string }).environment !==
          (next.search as { environment?: string }).environment),
    enableBeforeUnload: () => isDirty,
    withResolver: true,
  });

  const submit = () =>
    save.mutate(wantedOf(draft), {
      onSuccess: (kept) => {
        editing.kept(kept);
        setSaid('Saved. Sensors fetch it within seconds.');
      },
      // What they made of it is shown beside what is being made here.
      onError: () => cache.invalidateQueries({ queryKey: ['drift', environment] }),
    });
  const open = (index: number | undefined) =>
    set({ sel: index === undefined ? undefined : String(index + 1) });
  const add = () => {
    editing.add({ name: '', action: 'alert', dry_run: false });
    open(draft.rules.length);
    setSaid('');
  };
  const fault = [...faults.values()][0]?.[0];
  const cannot = !isDirty
    ? 'Nothing was changed.'
    : theirs
      ? 'Decide first about the change somebody else made.'
      : fault;

  return (
    <Page
      title="Drift policy"
      actions={
        <>
          {isDirty && (
            <Button size="xs" variant="default" onClick={editing.discard}>
              Discard the changes
            </Button>
          )}
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlus size={14} aria-hidden />}
            disabled={whyNot !== undefined}
            title={whyNot}
            onClick={add}
          >
            New rule
          </Button>
          <Button
            size="xs"
            loading={save.isPending}
            disabled={whyNot !== undefined || cannot !== undefined}
            title={whyNot ?? cannot}
            onClick={submit}
          >
            Save
          </Button>
        </>
      }
    >
      <p className={classes.lead}>
        A container should run what its image brought. A program that was written or fetched after
        it started is <b>drift</b>: it is often how an attack goes on. Rules are tried from the top;
        the first that fits a container decides.{' '}
        {settings.changed && (
          <>
            Last changed by {settings.changed_by ?? 'somebody'}, <Time at={settings.changed} />.
          </>
        )}
      </p>
      {whyNot && (
        <Notice tone="info" title="You may look, not change">
          {whyNot}
        </Notice>
      )}
      {save.error && !isConflict && <ProblemNotice problem={save.error} title="It was not saved" />}
      {theirs && (
        <Conflict
          began={draft.base}
          theirs={theirs}
          onTake={() => {
            save.reset();
            editing.discard();
          }}
          onInsist={() => {
            save.reset();
            editing.insist();
          }}
        />
      )}
      <div className={classes.status} role="status">
        {isDirty && !theirs && (
          <>
            <b>Not saved yet.</b> {fault ?? 'Sensors go on with what was saved last.'}
          </>
        )}
        {!isDirty && said}
      </div>
      <div className={classes.grid}>
        <div className={classes.column}>
          <RuleList
            draft={draft}
            reach={reach.rules}
            running={running}
            faults={faults}
            isFixed={whyNot !== undefined}
            open={openedOf(search.sel, draft.rules.length)}
            onOpen={open}
            onChange={(rule, key) => {
              setSaid('');
              editing.change(rule, key);
            }}
            onMove={(from, to) => {
              editing.move(from, to);
              const at = openedOf(search.sel, draft.rules.length);
              if (at === from) open(to);
            }}
            onRemove={(key) => {
              editing.remove(key);
              open(undefined);
            }}
            onCopy={(index) => {
              const rule = draft.rules[index]?.rule;
              if (!rule) return;
              editing.add({ ...rule, name: `${rule.name} (copy)` }, index + 1);
              open(index + 1);
            }}
          />
          <Ends rest={reach.rest} running={running} />
        </div>
        <div className={classes.column}>
          <Panel title="What containers may not reach">
            <Deny deny={draft.deny} isFixed={whyNot !== undefined} onChange={editing.deny} />
          </Panel>
          <Panel title="How it is done">
            <How />
          </Panel>
        </div>
      </div>
      <Dialog
        opened={leaving.status === 'blocked'}
        onClose={() => leaving.reset?.()}
        title="Leave without saving?"
      >
        <p className={classes.text}>What you changed in the policy would be lost.</p>
        <div className={classes.buttons}>
          <Button size="xs" variant="default" data-autofocus onClick={() => leaving.reset?.()}>
            Stay
          </Button>
          <Button size="xs" color="red" onClick={() => leaving.proceed?.()}>
            Leave, and lose it
          </Button>
        </div>
      </Dialog>
    </Page>
  );
}

function openedOf(sel: string | undefined, rules: number): number | undefined {
  const index = Number(sel) - 1;
  return Number.isInteger(index) && index >= 0 && index < rules ? index : undefined;
}

/** Somebody else was quicker: what they did, and whose it shall be. */
function Conflict({
  began,
  theirs,
  onTake,
  onInsist,
}: {
  began: DriftSettings;
  theirs: DriftSettings;
  onTake: () => void;
  onInsist: () => void;
}) {
  const { added, removed, changed, isReordered } = changesBetween(
    began.drift.rules,
    theirs.drift.rules,
  );
  const parts = [
    added.length > 0 && `added ${added.map(quoted).join(', ')}`,
    removed.length > 0 && `removed ${removed.map(quoted).join(', ')}`,
    changed.length > 0 && `changed ${changed.map(quoted).join(', ')}`,
    isReordered && 'put rules in another order',
    isChanged({ ...begin(began), deny: theirs.deny }) && 'changed what containers may not reach',
  ].filter((part) => part !== false);
  return (
    <Notice
      tone="bad"
      title={`${theirs.changed_by ?? 'Somebody'} changed the policy meanwhile`}
      action={
        <span className={classes.buttons}>
          <Button size="compact-xs" variant="default" onClick={onTake}>
            Take theirs, lose mine
          </Button>
          <Button size="compact-xs" variant="default" onClick={onInsist}>
            Keep mine, to save over theirs
          </Button>
        </span>
      }
    >
      {parts.length > 0
        ? `They ${parts.join('; ')}.`
        : 'Nothing in it differs from what you began with.'}
    </Notice>
  );
}

const quoted = (name: string) => `“${name}”`;

function How() {
  return (
    <div className={classes.how}>
      <p>
        <b>Blocked</b> where the node’s kernel lets the sensor refuse: the program never runs.{' '}
        <b>Killed</b> elsewhere: it is ended as it starts, and its first instructions may have run.
        A sensor’s page says which its kernel allows.
      </p>
      <p>
        <b>Dry run</b> stops nothing and says what would have been stopped. Begin with it, look at
        the alerts for some days, then switch it off.
      </p>
      <p>
        <b>Programs that may run</b> are paths as the container sees them; <code>*</code> stands for
        any characters. In a container whose sensor is gone nothing is stopped.
      </p>
    </div>
  );
}

export const matchCount = (number: number) => plural(number, 'running container');
