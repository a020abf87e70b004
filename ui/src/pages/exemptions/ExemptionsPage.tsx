import { Button, Group, Stack, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useChangeExemption, useEndExemption } from '../../api/actions';
import { queries } from '../../api/queries';
import type { Exemption, ExemptionState } from '../../api/types';
import { useDone } from '../../components/done';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { ExemptForm } from '../../components/ExemptForm';
import { List } from '../../components/List';
import { keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { useEnvironment, useUrl } from '../../components/url';
import { EXEMPTION_STATE, reasonName } from '../../components/words';
import { count, plural } from '../../lib/format';
import { both } from '../../lib/query';
import { EXPIRIES, expiryOf } from '../../lib/scope';
import { day, daysSince } from '../../lib/time';
import { Copy } from '../../ui/Copy';
import { useNow } from '../../ui/clock';
import type { Column } from '../../ui/DataTable';
import { Dialog } from '../../ui/Dialog';
import { Chip, Chips } from '../../ui/Filters';
import { Pane, PaneSection } from '../../ui/Pane';
import { Fact, Facts } from '../../ui/Panel';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import classes from './exemptions.module.css';

const STATES: ExemptionState[] = ['active', 'expired', 'revoked'];
/** An end this near deserves a look. */
const SOON_DAYS = 7;

function State({ row }: { row: Exemption }) {
  const now = useNow();
  const isSoon = row.state === 'active' && row.expires && -daysSince(row.expires, now) <= SOON_DAYS;
  return (
    <span className={classes.state} data-state={isSoon ? 'soon' : row.state}>
      {isSoon ? 'Ends soon' : EXEMPTION_STATE[row.state]}
    </span>
  );
}

/** The findings it holds, as a link to them. */
function Held({ row }: { row: Exemption }) {
  return (
    <Link
      to="/findings"
      search={keepWith({ q: both(row.scope, 'state:exempted') })}
      aria-label={`${plural(row.findings, 'finding')} held by the exemption ${row.scope}`}
    >
      {count(row.findings)}
    </Link>
  );
}

const COLUMNS: Column<Exemption>[] = [
  { id: 'state', header: 'State', width: '104px', cell: (row) => <State row={row} /> },
  {
    id: 'scope',
    header: 'Covers',
    width: 'minmax(220px, 2fr)',
    fixed: true,
    cell: (row) => (
      <code className={classes.scope} title={row.scope}>
        {row.scope}
      </code>
    ),
  },
  {
    id: 'findings',
    header: 'Findings',
    width: '70px',
    align: 'right',
    cell: (row) => <Held row={row} />,
  },
  { id: 'reason', header: 'Reason', width: '112px', cell: (row) => reasonName(row.reason) },
  {
    id: 'note',
    header: 'Note',
    width: 'minmax(160px, 1.6fr)',
    cell: (row) => <span title={row.note}>{row.note}</span>,
  },
  { id: 'owner', header: 'Owner', width: '84px', cell: (row) => row.owner },
  {
    id: 'expires',
    header: 'Ends',
    width: '92px',
    cell: (row) => <Time at={row.ended ?? row.expires} fallback="never" />,
  },
  { id: 'created', header: 'Made', width: '84px', cell: (row) => <Time at={row.created} /> },
];

export function ExemptionsPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const { decide: whyNot } = usePermissions();
  const state = STATES.find((each) => each === search.state);
  const query = useInfiniteQuery(
    queries.exemptions({
      environment,
      q: search.q,
      state: search.state === 'all' ? undefined : (state ?? 'active'),
    }),
  );
  const isFiltered = search.q !== undefined || search.state !== undefined;
  return (
    <Page
      title="Exemptions"
      isFixed
      actions={
        <Button
          size="xs"
          leftSection={<IconPlus size={14} aria-hidden />}
          title={whyNot}
          disabled={whyNot !== undefined}
          onClick={() => set({ new: 'true' }, 'push')}
        >
          Exempt
        </Button>
      }
      pane={search.sel && <ExemptionPane id={search.sel} onClose={() => set({ sel: undefined })} />}
    >
      <Toolbar label="Filter exemptions">
        <SearchField
          label="Filter by scope, note or owner"
          placeholder="Scope, note or owner"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        <Chips label="State">
          {STATES.map((each) => (
            <Chip
              key={each}
              isOn={search.state === each || (search.state === undefined && each === 'active')}
              onClick={() => set({ state: each === 'active' ? undefined : each })}
            >
              {EXEMPTION_STATE[each]}
            </Chip>
          ))}
          <Chip isOn={search.state === 'all'} onClick={() => set({ state: 'all' })}>
            All
          </Chip>
        </Chips>
      </Toolbar>
      <List
        label="Exemptions"
        noun="exemption"
        query={query}
        columns={
          search.sel
            ? COLUMNS.filter((each) => !['note', 'created', 'reason'].includes(each.id))
            : COLUMNS
        }
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <State row={row} />
            <code>{row.scope}</code>
            <div>{row.note}</div>
            <div className={classes.quiet}>
              {plural(row.findings, 'finding')} · {row.owner} · ends{' '}
              <Time at={row.ended ?? row.expires} fallback="never" />
            </div>
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) => set({ sel: row.id }, 'push')}
        isMuted={(row) => row.state !== 'active'}
        minWidth={search.sel ? 560 : 980}
        empty={
          isFiltered ? (
            <FilteredOut noun="exemption" onClear={() => set({ q: undefined, state: undefined })} />
          ) : (
            <NothingFound title="Nothing is exempted">
              <p>
                Every open finding weighs. Exempt those that need no work, with an owner and an end.
              </p>
            </NothingFound>
          )
        }
      />
      <Dialog
        opened={search.new === 'true'}
        onClose={() => set({ new: undefined })}
        title="Exempt"
        size={760}
      >
        <ExemptForm findings={[]} onDone={() => set({ new: undefined })} />
      </Dialog>
    </Page>
  );
}

function ExemptionPane({ id, onClose }: { id: string; onClose: () => void }) {
  const { data, error } = useQuery(queries.exemption(id));
  return (
    <Pane label="Exemption" title={data ? reasonName(data.reason) : 'Exemption'} onClose={onClose}>
      {error && <ProblemNotice problem={error} title="It could not be fetched" />}
      {data && (
        <>
          <div className={classes.head}>
            <State row={data} />
            <code>{data.scope}</code>
            <Copy value={data.scope} what="scope" />
          </div>
          <p className={classes.note}>{data.note}</p>
          <PaneSection title="What it holds">
            <Facts>
              <Fact term="Findings">
                <Held row={data} />
              </Fact>
              <Fact term="Where">{data.environment ?? 'every environment'}</Fact>
            </Facts>
          </PaneSection>
          <PaneSection title="Who answers for it">
            <Facts>
              <Fact term="Owner">{data.owner}</Fact>
              <Fact term="Made">
                by {data.created_by}, <Time at={data.created} />
              </Fact>
              <Fact term="Ends">
                <Time at={data.expires} fallback="never, unless somebody ends it" />
              </Fact>
              {data.ended && (
                <Fact term="Ended">
                  <Time at={data.ended} />
                  {data.ended_by && `, by ${data.ended_by}`}
                </Fact>
              )}
            </Facts>
          </PaneSection>
          {data.state === 'active' && (
            <PaneSection title="Change it">
              <Change key={data.id} exemption={data} />
            </PaneSection>
          )}
        </>
      )}
    </Pane>
  );
}

function Change({ exemption }: { exemption: Exemption }) {
  const now = useNow();
  const { decide: whyNot } = usePermissions();
  const { say } = useDone();
  const change = useChangeExemption();
  const end = useEndExemption();
  const [date, setDate] = useState(exemption.expires ? day(exemption.expires) : '');
  const [isSure, setSure] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate(
      { id: exemption.id, change: { expires: `${date}T23:59:59Z` } },
      { onSuccess: () => say('The end was moved') },
    );
  };
  const problem = change.error ?? end.error;
  return (
    <Stack gap={10}>
      <form onSubmit={submit}>
        <Group gap={8} align="end">
          <TextInput
            type="date"
            label="Ends"
            size="xs"
            value={date}
            onChange={(event) => setDate(event.currentTarget.value)}
          />
          <Button
            type="submit"
            size="xs"
            variant="default"
            loading={change.isPending}
            title={whyNot}
            disabled={whyNot !== undefined || date === '' || date === day(exemption.expires ?? '')}
          >
            Move the end
          </Button>
        </Group>
      </form>
      <Chips label="Extend to">
        {EXPIRIES.filter((preset) => preset.days !== null).map((preset) => (
          <Chip
            key={preset.label}
            isOn={date === day(expiryOf(preset.days ?? 0, now))}
            onClick={() => setDate(day(expiryOf(preset.days ?? 0, now)))}
          >
            {preset.label}
          </Chip>
        ))}
      </Chips>
      {problem && <ProblemNotice problem={problem} title="Nothing was changed" />}
      <Group gap={8}>
        <Button
          size="xs"
          color="red"
          variant={isSure ? 'filled' : 'outline'}
          loading={end.isPending}
          title={whyNot}
          disabled={whyNot !== undefined}
          onClick={() =>
            isSure
              ? // The promise outlives this pane, which goes as soon as it is ended.
                end
                  .mutateAsync(exemption.id)
                  .then(() => say(`Ended: ${plural(exemption.findings, 'finding')} open again`))
                  .catch(() => {})
              : setSure(true)
          }
        >
          {isSure ? `End it, reopen ${plural(exemption.findings, 'finding')}` : 'End it now…'}
        </Button>
        {isSure && (
          <Button size="xs" variant="default" onClick={() => setSure(false)}>
            Keep it
          </Button>
        )}
      </Group>
    </Stack>
  );
}
