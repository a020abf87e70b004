// One control: what answers it, what fails it, and who answers for it
// where nothing can.

import { Button, Textarea, TextInput } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { compliance, useAttest, useWithdraw } from '../../api/compliance';
import type { Control } from '../../api/types';
import { Go } from '../../components/Go';
import { Waiting } from '../../components/List';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { SeverityMark } from '../../components/Severity';
import { useScope } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Pane, PaneSection } from '../../ui/Pane';
import { Time } from '../../ui/Time';
import classes from './compliance.module.css';

export const STATE: Record<Control['state'], string> = {
  passed: 'Met',
  failed: 'Not met',
  manual: 'To look at',
  not_applicable: 'Nothing to look at',
};

export function StateMark({ state }: { state: Control['state'] }) {
  return (
    <span className={classes.state} data-state={state}>
      {STATE[state]}
    </span>
  );
}

export function ControlPane({
  standard,
  control,
  onClose,
}: {
  standard: string;
  control: Control;
  onClose: () => void;
}) {
  const { environment, cluster } = useScope();
  const { data, error } = useQuery(compliance.standard(standard, environment, cluster));
  const evidence = useInfiniteQuery({
    ...compliance.evidence(standard, control.id, environment, cluster),
    enabled: control.state === 'failed',
  });
  const checks = (data?.checks ?? []).filter((each) => control.recommendations.includes(each.id));
  const rows = evidence.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Pane
      label={`Control ${control.id}`}
      title={`${control.id} ${control.title}`}
      onClose={onClose}
    >
      <div className={classes.pane}>
        <StateMark state={control.state} />
        <PaneSection title="What answers it">
          {control.recommendations.length === 0 ? (
            <p className={classes.quiet}>
              Nothing can be asked by a program: somebody has to look.
            </p>
          ) : error ? (
            <ProblemNotice problem={error} title="How its checks stand is not known" />
          ) : !data ? (
            <Waiting label="the checks" rows={3} />
          ) : (
            <ul className={classes.list}>
              {checks.map((each) => (
                <li key={each.id}>
                  <Go to={`/recommendations/${encodeURIComponent(each.id)}`}>{each.title}</Go>
                  <div className={classes.quiet}>
                    {STATE[each.state].toLowerCase()}
                    {each.healthy + each.affected > 0 &&
                      `: ${count(each.affected)} of ${plural(each.healthy + each.affected, 'asset')} affected`}
                    {each.exempted > 0 && `, ${count(each.exempted)} exempted`}
                  </div>
                </li>
              ))}
            </ul>
          )}
        </PaneSection>
        {control.state === 'failed' && (
          <PaneSection title="What fails it">
            {evidence.error ? (
              <ProblemNotice problem={evidence.error} title="What fails it is not known" />
            ) : evidence.isPending ? (
              <Waiting label="the evidence" rows={4} />
            ) : (
              <ul className={classes.list}>
                {rows.map((each) => (
                  <li key={each.id}>
                    <SeverityMark severity={each.severity} />{' '}
                    <Go to={`/findings/${encodeURIComponent(each.id)}`}>{each.asset.name}</Go>
                    <div className={classes.quiet}>{each.summary || each.title}</div>
                  </li>
                ))}
              </ul>
            )}
            {evidence.hasNextPage && (
              <Button
                size="compact-xs"
                variant="default"
                loading={evidence.isFetchingNextPage}
                onClick={() => evidence.fetchNextPage()}
              >
                More
              </Button>
            )}
          </PaneSection>
        )}
        {control.manual && (
          <PaneSection title="Who answers for it">
            <Word standard={standard} control={control} />
          </PaneSection>
        )}
      </div>
    </Pane>
  );
}

/** Half a year, the usual time until somebody looks again. */
function usualEnd(): string {
  return new Date(Date.now() + 182 * 86_400_000).toISOString().slice(0, 10);
}

function Word({ standard, control }: { standard: string; control: Control }) {
  const { environment, cluster } = useScope();
  const { exempt: whyNot } = usePermissions();
  const attest = useAttest(standard);
  const withdraw = useWithdraw(standard);
  const [note, setNote] = useState('');
  const [until, setUntil] = useState(usualEnd);
  const word = control.attestation;
  const place = cluster ? { cluster } : {};
  return (
    <div className={classes.pane}>
      {word ? (
        <p className={classes.text}>
          <b>{word.made_by}</b>, <Time at={word.made} />: {word.note}
          <br />
          <span className={classes.quiet}>
            {word.expired ? 'It ended ' : 'It holds until '}
            <Time at={word.expires} />
            {word.cluster && `, in ${word.cluster}`}
          </span>
        </p>
      ) : (
        <p className={classes.quiet}>Nobody yet.</p>
      )}
      <Textarea
        size="xs"
        label="What was looked at, and what came of it"
        autosize
        minRows={2}
        disabled={whyNot !== undefined}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        type="date"
        label="It holds until"
        disabled={whyNot !== undefined}
        value={until}
        onChange={(event) => setUntil(event.currentTarget.value)}
      />
      {(attest.error ?? withdraw.error) && (
        <ProblemNotice
          problem={(attest.error ?? withdraw.error) as Error}
          title="It was not written down"
        />
      )}
      <div className={classes.buttons}>
        <Button
          size="compact-sm"
          loading={attest.isPending}
          disabled={whyNot !== undefined || note.trim() === '' || until === ''}
          title={whyNot ?? (note.trim() === '' ? 'Say what was looked at.' : undefined)}
          onClick={() =>
            attest.mutate(
              {
                control: control.id,
                environment,
                ...place,
                note: note.trim(),
                expires: `${until}T00:00:00Z`,
              },
              { onSuccess: () => setNote('') },
            )
          }
        >
          It holds
        </Button>
        {word && (
          <Button
            size="compact-sm"
            variant="default"
            loading={withdraw.isPending}
            disabled={whyNot !== undefined}
            onClick={() =>
              withdraw.mutate({
                control: control.id,
                environment: word.environment,
                ...(word.cluster ? { cluster: word.cluster } : {}),
              })
            }
          >
            Take it back
          </Button>
        )}
      </div>
    </div>
  );
}
