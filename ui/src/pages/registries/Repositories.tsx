// What a registry holds, as it was last seen: repositories, and the tags of
// one.

import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type Registry, type RegistryTag, type Repository, registries } from '../../api/registries';
import { FilteredOut, NothingFound } from '../../components/Empty';
import { Go } from '../../components/Go';
import { List, Waiting } from '../../components/List';
import { DigestText, keepWith } from '../../components/Names';
import { Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Blank } from '../../ui/Blank';
import type { Column } from '../../ui/DataTable';
import { PlainButton } from '../../ui/PlainButton';
import { SearchField } from '../../ui/SearchField';
import { Share } from '../../ui/Share';
import { Time } from '../../ui/Time';
import classes from './registries.module.css';

const pathOf = (registry: string) => `/registries/${encodeURIComponent(registry)}`;

const REPOSITORIES: Column<Repository>[] = [
  {
    id: 'name',
    header: 'Repository',
    width: 'minmax(200px, 2fr)',
    fixed: true,
    cell: (row) => (
      <Go
        to={pathOf(row.registry)}
        search={{ repo: row.name }}
        className={classes.name}
        title={row.name}
      >
        {row.name}
      </Go>
    ),
  },
  { id: 'tags', header: 'Tags', width: '72px', align: 'right', cell: (row) => count(row.tags) },
  {
    id: 'scanned',
    header: 'Scanned',
    name: 'Tags whose images were scanned',
    width: '180px',
    cell: (row) => <Scanned row={row} />,
  },
  {
    id: 'first',
    header: 'First seen',
    width: '92px',
    cell: (row) => <Time at={row.first_seen} />,
  },
  { id: 'seen', header: 'Seen', width: '104px', cell: (row) => <Seen row={row} /> },
];

function Scanned({ row }: { row: Repository }) {
  return (
    <Share
      part={row.scanned}
      of={row.tags}
      tone="good"
      label={`${row.scanned} of ${row.tags} tags scanned`}
    >
      {count(row.scanned)} of {count(row.tags)}
    </Share>
  );
}

/** When it was last there; or that it is gone, or could not be read. */
function Seen({
  row,
}: {
  row: { gone?: string | null; last_seen: string; error?: Repository['error'] };
}) {
  if (row.error && !row.gone)
    return (
      <span className={classes.bad} title={`${row.error.message}; ${row.error.advice}`}>
        not read
      </span>
    );
  return row.gone ? (
    <span title="It was not there at the last look">
      gone <Time at={row.gone} />
    </span>
  ) : (
    <Time at={row.last_seen} />
  );
}

export function Repositories({ registry }: { registry: Registry }) {
  const [search, set] = useUrl();
  const query = useInfiniteQuery(registries.repositories(registry.id, search.q));
  return (
    <>
      <Toolbar label="Filter repositories">
        <SearchField
          label="Filter by name"
          placeholder="Name"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
      </Toolbar>
      <List
        label="Repositories"
        noun="repository"
        nouns="repositories"
        query={query}
        columns={REPOSITORIES}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <b>{row.name}</b>
            <Scanned row={row} />
            <span className={classes.quiet}>
              {plural(row.tags, 'tag')}, so many of them scanned · seen <Seen row={row} />
            </span>
            {row.error && <span className={classes.bad}>{row.error.message}</span>}
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) => set({ repo: row.name, q: undefined, sel: undefined }, 'push')}
        isMuted={(row) => Boolean(row.gone)}
        minWidth={720}
        empty={
          search.q ? (
            <FilteredOut
              noun="repository"
              nouns="repositories"
              hidden={registry.repositories}
              onClear={() => set({ q: undefined })}
            />
          ) : (
            <Empty registry={registry} />
          )
        }
      />
    </>
  );
}

/** No repository is known: which of its reasons it is. */
function Empty({ registry }: { registry: Registry }) {
  if (registry.state === 'failing')
    return (
      <Blank title="What it holds is not known">
        <p>It could not be asked yet; the reason stands above.</p>
      </Blank>
    );
  if (!registry.reached)
    return (
      <Blank title="It was not looked through yet">
        <p>The first look begins within seconds of adding it, and fills this list as it goes.</p>
      </Blank>
    );
  return (
    <NothingFound title="It holds nothing">
      <p>
        {registry.options.repositories.length > 0
          ? 'It has none of the repositories that are looked at. Edit which those are.'
          : 'It lists no repository. Where it does not list them to everybody, it may need other credentials, or their names.'}
      </p>
    </NothingFound>
  );
}

const TAGS: Column<RegistryTag>[] = [
  {
    id: 'name',
    header: 'Tag',
    width: 'minmax(130px, 1.2fr)',
    fixed: true,
    cell: (row) => <TagName row={row} />,
  },
  {
    id: 'digest',
    header: 'Digest',
    width: '150px',
    cell: (row) => <DigestText digest={row.digest} />,
  },
  {
    id: 'image',
    header: 'Image',
    width: 'minmax(110px, 1fr)',
    cell: (row) => <Image row={row} />,
  },
  { id: 'pushed', header: 'Pushed', width: '92px', cell: (row) => <Time at={row.pushed} /> },
  {
    id: 'changed',
    header: 'Moved',
    name: 'When it last pointed elsewhere',
    width: '92px',
    cell: (row) => <Time at={row.changed} fallback="never" />,
  },
  { id: 'pulled', header: 'Pulled', width: '92px', cell: (row) => <Time at={row.pulled} /> },
  { id: 'first', header: 'First seen', width: '92px', cell: (row) => <Time at={row.first_seen} /> },
  { id: 'seen', header: 'Seen', width: '104px', cell: (row) => <Seen row={row} /> },
];

function TagName({ row }: { row: RegistryTag }) {
  return row.image ? (
    <Go
      to={`/images/${encodeURIComponent(row.image.id)}`}
      className={classes.name}
      title={row.image.name}
    >
      {row.name}
    </Go>
  ) : (
    <span className={classes.name} title={row.name}>
      {row.name}
    </span>
  );
}

function Image({ row }: { row: RegistryTag }) {
  if (!row.image) return <span className={classes.quiet}>not scanned yet</span>;
  return (
    <Go to={`/images/${encodeURIComponent(row.image.id)}`} search={{ tab: 'timeline' }}>
      its timeline
    </Go>
  );
}

const scannedIn = (rows: readonly RegistryTag[]) => rows.filter((row) => row.image);

/** The two newest that can be compared. */
const firstTwo = (rows: readonly RegistryTag[]) =>
  scannedIn(rows)
    .slice(0, 2)
    .map((row) => row.name);

/** The images of two tags, the older first; or why they cannot be compared. */
export function comparable(
  rows: readonly RegistryTag[],
): { before: string; after: string; names: string[] } | { whyNot: string } {
  if (rows.length !== 2) return { whyNot: 'Tick two tags to compare their images.' };
  const [before, after] = [...rows].sort((a, b) =>
    (a.pushed ?? a.first_seen).localeCompare(b.pushed ?? b.first_seen),
  );
  if (!before?.image || !after?.image)
    return { whyNot: 'Only images that were scanned can be compared.' };
  if (before.image.id === after.image.id) return { whyNot: 'Both are the same image.' };
  return {
    before: before.image.id,
    after: after.image.id,
    names: [before.name, after.name],
  };
}

export function Tags({ registry, name }: { registry: Registry; name: string }) {
  const found = useQuery(registries.repository(registry.id, name));
  const [, set] = useUrl();
  const back = () => set({ repo: undefined, q: undefined, sel: undefined }, 'push');
  if (found.isPending) return <Waiting label="the tags" />;
  if (found.error && found.data === undefined)
    return <ProblemBlank problem={found.error} onRetry={() => found.refetch()} />;
  if (!found.data)
    return (
      <Blank title="This repository is not here">
        <p>
          Nothing called <code>{name}</code> was seen in {registry.name}.{' '}
          <Go to={pathOf(registry.id)}>Show all of them</Go>
        </p>
      </Blank>
    );
  return <TagList registry={registry} repository={found.data} onBack={back} />;
}

function TagList({
  registry,
  repository,
  onBack,
}: {
  registry: Registry;
  repository: Repository;
  onBack: () => void;
}) {
  const [search, set] = useUrl();
  const query = useInfiniteQuery(registries.tags(registry.id, repository.id, search.q));
  const [ticked, setTicked] = useState<readonly string[]>([]);
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  // The last two ticked stay: two is what there is to compare.
  const tick = (name: string) =>
    setTicked((old) =>
      old.includes(name) ? old.filter((each) => each !== name) : [...old, name].slice(-2),
    );
  const pair = comparable(rows.filter((row) => ticked.includes(row.name)));
  return (
    <>
      <Toolbar label="Filter tags">
        <PlainButton className={classes.back} onClick={onBack}>
          All repositories
        </PlainButton>
        <b className={classes.here}>{repository.name}</b>
        <SearchField
          label="Filter by tag"
          placeholder="Tag"
          value={search.q ?? ''}
          onChange={(q) => set({ q: q || undefined })}
        />
        {repository.gone && (
          <span className={classes.bad}>
            gone <Time at={repository.gone} />
          </span>
        )}
        {repository.error && !repository.gone && (
          <span className={classes.bad} title={repository.error.advice}>
            Not read: {repository.error.message}
          </span>
        )}
        {'whyNot' in pair ? (
          <Button size="xs" variant="default" disabled title={pair.whyNot}>
            Compare two
          </Button>
        ) : (
          <Button
            size="xs"
            variant="default"
            component={Link}
            to={`/images/${encodeURIComponent(pair.before)}/compare`}
            search={keepWith({ with: pair.after })}
          >
            Compare {pair.names.join(' with ')}
          </Button>
        )}
      </Toolbar>
      <List
        label="Tags"
        noun="tag"
        query={query}
        columns={TAGS}
        rowKey={(row) => row.name}
        card={(row) => (
          <div className={classes.card}>
            <div className={classes.head}>
              <TagName row={row} />
              <Image row={row} />
            </div>
            <DigestText digest={row.digest} />
            <span className={classes.quiet}>
              pushed <Time at={row.pushed} /> · pulled <Time at={row.pulled} /> · seen{' '}
              <Seen row={row} />
            </span>
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        isMuted={(row) => Boolean(row.gone)}
        ticks={{
          ids: new Set(ticked),
          onTick: tick,
          onTickAll: () => setTicked((old) => (old.length > 0 ? [] : firstTwo(rows))),
        }}
        minWidth={900}
        empty={
          search.q ? (
            <FilteredOut
              noun="tag"
              hidden={repository.tags}
              onClear={() => set({ q: undefined })}
            />
          ) : (
            <NothingFound title="No tag was seen in it">
              <p>
                The newest {plural(registry.options.tags, 'tag')} are looked at, and none was there.
              </p>
            </NothingFound>
          )
        }
      />
    </>
  );
}
