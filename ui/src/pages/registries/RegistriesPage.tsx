// Registries that are watched: whether they are reached, what they hold,
// and whether they tell by themselves.

import { Button } from '@mantine/core';
import { IconBuildingWarehouse, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { EVERY_MS, type Registry, type RegistryMade, registries } from '../../api/registries';
import { FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import { keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { usePermissions } from '../../components/permissions';
import { Rows } from '../../components/Rows';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Blank } from '../../ui/Blank';
import { Command } from '../../ui/Copy';
import type { Column } from '../../ui/DataTable';
import { Dialog } from '../../ui/Dialog';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import { NewSecret } from './NewSecret';
import { every, KIND_NAME, StateMark } from './parts';
import { RegistryForm } from './RegistryForm';
import classes from './registries.module.css';

const COLUMNS: Column<Registry>[] = [
  {
    id: 'name',
    header: 'Registry',
    width: 'minmax(140px, 1.4fr)',
    fixed: true,
    cell: (row) => (
      <Go
        to={`/registries/${encodeURIComponent(row.id)}`}
        className={classes.name}
        title={row.name}
      >
        {row.name}
      </Go>
    ),
  },
  { id: 'state', header: 'State', width: '118px', cell: (row) => <StateMark registry={row} /> },
  { id: 'kind', header: 'Kind', width: '108px', cell: (row) => KIND_NAME[row.kind] },
  {
    id: 'address',
    header: 'Address',
    width: 'minmax(160px, 1.6fr)',
    cell: (row) => (
      <span className="truncate" title={row.address}>
        {row.address}
      </span>
    ),
  },
  {
    id: 'repositories',
    header: 'Repositories',
    width: '96px',
    align: 'right',
    cell: (row) => count(row.repositories),
  },
  { id: 'tags', header: 'Tags', width: '68px', align: 'right', cell: (row) => count(row.tags) },
  {
    id: 'told',
    header: 'Told',
    name: 'When it last told something by itself',
    width: '88px',
    cell: (row) => <Time at={row.told} fallback="never" />,
  },
  {
    id: 'polled',
    header: 'Looked at',
    name: 'When its contents were last asked for',
    width: '88px',
    cell: (row) => <Time at={row.polled} fallback="never" />,
  },
  {
    id: 'every',
    header: 'How often',
    width: '124px',
    cell: (row) =>
      row.options.poll_minutes === 0 ? 'as it tells' : every(row.options.poll_minutes),
  },
];

export function RegistriesPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const { everywhere: whyNot } = usePermissions();
  const [made, setMade] = useState<RegistryMade>();
  // Known before the form is opened, whose first field is then ready.
  useQuery(registries.kinds());
  const query = useQuery(registries.all(environment, EVERY_MS));
  const q = (search.q ?? '').toLowerCase();
  const open = (id: string, tab?: string) =>
    navigate({
      to: '/registries/$id',
      params: { id },
      search: keepWith({ tab }),
    } as never);
  const add = (
    <Button
      size="xs"
      leftSection={<IconPlus size={14} aria-hidden />}
      disabled={whyNot !== undefined}
      title={whyNot}
      onClick={() => set({ tab: 'new' })}
    >
      Add a registry
    </Button>
  );
  return (
    <Page title="Registries" isFixed actions={add}>
      {(query.data?.length ?? 0) > 0 && (
        <Toolbar label="Filter registries">
          <SearchField
            label="Filter by name, address or kind"
            placeholder="Name, address or kind"
            value={search.q ?? ''}
            onChange={(next) => set({ q: next || undefined })}
          />
        </Toolbar>
      )}
      <Rows
        label="Registries"
        noun="registry"
        nouns="registries"
        query={query}
        rows={(answer: Registry[]) =>
          answer.filter((row) =>
            [row.name, row.address, KIND_NAME[row.kind]].some((text) =>
              text.toLowerCase().includes(q),
            ),
          )
        }
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <div className={classes.head}>
              <b>{row.name}</b>
              <StateMark registry={row} />
            </div>
            <span className={classes.quiet}>
              {row.address} · {plural(row.repositories, 'repository', 'repositories')} ·{' '}
              {plural(row.tags, 'tag')}
            </span>
            {row.error && <span className={classes.bad}>{row.error.message}</span>}
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) => open(row.id)}
        isMuted={(row) => row.paused}
        minWidth={1040}
        empty={
          q ? (
            <FilteredOut
              noun="registry"
              nouns="registries"
              hidden={query.data?.length}
              onClear={() => set({ q: undefined })}
            />
          ) : (
            <Blank
              icon={<IconBuildingWarehouse size={32} stroke={1.4} aria-hidden />}
              title="No registry is watched yet"
              actions={add}
            >
              <p>
                What is pushed to a watched registry is scanned within seconds, what it holds is
                looked through, and images in use are read again as time goes by.
              </p>
              <Command label="the command">
                seawall registry add team harbor.example --kind harbor --username robot
                --password-stdin
              </Command>
            </Blank>
          )
        }
      />
      <Dialog
        opened={search.tab === 'new' && !made}
        onClose={() => set({ tab: undefined })}
        title="Add a registry"
        size="lg"
      >
        <RegistryForm onCancel={() => set({ tab: undefined })} onAdded={setMade} />
      </Dialog>
      <Dialog
        opened={made !== undefined}
        onClose={() => made && open(made.registry.id)}
        title="How it tells by itself"
        size="lg"
      >
        {made && (
          <NewSecret
            made={made}
            title={`${made.registry.name} is watched`}
            onDone={() => open(made.registry.id)}
          />
        )}
      </Dialog>
    </Page>
  );
}
