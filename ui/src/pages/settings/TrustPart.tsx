// Trust policies: whose signatures images must have, and which have one.

import { Badge, Button, Group, Text, VisuallyHidden } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import {
  type TrustOutcome,
  type TrustPolicy,
  trust,
  useRemoveTrust,
  useVerifyTrust,
} from '../../api/trust';
import { useDone } from '../../components/done';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { List, Waiting } from '../../components/List';
import { DigestText, ImageLink } from '../../components/Names';
import { Toolbar } from '../../components/Page';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { useEnvironment, useUrl } from '../../components/url';
import { SCHEME, VERDICT, VERDICTS, VerdictMark } from '../../components/Verdict';
import { count, plural } from '../../lib/format';
import type { Column } from '../../ui/DataTable';
import { Dialog } from '../../ui/Dialog';
import { Chip, Chips } from '../../ui/Filters';
import { Panel } from '../../ui/Panel';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import settings from './settings.module.css';
import { TrustForm } from './TrustForm';
import classes from './trust.module.css';
import { signerText } from './trust-draft';

type Doing = { what: 'make' | 'change' | 'remove'; policy?: TrustPolicy };

export function TrustPart() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const { configure: whyNot } = usePermissions();
  const { say } = useDone();
  const { data, error, refetch } = useQuery(trust.all(environment));
  const [doing, setDoing] = useState<Doing>();
  const verify = useVerifyTrust();
  const close = () => setDoing(undefined);
  if (error && !data) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  const chosen = data?.find((each) => each.id === search.sel);
  return (
    <>
      <p className={settings.lead}>
        A trust policy says whose signatures images of some repositories must have. Each image of
        them is verified: as it is pushed, and again as time goes by. To keep what is not signed
        from running, have the policy{' '}
        <Go to="/policies/pods-images-signed">
          <code>pods-images-signed</code>
        </Go>{' '}
        deny.
      </p>
      {verify.error && <ProblemNotice problem={verify.error} title="They are not verified again" />}
      <Panel
        title="Trust policies"
        flush
        aside={
          <Button
            size="compact-xs"
            leftSection={<IconPlus size={13} aria-hidden />}
            disabled={whyNot !== undefined}
            title={whyNot}
            onClick={() => setDoing({ what: 'make' })}
          >
            New trust policy
          </Button>
        }
      >
        {!data ? (
          <Waiting label="trust policies" rows={4} />
        ) : data.length === 0 ? (
          <NothingFound title="Nobody’s signature is asked for">
            <p>
              Signatures of cosign, with a key or as an identity of sigstore, and of notation are
              understood. Nothing is asked of anybody but the image’s own registry.
            </p>
          </NothingFound>
        ) : (
          <div className={settings.scroll}>
            <table className={settings.table}>
              <thead>
                <tr>
                  <th scope="col">Policy</th>
                  <th scope="col">Holds for</th>
                  <th scope="col">Signed by any of</th>
                  <th scope="col">Images</th>
                  <th scope="col">Changed</th>
                  <th scope="col">
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.map((policy) => (
                  <tr key={policy.id} data-muted={!policy.enabled || undefined}>
                    <td>
                      <span className={settings.name}>{policy.name}</span>{' '}
                      {!policy.enabled && (
                        <Badge size="sm" variant="light" color="gray" tt="none">
                          Off
                        </Badge>
                      )}
                      {policy.description && (
                        <div className={settings.quiet}>{policy.description}</div>
                      )}
                    </td>
                    <td>
                      {policy.repositories.map((each) => (
                        <div key={each} className={classes.repository}>
                          <code>{each}</code>
                        </div>
                      ))}
                    </td>
                    <td>
                      {policy.signers.map((signer) => (
                        <div key={signerText(signer)} className={classes.repository}>
                          {signerText(signer)}
                        </div>
                      ))}
                    </td>
                    <td>
                      <Counts policy={policy} />
                    </td>
                    <td>
                      <Time at={policy.updated} />
                      <div className={settings.quiet}>{policy.updated_by}</div>
                    </td>
                    <td className={settings.right}>
                      <Group gap={4} wrap="nowrap" justify="flex-end">
                        <Button
                          size="compact-xs"
                          variant="default"
                          aria-label={`Verify again: ${policy.name}`}
                          disabled={whyNot !== undefined || !policy.enabled}
                          title={whyNot ?? (policy.enabled ? undefined : 'It is off')}
                          onClick={() =>
                            verify.mutate(policy.id, {
                              onSuccess: () => say(`Images of ${policy.name} are verified again`),
                            })
                          }
                        >
                          Verify again
                        </Button>
                        <Button
                          size="compact-xs"
                          variant="default"
                          aria-label={`Change ${policy.name}`}
                          disabled={whyNot !== undefined}
                          title={whyNot}
                          onClick={() => setDoing({ what: 'change', policy })}
                        >
                          Change…
                        </Button>
                        <Button
                          size="compact-xs"
                          variant="default"
                          aria-label={`Remove ${policy.name}`}
                          disabled={whyNot !== undefined}
                          title={whyNot}
                          onClick={() => setDoing({ what: 'remove', policy })}
                        >
                          Remove…
                        </Button>
                      </Group>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {chosen && <Images key={chosen.id} policy={chosen} onClose={() => set({ sel: undefined })} />}
      <Dialog
        opened={doing?.what === 'make' || doing?.what === 'change'}
        onClose={close}
        title={doing?.policy ? `Change ${doing.policy.name}` : 'New trust policy'}
        size="lg"
      >
        <TrustForm
          policy={doing?.policy}
          onCancel={close}
          onDone={(name) => {
            close();
            say(`${name}: its images are verified now`);
          }}
        />
      </Dialog>
      <Dialog
        opened={doing?.what === 'remove'}
        onClose={close}
        title={`Remove ${doing?.policy?.name ?? 'it'}?`}
      >
        {doing?.policy && <Remove policy={doing.policy} onDone={close} />}
      </Dialog>
    </>
  );
}

/** Its images by what was found of them, each number a link to them. */
function Counts({ policy }: { policy: TrustPolicy }) {
  const some = VERDICTS.filter((verdict) => policy.counts[verdict] > 0);
  if (some.length === 0) return <span className={settings.quiet}>none so far</span>;
  return (
    <ul className={classes.counts} aria-label={`Images of ${policy.name}`}>
      {some.map((verdict) => (
        <li key={verdict}>
          <Go to="/settings/trust" search={{ sel: policy.id, tab: verdict }}>
            {count(policy.counts[verdict])} {VERDICT[verdict].word.toLowerCase()}
          </Go>
        </li>
      ))}
    </ul>
  );
}

const COLUMNS: Column<TrustOutcome>[] = [
  {
    id: 'image',
    header: 'Image',
    width: 'minmax(180px, 2fr)',
    fixed: true,
    cell: (row) =>
      row.image ? (
        <ImageLink image={row.image} />
      ) : (
        <span className="truncate" title={row.repository}>
          {row.repository}
        </span>
      ),
  },
  {
    id: 'digest',
    header: 'Digest',
    width: '128px',
    cell: (row) => <DigestText digest={row.digest} />,
  },
  {
    id: 'verdict',
    header: 'Verdict',
    width: '92px',
    cell: (row) => <VerdictMark verdict={row.verdict} why={row.reason ?? null} />,
  },
  {
    id: 'who',
    header: 'Who, or why not',
    width: 'minmax(160px, 2fr)',
    cell: (row) => {
      const text =
        row.verdict === 'signed'
          ? [row.signer, row.scheme && (SCHEME[row.scheme] ?? row.scheme)]
              .filter(Boolean)
              .join(' · ')
          : row.reason;
      return (
        <span className="truncate" title={[text, row.mend].filter(Boolean).join('\n')}>
          {text ?? '–'}
        </span>
      );
    },
  },
  {
    id: 'checked',
    header: 'Verified',
    width: '84px',
    cell: (row) => <Time at={row.checked} fallback="not yet" />,
  },
];

function Images({ policy, onClose }: { policy: TrustPolicy; onClose: () => void }) {
  const [search, set] = useUrl();
  const verdict = VERDICTS.find((each) => each === search.tab);
  const query = useInfiniteQuery(
    trust.images(policy.id, {
      ...(search.q ? { q: search.q } : {}),
      ...(verdict ? { verdict } : {}),
    }),
  );
  return (
    <section className={classes.images} aria-label={`Images of ${policy.name}`}>
      <div className={classes.head}>
        <h2>Images of {policy.name}</h2>
        <Button size="compact-xs" variant="default" onClick={onClose}>
          Close
        </Button>
      </div>
      <Toolbar label="Filter its images">
        <SearchField
          label="Filter by repository or digest"
          placeholder="Repository or digest"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="Verdict">
          {VERDICTS.map((each) => (
            <Chip
              key={each}
              isOn={verdict === each}
              onClick={() => set({ tab: verdict === each ? undefined : each })}
            >
              {VERDICT[each].word}
              <span className="tabular">{count(policy.counts[each])}</span>
            </Chip>
          ))}
        </Chips>
      </Toolbar>
      <List
        label="Its images"
        noun="image"
        query={query}
        columns={COLUMNS}
        rowKey={(row) => `${row.repository}@${row.digest}`}
        card={(row) => (
          <div className={classes.card}>
            {row.image ? <ImageLink image={row.image} /> : <span>{row.repository}</span>}
            <VerdictMark verdict={row.verdict} why={row.reason ?? null} />
            <span className={settings.quiet}>{row.reason ?? row.signer}</span>
          </div>
        )}
        minWidth={720}
        empty={
          search.q || verdict ? (
            <FilteredOut noun="image" onClear={() => set({ q: undefined, tab: undefined })} />
          ) : (
            <NothingFound title="It holds for no image yet">
              <p>Images come from registries that are watched, and from scans.</p>
            </NothingFound>
          )
        }
      />
    </section>
  );
}

function Remove({ policy, onDone }: { policy: TrustPolicy; onDone: () => void }) {
  const remove = useRemoveTrust();
  const { say } = useDone();
  const all = VERDICTS.reduce((sum, each) => sum + policy.counts[each], 0);
  return (
    <>
      <Text size="sm">
        {plural(all, 'image')} {all === 1 ? 'is' : 'are'} then no longer asked for a signature by
        it, and what it found of them is forgotten.
      </Text>
      {remove.error && <ProblemNotice problem={remove.error} title="It was not removed" />}
      <Group justify="flex-end" mt="md" gap={8}>
        <Button size="xs" variant="default" onClick={onDone}>
          Keep it
        </Button>
        <Button
          size="xs"
          color="red"
          loading={remove.isPending}
          onClick={() =>
            remove
              .mutateAsync(policy.id)
              .then(() => {
                onDone();
                say(`${policy.name} was removed`);
              })
              .catch(() => {})
          }
        >
          Remove {policy.name}
        </Button>
      </Group>
    </>
  );
}
