// The nodes that are watched, how well, and what is lost.

import { IconCpu } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { EVERY_MS, type Sensor, sensors } from '../../api/sensors';
import { FilteredOut } from '../../components/Empty';
import { Go } from '../../components/Go';
import { keepEnvironment } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { Rows } from '../../components/Rows';
import { useScope, useUrl } from '../../components/url';
import { bytes, compact, count, plural } from '../../lib/format';
import { columnOf, sorted, type Value } from '../../lib/sort';
import { list, toggle } from '../../lib/url-state';
import { Blank } from '../../ui/Blank';
import type { Column } from '../../ui/DataTable';
import { Chip, Chips } from '../../ui/Filters';
import { Notice } from '../../ui/Notice';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import { className, cpu, HowToInstall, rate, STATE, STATES, StateMark } from './parts';
import classes from './sensors.module.css';

const COLUMNS: Column<Sensor>[] = [
  {
    id: 'node',
    header: 'Node',
    width: 'minmax(170px, 2fr)',
    fixed: true,
    sorts: ['node', '-node'],
    cell: (row) => (
      <Go to={`/sensors/${encodeURIComponent(row.node)}`} className={classes.node} title={row.node}>
        <span className="truncate">{row.node}</span>
      </Go>
    ),
  },
  {
    id: 'cluster',
    header: 'Cluster',
    width: 'minmax(90px, 1fr)',
    sorts: ['cluster', '-cluster'],
    cell: (row) => <span title={row.cluster ?? undefined}>{row.cluster ?? 'a host'}</span>,
  },
  {
    id: 'state',
    header: 'State',
    width: '92px',
    sorts: ['state', '-state'],
    cell: (row) => <StateMark sensor={row} />,
  },
  {
    id: 'kernel',
    header: 'Kernel',
    width: 'minmax(110px, 1.2fr)',
    cell: (row) => <span title={`${row.os}, ${row.architecture}`}>{row.kernel}</span>,
  },
  {
    id: 'cpu',
    header: 'CPU',
    name: 'CPU, percent of one core',
    width: '58px',
    align: 'right',
    sorts: ['-cpu', 'cpu'],
    cell: (row) => cpu(row.cpu),
  },
  {
    id: 'memory',
    header: 'Memory',
    name: 'Memory of its limit',
    width: '150px',
    align: 'right',
    sorts: ['-memory', 'memory'],
    cell: (row) => `${bytes(row.memory)} of ${bytes(row.memory_limit)}`,
  },
  {
    id: 'events',
    header: 'Events/s',
    name: 'Events a second',
    width: '68px',
    align: 'right',
    sorts: ['-events', 'events'],
    cell: (row) => (row.state === 'silent' ? '–' : rate(row.events)),
  },
  {
    id: 'dropped',
    header: 'Dropped',
    name: 'Events dropped since it started',
    width: '74px',
    align: 'right',
    sorts: ['-dropped', 'dropped'],
    cell: (row) =>
      row.dropped > 0 ? (
        <b className={classes.bad} title={`${count(row.dropped)} events since it started`}>
          {compact(row.dropped)}
        </b>
      ) : (
        0
      ),
  },
  {
    id: 'containers',
    header: 'Containers',
    width: '78px',
    align: 'right',
    sorts: ['-containers', 'containers'],
    cell: (row) => count(row.containers),
  },
  {
    id: 'version',
    header: 'Version',
    width: '66px',
    cell: (row) => row.version,
  },
  {
    id: 'seen',
    header: 'Heard of',
    width: '88px',
    sorts: ['-seen', 'seen'],
    cell: (row) => <Time at={row.last_seen} />,
  },
];

const VALUE: Record<string, (row: Sensor) => Value> = {
  node: (row) => row.node,
  cluster: (row) => row.cluster ?? '',
  state: (row) => STATES.indexOf(row.state),
  cpu: (row) => row.cpu,
  memory: (row) => row.memory,
  events: (row) => row.events,
  dropped: (row) => row.dropped,
  containers: (row) => row.containers,
  seen: (row) => Date.parse(row.last_seen),
};

function inOrder(rows: readonly Sensor[], sort: string): Sensor[] {
  const value = VALUE[columnOf(sort)] ?? ((row: Sensor) => row.node);
  return sorted(rows, sort, value, (row) => row.node);
}

export function SensorsPage() {
  const { environment, cluster } = useScope();
  const [search, set] = useUrl();
  const navigate = useNavigate();
  const query = useQuery(sensors.all(environment, EVERY_MS));
  const every = (query.data ?? []).filter((row) => !cluster || row.cluster === cluster);
  const states = list(search.state, STATES);
  const q = (search.q ?? '').toLowerCase();
  const isShown = (row: Sensor) =>
    (!cluster || row.cluster === cluster) &&
    (states.length === 0 || states.includes(row.state)) &&
    [row.node, row.cluster ?? '', row.kernel, row.version, row.os].some((text) =>
      text.toLowerCase().includes(q),
    );
  const sort = search.sort ?? 'state';
  const isFiltered = q !== '' || states.length > 0;
  const clear = () => set({ q: undefined, state: undefined });
  return (
    <Page title="Sensors" isFixed isNarrowed>
      {(query.data?.length ?? 0) > 0 && (
        <>
          <Toolbar label="Filter sensors">
            <SearchField
              label="Filter by node, cluster, kernel or version"
              placeholder="Node, cluster or kernel"
              value={search.q ?? ''}
              onChange={(next) => set({ q: next || undefined })}
            />
            <Chips label="State">
              {STATES.map((state) => (
                <Chip
                  key={state}
                  isOn={states.includes(state)}
                  onClick={() => set({ state: toggle(search.state, state, STATES) })}
                >
                  {STATE[state].word}
                  <span className="tabular">
                    {count(every.filter((row) => row.state === state).length)}
                  </span>
                </Chip>
              ))}
            </Chips>
          </Toolbar>
          <Losses rows={every} />
        </>
      )}
      <Rows
        label="Sensors"
        noun="sensor"
        query={query}
        rows={(answer: Sensor[]) => inOrder(answer.filter(isShown), sort)}
        columns={COLUMNS}
        rowKey={(row) => row.node}
        card={(row) => <Card sensor={row} />}
        sort={sort}
        onSort={(next) => set({ sort: next === 'state' ? undefined : next })}
        selected={search.sel}
        onSelect={(sel) => set({ sel })}
        onOpen={(row) =>
          navigate({
            to: '/sensors/$node',
            params: { node: row.node },
            search: keepEnvironment,
          } as never)
        }
        minWidth={1100}
        empty={
          isFiltered ? (
            <FilteredOut noun="sensor" hidden={every.length} onClear={clear} />
          ) : cluster && (query.data?.length ?? 0) > 0 ? (
            <FilteredOut
              noun="sensor"
              hidden={query.data?.length}
              onClear={() => set({ cluster: undefined, ns: undefined })}
            />
          ) : (
            <NoSensors />
          )
        }
      />
    </Page>
  );
}

/** What is lost now, before anybody looks for it. */
function Losses({ rows }: { rows: readonly Sensor[] }) {
  const silent = rows.filter((row) => row.state === 'silent');
  const shed = rows.filter((row) => row.shed.length > 0 && row.state !== 'silent');
  return (
    <>
      {silent.length > 0 && (
        <Notice
          tone="bad"
          title={
            silent.length === 1
              ? `${silent[0]?.node} is not watched`
              : `${silent.length} nodes are not watched`
          }
        >
          Nothing is heard of {silent.length === 1 ? 'its sensor' : 'their sensors'}. Look there
          whether it runs (<code>systemctl status seawall-sensor</code>, or the DaemonSet’s pod) and
          whether it reaches this server; what it sees meanwhile waits on its disk.
        </Notice>
      )}
      {shed.length > 0 && (
        <Notice
          tone="warn"
          title={`${plural(shed.length, 'sensor')} ${shed.length === 1 ? 'leaves' : 'leave'} something out for now`}
        >
          {shed
            .map((row) => `${row.node}: ${row.shed.map(className).join(', ').toLowerCase()}`)
            .join('; ')}
          . It stays within its processor budget that way; give it more with <code>--cpu</code>, or
          find what makes so many events.
        </Notice>
      )}
    </>
  );
}

function Card({ sensor }: { sensor: Sensor }) {
  return (
    <div className={classes.card}>
      <div className={classes.cardHead}>
        <Go to={`/sensors/${encodeURIComponent(sensor.node)}`} className={classes.node}>
          {sensor.node}
        </Go>
        <StateMark sensor={sensor} />
      </div>
      <div className={classes.quiet}>
        {sensor.cluster ?? 'a host'} · {plural(sensor.containers, 'container')} ·{' '}
        {rate(sensor.events)} events/s · {cpu(sensor.cpu)} of a core
        {sensor.dropped > 0 && <b className={classes.bad}> · {compact(sensor.dropped)} dropped</b>}
      </div>
      <div className={classes.quiet}>
        heard of <Time at={sensor.last_seen} />
      </div>
    </div>
  );
}

function NoSensors() {
  return (
    <Blank icon={<IconCpu size={32} stroke={1.4} aria-hidden />} title="No node is watched yet">
      <p>
        A sensor sees what runs on a node, in its containers and beside them, and tells of what
        looks like an attack.
      </p>
      <HowToInstall />
    </Blank>
  );
}
