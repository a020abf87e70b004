import { Button, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type AuditEntry, settings, useVerifyAudit } from '../../api/settings';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { count } from '../../lib/format';
import { Copy } from '../../ui/Copy';
import { Notice } from '../../ui/Notice';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './settings.module.css';

export function AuditPart() {
  const [actor, setActor] = useState('');
  const [action, setAction] = useState('');
  const [asked] = useDebouncedValue({ actor: actor.trim(), action: action.trim() }, 250);
  const filters = {
    ...(asked.actor ? { actor: asked.actor } : {}),
    ...(asked.action ? { action: asked.action } : {}),
  };
  const query = useInfiniteQuery(settings.audit(filters));
  const verify = useVerifyAudit();
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <>
      <p className={classes.lead}>
        Every change and every refused sign-in, each entry bound to the one before by its hash: an
        entry that was altered or taken out is found.
      </p>
      <div className={classes.row}>
        <TextInput
          size="xs"
          label="Who"
          placeholder="name"
          value={actor}
          onChange={(event) => setActor(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label="Action"
          placeholder="user, finding.dismiss"
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
        />
        <Button
          size="xs"
          variant="default"
          loading={verify.isPending}
          onClick={() => verify.mutate()}
        >
          Verify the chain
        </Button>
        <Button size="xs" variant="default" component="a" href="/api/v1/audit/export" download>
          Export as NDJSON
        </Button>
      </div>
      {verify.error && <ProblemNotice problem={verify.error} title="It was not verified" />}
      {verify.data &&
        (verify.data.intact ? (
          <Notice tone="good" title={`All ${count(verify.data.entries)} entries are as written`}>
            Keep this hash elsewhere to prove it later: <code>{verify.data.head}</code>{' '}
            <Copy value={verify.data.head} what="the hash" />
          </Notice>
        ) : (
          <Notice tone="bad" title={`Entry ${verify.data.fault?.number} is not as it was written`}>
            {verify.data.fault?.message}
          </Notice>
        ))}
      <Panel title="Entries" flush>
        {query.isPending ? (
          <Waiting label="the audit trail" />
        ) : query.error && !query.data ? (
          <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />
        ) : rows.length === 0 ? (
          isFiltered ? (
            <FilteredOut
              noun="entry"
              nouns="entries"
              onClear={() => {
                setActor('');
                setAction('');
              }}
            />
          ) : (
            <NothingFound title="Nothing was changed yet">
              <p>The first change anybody makes begins the trail.</p>
            </NothingFound>
          )
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th>No.</th>
                  <th>When</th>
                  <th>Who</th>
                  <th>What</th>
                  <th>From</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((entry) => (
                  <Entry key={entry.number} entry={entry} />
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
            Older entries
          </Button>
        </div>
      )}
    </>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const [isOpen, setOpen] = useState(false);
  const hasMore = entry.before !== undefined || entry.after !== undefined;
  return (
    <tr>
      <td>{entry.number}</td>
      <td>
        <Time at={entry.time} />
      </td>
      <td>
        <span className={classes.name}>{entry.actor.name}</span>
        {entry.actor.kind !== 'user' && <div className={classes.quiet}>{entry.actor.kind}</div>}
      </td>
      <td>
        <code>{entry.action}</code> {entry.object.kind}{' '}
        <span className={classes.quiet}>{entry.object.id}</span>
        {hasMore && (
          <>
            {' '}
            <Button
              size="compact-xs"
              variant="subtle"
              aria-expanded={isOpen}
              onClick={() => setOpen(!isOpen)}
            >
              {isOpen ? 'Less' : 'What changed'}
            </Button>
          </>
        )}
        {isOpen && (
          <div className={classes.diff}>
            <Part title="Before" value={entry.before} />
            <Part title="After" value={entry.after} />
          </div>
        )}
      </td>
      <td>
        <code>{entry.address ?? '–'}</code>
      </td>
    </tr>
  );
}

function Part({ title, value }: { title: string; value: unknown }) {
  return (
    <div>
      <div className={classes.quiet}>{title}</div>
      <pre className={classes.answer}>
        {value === undefined || value === null ? 'nothing' : JSON.stringify(value, null, 2)}
      </pre>
    </div>
  );
}
