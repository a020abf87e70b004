// Machines whose engine is reached from here.

import { Button } from '@mantine/core';
import { IconPlus, IconServer } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { EVERY_MS, type Host, hosts } from '../../api/hosts';
import { FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import { keepEnvironment } from '../../components/Names';
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
import { HostForm } from './HostForm';
import classes from './hosts.module.css';
import { StateMark } from './parts';

const COLUMNS: Column<Host>[] = [
  {
    id: 'name',
    header: 'Host',
    width: 'minmax(150px, 1.6fr)',
    fixed: true,
    cell: (row) => (
      <Go to={`/hosts/${encodeURIComponent(row.id)}`} className={classes.name} title={row.name}>
        {row.name}
      </Go>
    ),
  },
  { id: 'state', header: 'State', width: '116px', cell: (row) => <StateMark host={row} /> },
  {
    id: 'address',
    header: 'Address',
    width: 'minmax(160px, 1.6fr)',
    cell: (row) => <span className="truncate">{row.address}</span>,
  },
  {
    id: 'tls',
    header: 'Over TLS',
    width: '84px',
    cell: (row) => (row.secrets.includes('ca') ? 'yes' : <b className={classes.bad}>no</b>),
  },
  {
    id: 'engine',
    header: 'Engine',
    width: 'minmax(90px, 0.8fr)',
    cell: (row) => row.engine?.version ?? '–',
  },
  {
    id: 'running',
    header: 'Running',
    name: 'Running containers',
    width: '76px',
    align: 'right',
    cell: (row) => (row.engine?.running == null ? '–' : count(row.engine.running)),
  },
  {
    id: 'images',
    header: 'Images',
    width: '68px',
    align: 'right',
    cell: (row) => (row.engine?.images == null ? '–' : count(row.engine.images)),
  },
  {
    id: 'looked',
    header: 'Looked at',
    width: '88px',
    cell: (row) => <Time at={row.looked} fallback="never" />,
  },
];

export function HostsPage() {
  const environment = useEnvironment();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const { administer: whyNot } = usePermissions();
  const query = useQuery(hosts.all(environment, EVERY_MS));
  const q = (search.q ?? '').toLowerCase();
  const add = (
    <Button
      size="xs"
      leftSection={<IconPlus size={14} aria-hidden />}
      disabled={whyNot !== undefined}
      title={whyNot}
      onClick={() => set({ tab: 'new' })}
    >
      Add a host
    </Button>
  );
  return (
    <Page title="Docker hosts" isFixed actions={add}>
      {(query.data?.length ?? 0) > 0 && (
        <Toolbar label="Filter hosts">
          <SearchField
            label="Filter by name or address"
            placeholder="Name or address"
            value={search.q ?? ''}
            onChange={(next) => set({ q: next || undefined })}
          />
        </Toolbar>
      )}
      <Rows
        label="Docker hosts"
        noun="host"
        query={query}
        rows={(answer: Host[]) =>
          answer.filter((row) =>
            [row.name, row.address].some((text) => text.toLowerCase().includes(q)),
          )
        }
        columns={COLUMNS}
        rowKey={(row) => row.id}
        card={(row) => (
          <div className={classes.card}>
            <div className={classes.head}>
              <b>{row.name}</b>
              <StateMark host={row} />
            </div>
            <span className={classes.quiet}>
              {row.address}
              {row.engine?.running != null &&
                ` · ${plural(row.engine.running, 'container')} running`}
            </span>
            {row.error && <span className={classes.bad}>{row.error.message}</span>}
          </div>
        )}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/hosts/$id',
            params: { id: row.id },
            search: keepEnvironment as never,
          })
        }
        isMuted={(row) => row.paused}
        minWidth={900}
        empty={
          q ? (
            <FilteredOut noun="host" onClear={() => set({ q: undefined })} />
          ) : (
            <Blank
              icon={<IconServer size={32} stroke={1.4} aria-hidden />}
              title="No host was added yet"
              actions={add}
            >
              <p>
                The engine of this server’s own machine is found by itself. Others are reached over
                TLS, by their port 2376, with a certificate of ours.
              </p>
              <Command label="the command">
                seawall host add build-01 tcp://build-01:2376 --ca ca.pem --cert cert.pem --key
                key.pem
              </Command>
            </Blank>
          )
        }
      />
      <Dialog
        opened={search.tab === 'new'}
        onClose={() => set({ tab: undefined })}
        title="Add a host"
        size="lg"
      >
        <HostForm
          onCancel={() => set({ tab: undefined })}
          onDone={(host) =>
            navigate({
              to: '/hosts/$id',
              params: { id: host.id },
              search: keepEnvironment as never,
            })
          }
        />
      </Dialog>
    </Page>
  );
}
