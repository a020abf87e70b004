// What the audit log of the make-believe clusters says of its alerts: who,
// from where, what.

import type { ClusterAudit } from '../src/api/settings';
import type { AlertDetail, Finding, MuteProposal, RawEvent } from '../src/api/types';
import { TACTICS } from '../src/components/words';
import { term } from '../src/lib/query';
import { RULES } from './rules';
import { traceOf } from './trace';

/** Rules over the audit log; the others watch processes. */
interface Deed {
  verb: string;
  resource: string;
  subresource?: string;
  matrix: string[];
  harmless: string;
}

export const DEEDS: Record<string, Deed> = {
  'exec-into-pod': {
    verb: 'create',
    resource: 'pods',
    subresource: 'exec',
    matrix: ['MS-TA9006'],
    harmless: 'Somebody on call looks into a pod. Their name is in the request.',
  },
  'cluster-admin-bound': {
    verb: 'create',
    resource: 'clusterrolebindings',
    matrix: ['MS-TA9019'],
    harmless: 'A cluster is being set up, or an operator of the platform is installed.',
  },
  'secrets-listed': {
    verb: 'list',
    resource: 'secrets',
    matrix: ['MS-TA9025'],
    harmless: 'A backup tool, or a controller that was installed lately.',
  },
};

const AGENT = 'kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0';

/** What a list shows of it. */
export function briefOf(finding: Finding): Finding['alert'] {
  const deed = DEEDS[finding.rule];
  if (!deed) return undefined;
  const { principal, action, addresses } = contextOf(finding, deed);
  return {
    ...(principal ? { principal } : {}),
    ...(addresses?.[0] ? { address: addresses[0] } : {}),
    verb: deed.verb,
    object: action?.object ?? '',
  };
}

function contextOf(finding: Finding, deed: Deed): AlertDetail['context'] {
  const namespace = finding.asset.namespace ?? 'default';
  const isPerson = Number(finding.id.at(-1)) % 3 === 0;
  const account = finding.asset.workload?.split('/').at(-1) ?? 'default';
  const parts = [deed.resource, deed.subresource].filter(Boolean).join('/');
  return {
    principal: isPerson
      ? {
          name: 'anna@example.com',
          label: 'anna@example.com',
          kind: 'user',
          groups: ['platform', 'system:authenticated'],
          system: false,
        }
      : {
          name: `system:serviceaccount:${namespace}:${account}`,
          label: `${namespace}/${account}`,
          kind: 'service_account',
          groups: ['system:serviceaccounts', 'system:authenticated'],
          system: false,
        },
    addresses: [isPerson ? '198.51.100.24' : '10.42.3.17'],
    user_agent: AGENT,
    action: {
      verb: deed.verb,
      resource: deed.resource,
      ...(deed.subresource ? { subresource: deed.subresource } : {}),
      namespace,
      name: finding.asset.name,
      code: 200,
      decision: 'allow',
      object: `${parts} ${namespace}/${finding.asset.name}`,
    },
    ...(deed.resource === 'clusterrolebindings'
      ? {
          change: {
            new: {
              kind: 'ClusterRoleBinding',
              metadata: { name: `${account}-admin` },
              roleRef: { kind: 'ClusterRole', name: 'cluster-admin' },
              subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
            } as never,
          },
        }
      : {}),
  };
}

export function alertDetailOf(finding: Finding): AlertDetail | undefined {
  const deed = DEEDS[finding.rule];
  const tactic = finding.tactics?.[0] ?? 'execution';
  const number = TACTICS.findIndex((each) => each.slug === tactic) + 1;
  const stage = number > 0 ? { stage: { tactic, number, of: TACTICS.length } } : {};
  if (!deed) return finding.kind === 'alert' ? sensedOf(finding, stage) : undefined;
  return {
    context: contextOf(finding, deed),
    ...stage,
    matrix: deed.matrix,
    false_positives: deed.harmless,
    events: Math.min(finding.occurrences, 5),
    incidents: [],
  };
}

/** What a sensor says of an alert of processes. */
function sensedOf(finding: Finding, stage: Pick<AlertDetail, 'stage'>): AlertDetail | undefined {
  const evidence = RULES.find((each) => each.id === finding.rule)?.evidence;
  const { process } = (evidence ?? {}) as { process?: { command: string; user: string } };
  if (!process) return undefined;
  const { command, user } = process;
  return {
    context: { principal: { name: user, label: user, kind: 'local', groups: [], system: false } },
    ...stage,
    matrix: [],
    false_positives: '',
    events: 0,
    incidents: [],
    trace: traceOf(finding, command, user),
  };
}

export function eventsOf(finding: Finding): RawEvent[] {
  const detail = alertDetailOf(finding);
  if (!detail) return [];
  const { principal, action, addresses, user_agent } = detail.context;
  return Array.from({ length: detail.events }, (_, index) => ({
    time: new Date(Date.parse(finding.last_seen) - index * 40_000).toISOString(),
    event: {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Request',
      stage: 'ResponseComplete',
      verb: action?.verb,
      user: { username: principal?.name, groups: principal?.groups },
      sourceIPs: addresses,
      userAgent: user_agent,
      objectRef: {
        resource: action?.resource,
        subresource: action?.subresource,
        namespace: action?.namespace,
        name: action?.name,
      },
      responseStatus: { code: action?.code },
    } as never,
  }));
}

export function mutesOf(finding: Finding, count: (q: string) => number): MuteProposal[] {
  const who = finding.alert?.principal;
  const rule = term('rule', finding.rule);
  const { namespace } = finding.asset;
  const proposals: [string, string][] = [
    ...(who && namespace
      ? [
          [
            `This rule for ${who.label} in the namespace ${namespace}`,
            `${rule} ${term('user', who.name)} ${term('ns', namespace)}`,
          ] as [string, string],
        ]
      : []),
    ...(who
      ? [[`This rule for ${who.label}`, `${rule} ${term('user', who.name)}`] as [string, string]]
      : []),
    ...(namespace
      ? [
          [`This rule in the namespace ${namespace}`, `${rule} ${term('ns', namespace)}`] as [
            string,
            string,
          ],
        ]
      : []),
    ['This rule everywhere', rule],
  ];
  return proposals.map(([label, scope]) => ({ label, scope, open: count(scope) }));
}

const DAY_MS = 86_400_000;

/** How the logs of the make-believe clusters come in; the rate breathes. */
export function clustersOf(now: number): ClusterAudit[] {
  const spool = {
    bytes: 18_400_000,
    limit_bytes: 1_073_741_824,
    waiting: 3,
    lag_ms: 42,
    damaged: 0,
  };
  const at = (ms: number) => new Date(now - ms).toISOString();
  const of = (cluster: string, rate: number, more: Partial<ClusterAudit>): ClusterAudit => ({
    environment: 'local',
    cluster,
    first_seen: at(12 * DAY_MS),
    last_received: at(400),
    last_event: at(900),
    delay_ms: 180,
    events_per_second: rate * (1 + 0.2 * Math.sin(now / 4000)),
    requests: 48_210,
    bytes: 3_412_000_000,
    events: 2_931_077,
    alerts: 214,
    faults: [],
    refused: 0,
    sources: [],
    spool,
    ...more,
  });
  return [
    of('aks-prod-weu', 310, {
      faults: [
        { fault: 'duplicate', events: 1204, left_out: true },
        { fault: 'clock_skew', events: 31, left_out: false },
        { fault: 'too_large', events: 2, left_out: true },
      ],
      refused: 4,
      last_refusal: { at: at(2 * DAY_MS), reason: 'the spool was full' },
    }),
    of('onprem-fra', 12, {
      alerts: 9,
      events: 80_114,
      sources: [
        { name: 'file:/var/log/kubernetes/audit.log', since: at(3 * 3_600_000) },
        {
          name: 'eks:/aws/eks/reports/cluster',
          since: at(1_800_000),
          error: 'AccessDenied: logs:FilterLogEvents is not allowed for this role',
        },
      ],
    }),
  ];
}
