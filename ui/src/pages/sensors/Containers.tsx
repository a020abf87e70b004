// The containers a sensor watches: who makes the events, and the alerts.

import type { SensorContainer, SensorDetail } from '../../api/sensors';
import { FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import { ImageText } from '../../components/Names';
import { useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { type Column, DataTable } from '../../ui/DataTable';
import { Panel } from '../../ui/Panel';
import { SearchField } from '../../ui/SearchField';
import { cpu, rate } from './parts';
import classes from './sensors.module.css';

/** Alerts of the container: by its place, as the sensor gave it. */
function alertsOf(row: SensorContainer): string {
  const name = row.pod ?? row.name;
  return [row.namespace && term('ns', row.namespace), `"${name.replaceAll('"', '')}"`]
    .filter(Boolean)
    .join(' ');
}

const COLUMNS: Column<SensorContainer>[] = [
  {
    id: 'name',
    header: 'Container',
    width: 'minmax(140px, 1.4fr)',
    fixed: true,
    sorts: ['name', '-name'],
    cell: (row) => (
      <span className="truncate" title={`${row.name} (${row.id.slice(0, 12)}, ${row.runtime})`}>
        {row.name || row.id.slice(0, 12)}
      </span>
    ),
  },
  {
    id: 'image',
    header: 'Image',
    width: 'minmax(150px, 1.8fr)',
    cell: (row) =>
      row.image ? (
        <Go to="/images" search={{ q: row.image }} className={classes.node} title={row.image}>
          <ImageText name={row.image} isShort />
        </Go>
      ) : (
        'not known yet'
      ),
  },
  {
    id: 'pod',
    header: 'Pod',
    width: 'minmax(130px, 1.4fr)',
    cell: (row) => {
      const name = [row.namespace, row.pod].filter(Boolean).join('/');
      return (
        <span className="truncate" title={name}>
          {name || '–'}
        </span>
      );
    },
  },
  {
    id: 'processes',
    header: 'Processes',
    width: '76px',
    align: 'right',
    sorts: ['-processes', 'processes'],
    cell: (row) => count(row.processes),
  },
  {
    id: 'events',
    header: 'Events/s',
    width: '72px',
    align: 'right',
    sorts: ['-events', 'events'],
    cell: (row) => rate(row.events),
  },
  {
    id: 'cpu',
    header: 'CPU',
    name: 'CPU, percent of one core',
    width: '62px',
    align: 'right',
    sorts: ['-cpu', 'cpu'],
    cell: (row) => cpu(row.cpu),
  },
  {
    id: 'alerts',
    header: 'Alerts',
    width: '58px',
    align: 'right',
    sorts: ['-alerts', 'alerts'],
    cell: (row) =>
      row.alerts > 0 ? (
        <Go
          to="/alerts"
          search={{ q: alertsOf(row) }}
          label={`${plural(row.alerts, 'alert')} of ${row.name}`}
        >
          {count(row.alerts)}
        </Go>
      ) : (
        0
      ),
  },
];

const VALUE: Record<string, (row: SensorContainer) => number | string> = {
  name: (row) => row.name,
  processes: (row) => row.processes,
  events: (row) => row.events,
  cpu: (row) => row.cpu,
  alerts: (row) => row.alerts,
};

export function Containers({ sensor }: { sensor: SensorDetail }) {
  const [search, set] = useUrl();
  const every = sensor.status.containers;
  const q = (search.q ?? '').toLowerCase();
  const sort = search.sort ?? '-events';
  const value = VALUE[sort.replace(/^-/, '')] ?? ((row: SensorContainer) => row.events);
  const sign = sort.startsWith('-') ? -1 : 1;
  const rows = every
    .filter((row) =>
      [row.name, row.image, row.namespace ?? '', row.pod ?? '', row.id].some((text) =>
        text.toLowerCase().includes(q),
      ),
    )
    .sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      const order = typeof x === 'string' ? x.localeCompare(String(y)) : Number(x) - Number(y);
      return order * sign || a.id.localeCompare(b.id);
    });
  const hidden = sensor.containers - every.length;
  return (
    <Panel
      title="Containers"
      aside={
        hidden > 0 ? `the busiest ${count(every.length)} of ${count(sensor.containers)}` : undefined
      }
    >
      {every.length === 0 ? (
        <p className={classes.quiet}>
          It sees no container on this node. What runs on the node itself is watched all the same.
        </p>
      ) : (
        <div className={classes.containers}>
          <SearchField
            label="Filter by container, image or pod"
            placeholder="Container, image or pod"
            value={search.q ?? ''}
            onChange={(next) => set({ q: next || undefined })}
          />
          {rows.length === 0 ? (
            <FilteredOut
              noun="container"
              hidden={every.length}
              onClear={() => set({ q: undefined })}
            />
          ) : (
            <DataTable
              label="Containers"
              noun="container"
              rows={rows}
              total={rows.length}
              columns={COLUMNS}
              rowKey={(row) => row.id}
              card={(row) => <Card row={row} />}
              sort={sort}
              onSort={(next) => set({ sort: next === '-events' ? undefined : next })}
              selected={search.sel}
              onSelect={(sel) => set({ sel })}
              minWidth={820}
            />
          )}
        </div>
      )}
    </Panel>
  );
}

function Card({ row }: { row: SensorContainer }) {
  return (
    <div className={classes.card}>
      <b>{row.name}</b>
      <ImageText name={row.image} isShort />
      <div className={classes.quiet}>
        {rate(row.events)} events/s · {cpu(row.cpu)} CPU ·{' '}
        {plural(row.processes, 'process', 'processes')}
        {row.alerts > 0 && (
          <>
            {' · '}
            <Go to="/alerts" search={{ q: alertsOf(row) }}>
              {plural(row.alerts, 'alert')}
            </Go>
          </>
        )}
      </div>
    </div>
  );
}
