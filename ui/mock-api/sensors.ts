// The sensors of the make-believe nodes, and the drift policy they act by.

import type {
  DriftSettings,
  NewDriftSettings,
  Sensor,
  SensorClass,
  SensorContainer,
  SensorDetail,
  SensorFeature,
  SensorLoss,
} from '../src/api/sensors';
import type { Finding } from '../src/api/types';
import type { Estate, Place } from './estate';
import { hex } from './world';

const NODES: [
  node: string,
  cluster: string | undefined,
  health: 'good' | 'shed' | 'old' | 'gone',
][] = [
  ['build-host-01', undefined, 'good'],
  ['prod-eu-node-1', 'prod-eu', 'good'],
  ['prod-eu-node-2', 'prod-eu', 'shed'],
  ['prod-eu-node-3', 'prod-eu', 'good'],
  ['prod-us-node-1', 'prod-us', 'good'],
  ['prod-us-node-2', 'prod-us', 'gone'],
  ['staging-node-1', 'staging', 'old'],
];

const turnOf = (text: string) => Number.parseInt(hex(text, 6), 16);

const FEATURES: Record<'new' | 'old', SensorFeature[]> = {
  new: [
    { name: 'programs started', state: 'active', detail: 'tracepoint sched_process_exec' },
    { name: 'files', state: 'active', detail: 'LSM file_open, path_unlink, path_rename' },
    { name: 'network', state: 'active', detail: 'LSM socket_connect, fexit on inet_bind' },
    { name: 'names asked for', state: 'active', detail: 'cgroup skb, port 53' },
    { name: 'privilege', state: 'active', detail: 'LSM task_fix_setuid, capset' },
    { name: 'io_uring', state: 'active', detail: 'LSM file_open sees its file access too' },
    { name: 'stopping programs', state: 'active', detail: 'LSM bprm_check_security' },
  ],
  old: [
    { name: 'programs started', state: 'active', detail: 'tracepoint sched_process_exec' },
    { name: 'files', state: 'fallback', detail: 'system call tracepoints; no LSM in this kernel' },
    { name: 'network', state: 'fallback', detail: 'system call tracepoints' },
    { name: 'names asked for', state: 'active', detail: 'cgroup skb, port 53' },
    { name: 'privilege', state: 'fallback', detail: 'system call tracepoints' },
    {
      name: 'io_uring',
      state: 'absent',
      detail: 'needs LSM: start the kernel with lsm=…,bpf',
      lost: 'files opened through io_uring are not seen',
    },
    {
      name: 'stopping programs',
      state: 'fallback',
      detail: 'the program is killed as it starts',
      lost: 'its first instructions may have run before it is killed',
    },
  ],
};

const CLASSES: [name: string, rate: number][] = [
  ['process', 38],
  ['file', 212],
  ['network', 64],
  ['dns', 9],
  ['privilege', 1.4],
];

/** Containers of a cluster, spread over its nodes. */
function containersOf(estate: Estate, node: string, cluster: string | undefined, index: number) {
  const mine = estate.all.filter(
    ({ asset }) =>
      asset.asset.kind === 'container' &&
      !asset.gone &&
      asset.asset.cluster === (cluster ?? node) &&
      (cluster ? !!asset.asset.namespace : true),
  );
  const nodes = NODES.filter(([, each]) => each === cluster).length;
  return mine.filter((_, at) => !cluster || at % nodes === index);
}

const podOf = (place: Place): string | undefined =>
  place.parent?.asset.asset.kind === 'pod' ? place.parent.asset.asset.name : undefined;

export interface Sensors {
  all: (environment: string | null) => Sensor[];
  one: (node: string) => SensorDetail | undefined;
  forget: (node: string) => boolean;
  drift: () => DriftSettings;
  /** Nothing where somebody else was quicker. */
  saveDrift: (wanted: NewDriftSettings) => DriftSettings | undefined;
}

export function createSensors(estate: Estate, findings: () => Finding[], now: number): Sensors {
  const at = (seconds: number) => new Date(now - seconds * 1000).toISOString();
  let settings: DriftSettings = {
    environment: 'local',
    revision: 4,
    drift: {
      rules: [
        {
          name: 'The platform’s own agents',
          action: 'ignore',
          dry_run: false,
          namespaces: ['kube-system'],
        },
        {
          name: 'Shop, strictly',
          action: 'block',
          dry_run: false,
          clusters: ['prod-*'],
          namespaces: ['shop', 'billing'],
          allow: ['/tmp/hotfix/*'],
        },
        {
          name: 'Try blocking in search',
          action: 'block',
          dry_run: true,
          namespaces: ['search'],
        },
        {
          name: 'Gateways, wherever they run',
          action: 'alert',
          dry_run: false,
          images: ['*gateway*'],
          labels: ['tier=edge'],
        },
      ],
    },
    deny: { metadata: 'alert', sysctl: 'block' },
    changed: at(86_400 * 3),
    changed_by: 'chidi',
  };

  const detail = (line: (typeof NODES)[number]): SensorDetail => {
    const [node, cluster, health] = line;
    const index = NODES.filter(([, each]) => each === cluster).indexOf(line);
    const places = containersOf(estate, node, cluster, index);
    const containers = places.map(({ asset, ...place }): SensorContainer => {
      const turn = turnOf(`${node} ${asset.asset.id}`);
      const alerts = findings().filter(
        (each) => each.kind === 'alert' && each.asset.id === asset.asset.id,
      ).length;
      const pod = podOf({ asset, ...place });
      return {
        id: hex(`container ${asset.asset.id}`, 64),
        name: asset.asset.name,
        image: asset.image?.name ?? 'registry.example/unknown:latest',
        ...(asset.asset.namespace ? { namespace: asset.asset.namespace } : {}),
        ...(pod ? { pod } : {}),
        runtime: cluster ? 'containerd' : 'docker',
        processes: 1 + (turn % 14),
        events: (turn % 900) / 10,
        cpu: (turn % 380) / 10,
        alerts,
      };
    });
    const isLossy = health === 'shed';
    const breath = 1 + 0.25 * Math.sin(now / 4000 + index);
    const classes = CLASSES.map(([name, rate]): SensorClass => {
      const shed = isLossy && name === 'file';
      const delivered = Math.round(rate * 86_400 * 2.4);
      return {
        name,
        seen: delivered * 7,
        filtered: delivered * 6 - (shed ? 48_210 : 0),
        delivered,
        dropped: shed ? 48_210 : 0,
        rate: shed ? 0 : rate * breath,
        shed,
      };
    });
    const features = FEATURES[health === 'old' ? 'old' : 'new'];
    const gaps: SensorLoss[] = isLossy
      ? [
          {
            received: at(40),
            gap: {
              stage: 'governor',
              class: 'file',
              reason: 'the processor budget of 5 % was used up',
              count: 41_700,
              from: at(340),
              to: at(40),
            },
          },
          {
            received: at(9_000),
            gap: {
              stage: 'kernel',
              class: 'file',
              reason: 'the ring of bulk events was full',
              count: 6510,
              from: at(9_012),
              to: at(9_003),
            },
          },
        ]
      : health === 'gone'
        ? [
            {
              received: at(7_300),
              gap: {
                stage: 'spool',
                class: 'alert',
                reason: 'the disk is full: no room for the segment',
                count: 3,
                from: at(7_400),
                to: at(7_300),
              },
            },
          ]
        : [];
    const reasons = {
      good: [],
      old: [],
      shed: [
        '48,210 events were dropped since it started.',
        'Files are not looked at for now, to stay within the processor budget.',
      ],
      gone: ['Nothing was heard of it for 2 hours.'],
    }[health];
    const events = classes.reduce((sum, each) => sum + each.rate, 0);
    const cpu = isLossy ? 5 : 0.4 + (turnOf(node) % 20) / 10;
    const status = {
      version: health === 'old' ? '0.0.9' : '0.1.0',
      boot: hex(`boot ${node}`, 32),
      ...(cluster ? { cluster } : {}),
      kernel: health === 'old' ? '5.15.0-119-generic' : '6.12.48+deb13-amd64',
      architecture: 'x86_64',
      os: health === 'old' ? 'Ubuntu 22.04.5 LTS' : 'Debian GNU/Linux 13 (trixie)',
      started: at(86_400 * 2.4),
      cpu,
      memory: 31_000_000 + (turnOf(node) % 12_000_000),
      memory_limit: 64_000_000,
      spool: health === 'gone' ? 268_000_000 : 1_240_000,
      spool_limit: 268_435_456,
      processes: 180 + (turnOf(node) % 400),
      features,
      classes,
      containers,
      rules: 96,
      policy: '4',
      notes: isLossy ? ['Files are shed since 12:04, processor budget 5 %'] : [],
    };
    const { version, kernel, architecture, os, started } = status;
    return {
      environment: 'local',
      node,
      ...(cluster ? { cluster } : {}),
      state: { good: 'healthy', old: 'healthy', shed: 'degraded', gone: 'silent' }[
        health
      ] as Sensor['state'],
      reasons,
      version,
      kernel,
      architecture,
      os,
      started,
      first_seen: at(86_400 * 21),
      last_seen: health === 'gone' ? at(7_290) : at(2),
      cpu,
      memory: status.memory,
      memory_limit: status.memory_limit,
      spool: status.spool,
      spool_limit: status.spool_limit,
      processes: status.processes,
      containers: containers.length,
      rules: 96,
      events,
      dropped: classes.reduce((sum, each) => sum + each.dropped, 0),
      shed: isLossy ? ['file'] : [],
      policy_current: health !== 'gone',
      status,
      history: Array.from({ length: 120 }, (_, back) => {
        const time = (119 - back) * 30;
        const wave = 1 + 0.3 * Math.sin(back / 9 + index) + (turnOf(`${node} ${back}`) % 20) / 100;
        return {
          time: at(time + (health === 'gone' ? 7_290 : 2)),
          cpu: cpu * wave,
          memory: status.memory * (0.97 + (back % 7) / 200),
          spool: status.spool,
          events: events * wave,
          dropped: isLossy && back > 108 ? 3_480 : 0,
        };
      }),
      gaps,
    };
  };

  const forgotten = new Set<string>();
  const isKnown = () => estate.all.length > 0;
  return {
    all(environment) {
      if (!isKnown() || (environment && environment !== 'local')) return [];
      return NODES.filter(([node]) => !forgotten.has(node)).map((line) => {
        const { status, history, gaps, ...sensor } = detail(line);
        return sensor;
      });
    },
    one(node) {
      const isThere = isKnown() && !forgotten.has(node);
      const line = isThere ? NODES.find(([each]) => each === node) : undefined;
      return line && detail(line);
    },
    forget: (node) => !!forgotten.add(node),
    drift: () => settings,
    saveDrift(wanted) {
      if (wanted.revision !== settings.revision) return undefined;
      settings = {
        ...settings,
        revision: settings.revision + 1,
        drift: wanted.drift,
        deny: wanted.deny,
        changed: new Date().toISOString(),
        changed_by: 'anna',
      };
      return settings;
    },
  };
}
