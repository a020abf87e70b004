// What others say of vulnerabilities in what they ship: addresses it is
// fetched from, documents that were handed in, and what we say ourselves.

import { Button, Group, Text, VisuallyHidden } from '@mantine/core';
import { IconDownload, IconPlus, IconUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import {
  useFetchVexSource,
  useRemoveVex,
  useRemoveVexSource,
  type VexDocument,
  type VexSource,
  vex,
} from '../../api/vex';
import { useDone } from '../../components/done';
import { Go } from '../../components/Go';
import { type Health, HealthMark } from '../../components/HealthMark';
import { Waiting } from '../../components/List';
import { Page } from '../../components/Page';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Panel } from '../../ui/Panel';
import { PlainButton } from '../../ui/PlainButton';
import { Time } from '../../ui/Time';
import { ExportForm } from './ExportForm';
import { DocumentForm, SourceForm } from './forms';
import { StatementsPane } from './Statements';
import classes from './vex.module.css';

export function VexPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const { exempt, everywhere } = usePermissions();
  const { say } = useDone();
  const close = () => set({ tab: undefined });
  const documents = useQuery(vex.documents(environment));
  const shown = documents.data?.find((document) => document.id === search.sel);
  return (
    <Page
      title="VEX"
      pane={
        shown && (
          <StatementsPane
            key={shown.id}
            document={shown}
            onClose={() => set({ sel: undefined, q: undefined })}
          />
        )
      }
      actions={
        <>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} aria-hidden />}
            onClick={() => set({ tab: 'export' })}
          >
            What we say
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconUpload size={14} aria-hidden />}
            disabled={exempt !== undefined}
            title={exempt}
            onClick={() => set({ tab: 'document' })}
          >
            Add a document
          </Button>
          <Button
            size="xs"
            leftSection={<IconPlus size={14} aria-hidden />}
            disabled={everywhere !== undefined}
            title={everywhere}
            onClick={() => set({ tab: 'source' })}
          >
            Add an address
          </Button>
        </>
      }
    >
      <p className={classes.lead}>
        Publishers say which vulnerabilities do not affect what they ship. What they say holds for
        every image they name: those findings are{' '}
        <Go to="/findings" search={{ suppressed: 'true' }}>
          set aside
        </Go>{' '}
        with who says so and why, and come back when it is taken back.
      </p>
      <Sources environment={environment} whyNot={everywhere} />
      <Documents environment={environment} whyNot={exempt} />
      <Dialog opened={search.tab === 'export'} onClose={close} title="What we say">
        <ExportForm />
      </Dialog>
      <Dialog opened={search.tab === 'source'} onClose={close} title="Add an address">
        <SourceForm
          onCancel={close}
          onDone={(name) => {
            close();
            say(`${name} is fetched now`);
          }}
        />
      </Dialog>
      <Dialog opened={search.tab === 'document'} onClose={close} title="Add a document">
        <DocumentForm
          onCancel={close}
          onDone={(made) => {
            close();
            say(`${made.name}: ${plural(made.statements, 'statement')} hold now`);
          }}
        />
      </Dialog>
    </Page>
  );
}

/** How the last look at an address went. */
function healthOf(source: VexSource): [Health, string] {
  if (source.error) return ['silent', 'Failing'];
  if (source.reached) return ['healthy', 'Working'];
  return ['degraded', 'Not asked yet'];
}

function Sources({ environment, whyNot }: { environment: string; whyNot: string | undefined }) {
  const query = useQuery(vex.sources(environment));
  const fetchNow = useFetchVexSource();
  const { say } = useDone();
  const [leaving, setLeaving] = useState<VexSource>();
  const remove = useRemoveVexSource();
  return (
    <Panel title="Fetched from" flush>
      {fetchNow.error && <ProblemNotice problem={fetchNow.error} title="It is not fetched" />}
      <Shown
        query={query}
        label="addresses"
        empty="Nothing is fetched. The address may be a document’s, or a hub’s: a VEX repository, its archive or its index."
        head={['Address', 'State', 'Documents', 'Statements', 'Looked at', 'Changed']}
        rows={(query.data ?? []).map((source) => {
          const [health, word] = healthOf(source);
          return (
            <tr key={source.id}>
              <td>
                <b>{source.name}</b>
                <div className={classes.address}>{source.address}</div>
                {source.error && <div className={classes.bad}>{source.error}</div>}
                {source.environment && (
                  <div className={classes.quiet}>only in {source.environment}</div>
                )}
              </td>
              <td>
                <HealthMark
                  health={health}
                  why={source.error ?? `every ${plural(source.every_hours, 'hour')}`}
                >
                  {word}
                </HealthMark>
              </td>
              <td className={classes.number}>
                {count(source.documents)}
                {source.left_out > 0 && (
                  <div className={classes.quiet}>{count(source.left_out)} left out</div>
                )}
              </td>
              <td className={classes.number}>{count(source.statements)}</td>
              <td>
                <Time at={source.asked} fallback="never" />
                <div className={classes.quiet}>
                  next <Time at={source.next} />
                </div>
              </td>
              <td>
                <Time at={source.changed} fallback="never" />
              </td>
              <td className={classes.right}>
                <Group gap={4} wrap="nowrap" justify="flex-end">
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={`Fetch now: ${source.name}`}
                    disabled={whyNot !== undefined}
                    title={whyNot}
                    onClick={() =>
                      fetchNow.mutate(source.id, {
                        onSuccess: () => say(`${source.name} is fetched now`),
                      })
                    }
                  >
                    Fetch now
                  </Button>
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={`Remove ${source.name}`}
                    disabled={whyNot !== undefined}
                    title={whyNot}
                    onClick={() => setLeaving(source)}
                  >
                    Remove…
                  </Button>
                </Group>
              </td>
            </tr>
          );
        })}
      />
      <Removal
        name={leaving?.name}
        what={`The address is forgotten, and with it the ${plural(leaving?.documents ?? 0, 'document')} that came from it. Findings they set aside come back.`}
        error={remove.error}
        isPending={remove.isPending}
        onKeep={() => setLeaving(undefined)}
        onRemove={() => {
          if (!leaving) return;
          remove
            .mutateAsync(leaving.id)
            .then(() => {
              setLeaving(undefined);
              say(`${leaving.name} was removed`);
            })
            .catch(() => {});
        }}
      />
    </Panel>
  );
}

function Documents({ environment, whyNot }: { environment: string; whyNot: string | undefined }) {
  const query = useQuery(vex.documents(environment));
  const [, set] = useUrl();
  const { say } = useDone();
  const [leaving, setLeaving] = useState<VexDocument>();
  const remove = useRemoveVex();
  return (
    <Panel title="Documents" aside={query.data && plural(query.data.length, 'document')} flush>
      <Shown
        query={query}
        label="documents"
        empty="None holds here. Publishers hand them out beside what they ship: OpenVEX, CSAF or CycloneDX."
        head={['Document', 'Statements', 'Where', 'Added']}
        rows={(query.data ?? []).map((document) => (
          <tr key={document.id}>
            <td className={classes.address}>
              <PlainButton
                title="What it says"
                onClick={() => set({ sel: document.id, q: undefined }, 'push')}
              >
                {document.name}
              </PlainButton>
            </td>
            <td className={classes.number}>{count(document.statements)}</td>
            <td>{document.environment ?? 'everywhere'}</td>
            <td>
              <Time at={document.added} />
              <div className={classes.quiet}>{document.added_by}</div>
            </td>
            <td className={classes.right}>
              <Button
                size="compact-xs"
                variant="default"
                aria-label={`Remove ${document.name}`}
                disabled={whyNot !== undefined}
                title={whyNot}
                onClick={() => setLeaving(document)}
              >
                Remove…
              </Button>
            </td>
          </tr>
        ))}
      />
      <Removal
        name={leaving?.name}
        what="Findings it set aside come back, where nobody else says the same."
        error={remove.error}
        isPending={remove.isPending}
        onKeep={() => setLeaving(undefined)}
        onRemove={() => {
          if (!leaving) return;
          remove
            .mutateAsync(leaving.id)
            .then(() => {
              setLeaving(undefined);
              say(`${leaving.name} no longer holds`);
            })
            .catch(() => {});
        }}
      />
    </Panel>
  );
}

function Shown({
  query,
  label,
  empty,
  head,
  rows,
}: {
  query: { data?: unknown; error: Error | null; refetch: () => unknown };
  label: string;
  empty: string;
  head: string[];
  rows: ReactNode[];
}) {
  if (query.data === undefined)
    return query.error ? (
      <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />
    ) : (
      <Waiting label={label} rows={4} />
    );
  if (rows.length === 0) return <p className={classes.none}>{empty}</p>;
  return (
    <div className={classes.scroll}>
      <table className={classes.table}>
        <thead>
          <tr>
            {head.map((each) => (
              <th key={each} scope="col">
                {each}
              </th>
            ))}
            <th scope="col">
              <VisuallyHidden>Actions</VisuallyHidden>
            </th>
          </tr>
        </thead>
        <tbody>{rows}</tbody>
      </table>
    </div>
  );
}

function Removal({
  name,
  what,
  error,
  isPending,
  onKeep,
  onRemove,
}: {
  name: string | undefined;
  what: string;
  error: Error | null;
  isPending: boolean;
  onKeep: () => void;
  onRemove: () => void;
}) {
  return (
    <Dialog opened={name !== undefined} onClose={onKeep} title={`Remove ${name ?? 'it'}?`}>
      <Text size="sm">{what}</Text>
      {error && <ProblemNotice problem={error} title="It was not removed" />}
      <Group justify="flex-end" mt="md" gap={8}>
        <Button size="xs" variant="default" onClick={onKeep}>
          Keep it
        </Button>
        <Button size="xs" color="red" loading={isPending} onClick={onRemove}>
          Remove it
        </Button>
      </Group>
    </Dialog>
  );
}
