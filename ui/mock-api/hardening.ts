// Policies, what admission decided by them, and clusters as their
// connectors tell of them.

import type { ClusterPosture, Workload, WorkloadDetail } from '../src/api/clusters';
import type {
  Admission,
  AdmissionDecision,
  NewPolicy,
  NewPolicySetting,
  Offender,
  Policy,
  PolicyDecisions,
  PolicyDetail,
  PolicyImpact,
  PolicyTest,
  PolicyTestResult,
  Verdict,
} from '../src/api/policies';
import type { Finding } from '../src/api/types';
import { EXAMPLE } from '../src/pages/policies/example';
import type { Estate, Place } from './estate';
import { nodesOf } from './nodes';
import type { Tools } from './platform';
import { SEEDS } from './policies';
import { RECOMMENDATIONS } from './rules';
import { hex, isOpen, tally } from './world';

const DAY = 86_400_000;
const turnOf = (text: string) => Number.parseInt(hex(text, 6), 16);

type Within = (id: string) => Finding[];
export interface Hardening {
  clusters: () => ClusterPosture[];
  route: (request: Request, url: URL, parts: string[]) => Promise<Response | undefined>;
}

export function createHardening(
  estate: Estate,
  all: () => Finding[],
  now: number,
  { json, page, problem }: Tools,
  { isEmpty, isReader }: { isEmpty: boolean; isReader: boolean },
): Hardening {
  const at = (ms: number) => new Date(now - ms).toISOString();
  const texts = new Map<string, string>();
  const settings = new Map<string, Policy['settings']>([
    [
      'pods-not-privileged',
      [
        {
          environment: 'local',
          cluster: null,
          action: 'deny',
          reason: 'Nothing needs it but the node agents, which are exempted.',
          changed: at(9 * DAY),
          changed_by: 'anna',
        },
      ],
    ],
  ]);
  const own: Policy[] = [];
  const workloads: [Place, string][] = estate.all
    .filter((place) => place.asset.asset.kind === 'workload' && place.asset.asset.cluster)
    .map((place) => [place, place.asset.asset.name === 'agent' ? 'DaemonSet' : 'Deployment']);

  const decisions: AdmissionDecision[] = isEmpty ? [] : decided();
  function decided(): AdmissionDecision[] {
    const rows: AdmissionDecision[] = [];
    for (let index = 0; index < 140; index += 1) {
      const [place, kind] = workloads[turnOf(`decision ${index}`) % workloads.length] ?? [];
      const seed = SEEDS[turnOf(`policy ${index}`) % SEEDS.length];
      if (!place || !seed || seed[5] === 'off') continue;
      const asset = place.asset.asset;
      const verdict: Verdict =
        asset.namespace === 'kube-system'
          ? 'exempted'
          : ({ deny: 'denied', warn: 'warned', audit: 'audited', off: 'audited' } as const)[
              seed[5]
            ];
      rows.push({
        id: hex(`decision id ${index}`, 16),
        environment: 'local',
        cluster: asset.cluster ?? '',
        decision: {
          uid: hex(`decision uid ${index}`, 32),
          time: at(index * 61_000 * (1 + (index % 7)) + 30_000),
          verdict,
          operation: index % 3 === 0 ? 'UPDATE' : 'CREATE',
          group: 'apps',
          kind: kind ?? 'Deployment',
          namespace: asset.namespace ?? '',
          name: asset.name,
          workload: `${kind}/${asset.name}`,
          user:
            ['system:serviceaccount:argocd:controller', 'anna@example.org', 'ci-deployer'][
              index % 3
            ] ?? '',
          images: [`registry.example/${asset.namespace}/${asset.name}:2.${index % 9}`],
          took_us: 700 + (turnOf(`took ${index}`) % 3000),
          violations: [
            {
              policy: seed[0],
              constraint: seed[0],
              verdict,
              message: `container ${asset.name} of ${kind} ${asset.name}: ${seed[3].toLowerCase()}`,
              container: asset.name,
              patch: [
                { op: 'add', path: '/spec/containers/0/securityContext/privileged', value: false },
              ] as never,
              ...(verdict === 'exempted' ? { exemption: hex('exemption 0', 12) } : {}),
            },
          ],
        },
      });
    }
    return rows.sort((a, b) => b.decision.time.localeCompare(a.decision.time));
  }

  const count = (rows: readonly AdmissionDecision[]): PolicyDecisions => {
    const of = (verdict: Verdict) => rows.filter((row) => row.decision.verdict === verdict).length;
    return {
      denied: of('denied'),
      warned: of('warned'),
      audited: of('audited'),
      exempted: of('exempted'),
    };
  };
  const about = (id: string) =>
    decisions.filter((row) => row.decision.violations?.some((each) => each.policy === id));
  const offendersOf = (rows: readonly AdmissionDecision[]): Offender[] => {
    const by = new Map<string, AdmissionDecision[]>();
    for (const row of rows) {
      const { namespace, workload } = row.decision;
      const key = `${row.cluster} ${namespace} ${workload} ${row.decision.violations?.[0]?.policy}`;
      by.set(key, [...(by.get(key) ?? []), row]);
    }
    return [...by.values()]
      .map((mine): Offender => {
        const [first] = mine as [AdmissionDecision];
        return {
          environment: first.environment,
          cluster: first.cluster,
          namespace: first.decision.namespace ?? '',
          object: first.decision.workload ?? '',
          user: first.decision.user,
          policy: first.decision.violations?.[0]?.policy ?? '',
          decisions: count(mine),
          last: first.decision.time,
        };
      })
      .sort(
        (a, b) =>
          b.decisions.denied - a.decisions.denied || b.decisions.warned - a.decisions.warned,
      )
      .slice(0, 10);
  };

  const built = (): Policy[] =>
    SEEDS.map(([id, group, kind, title, severity, action]) => {
      const said = settings.get(id) ?? [];
      return {
        id,
        title,
        origin: 'built_in',
        form: 'template',
        group,
        severity,
        kind,
        asset: group === 'rbac' ? 'role' : id.startsWith('network') ? 'namespace' : 'workload',
        by_default: action === 'off' ? 'off' : 'audit',
        action: said[0]?.action ?? action,
        settings: said,
        violations: isEmpty ? 0 : turnOf(id) % 37,
        decisions: count(about(id)),
      };
    });
  const every = () => [...own, ...built()];

  const detailOf = (policy: Policy): PolicyDetail => {
    const rule = RECOMMENDATIONS[turnOf(policy.id) % RECOMMENDATIONS.length];
    return {
      policy,
      description: rule?.description ?? policy.title,
      why: rule?.why ?? '',
      steps: rule?.steps ?? [],
      effort: 'moderate',
      checked_by: 'The pod that a workload makes is judged, in audit and at admission alike.',
      controls: rule?.controls ?? [],
      techniques: rule?.techniques ?? [],
      references: ['https://kubernetes.io/docs/concepts/security/pod-security-standards/'],
      azure: [],
      text: texts.get(policy.id) ?? EXAMPLE,
      parameters_schema: { type: 'object', properties: { allowed: { type: 'array' } } } as never,
      parameters: { allowed: [] } as never,
      offenders: offendersOf(about(policy.id)),
      ...(policy.origin === 'custom' ? { revision: 1, changed: at(0), changed_by: 'anna' } : {}),
    };
  };

  const impactOf = (id: string): PolicyImpact => {
    const isOff = every().find((each) => each.id === id)?.action === 'off';
    const rows = isOff ? [] : about(id);
    const running = isEmpty ? 0 : turnOf(`running ${id}`) % 9;
    return {
      days: 7,
      requests: rows.length,
      denied: count(rows).denied,
      objects: new Set(rows.map((row) => row.decision.workload)).size,
      is_watched: !isEmpty && !isOff,
      unwatched: isOff ? clusters().map((each) => each.cluster) : [],
      is_other: false,
      basis: isEmpty ? 'nothing' : isOff ? 'trial' : 'findings',
      judged: isOff ? 41 : 0,
      is_partial: false,
      offenders: offendersOf(rows),
      running,
      examples: all()
        .filter((each) => each.kind === 'misconfiguration' && isOpen(each) && each.asset.workload)
        .slice(0, Math.min(running, 3))
        .map((each) => ({
          ...(isOff ? {} : { finding: each.id }),
          cluster: each.asset.cluster ?? '',
          namespace: each.asset.namespace ?? '',
          workload: each.asset.workload ?? '',
          summary: each.summary ?? '',
        })),
      exempted: 1,
    };
  };

  const attempt = (wanted: PolicyTest): PolicyTestResult => {
    if (!/kind:/.test(wanted.text))
      return {
        problems: [
          {
            document: '1',
            kind: '',
            name: '',
            message: 'it has no kind: begin with apiVersion and kind',
          },
        ],
        judged: 0,
        is_partial: false,
        against: 0,
        violations: [],
        changes: [],
      };
    const some = workloads.slice(0, 3);
    return {
      problems: [],
      judged: workloads.length,
      is_partial: false,
      against: some.length,
      violations: some.map(([place, kind]) => ({
        cluster: place.asset.asset.cluster ?? '',
        namespace: place.asset.asset.namespace ?? '',
        object: `${kind}/${place.asset.asset.name}`,
        constraint: 'owner-label',
        message: `${kind} ${place.asset.asset.name} has no label owner`,
        patch: [{ op: 'add', path: '/metadata/labels/owner', value: 'TEAM' }] as never,
      })),
      changes: [],
    };
  };

  const admissions = (): Admission[] =>
    isEmpty
      ? []
      : ['prod-eu', 'prod-us'].flatMap((cluster, index) =>
          [0, 1].map((replica) => ({
            environment: 'local',
            cluster,
            last_seen: at(index === 1 && replica === 1 ? 14 * 60_000 : 4000),
            is_silent: index === 1 && replica === 1,
            is_current: true,
            status: {
              replica: `seawall-admission-${hex(`${cluster} ${replica}`, 5)}`,
              version: '0.1.0',
              bundle: hex('bundle', 12),
              audit_only: false,
              fail: 'open',
              requests: 48_210 + 977 * replica,
              denied: count(decisions).denied,
              failed: 0,
              dropped: 0,
              p50_us: 1400,
              p99_us: 6200,
              certificate_ends: new Date(now + 17 * 3_600_000).toISOString(),
              problems: [],
            },
          })),
        );

  /** Findings by each place they are in or below, in one pass. */
  const placed = () => {
    const by = new Map<string, Finding[]>();
    for (const each of all())
      for (let up = estate.byId.get(each.asset.id); up; up = up.parent) {
        const { id } = up.asset.asset;
        const mine = by.get(id);
        if (mine) mine.push(each);
        else by.set(id, [each]);
      }
    return (id: string) => by.get(id) ?? [];
  };
  const clusters = (within = placed()): ClusterPosture[] =>
    isEmpty
      ? []
      : estate.all
          .filter((place) => place.asset.asset.kind === 'cluster')
          .map((place) => {
            const { name, id } = place.asset.asset;
            const mine = workloads.filter(([each]) => each.asset.asset.cluster === name);
            const silent = name === 'staging';
            return {
              environment: 'local',
              cluster: name,
              first_seen: at(40 * DAY),
              last_seen: at(silent ? 50 * 60_000 : 3000),
              silent,
              status: {
                version: '0.1.0',
                kubernetes: 'v1.35.2',
                started: at(3 * DAY),
                synced: true,
                objects: mine.length * 6,
                to_judge: 0,
                to_send: 0,
                lag_ms: 240,
                policies: SEEDS.length,
                watches: [
                  'pods',
                  'deployments.apps',
                  'services',
                  'roles.rbac.authorization.k8s.io',
                ].map((resource) => ({
                  resource,
                  objects: mine.length,
                  synced: true,
                  restarts: 0,
                })),
                problems:
                  name === 'prod-us'
                    ? [
                        {
                          about: 'networkpolicies.networking.k8s.io',
                          message: 'the connector may not list them.',
                          mend: 'Give its ClusterRole list and watch of networkpolicies.',
                        },
                      ]
                    : [],
              },
              nodes: 3,
              namespaces: place.children.filter((each) => each.asset.asset.kind === 'namespace')
                .length,
              workloads: mine.length,
              pods: mine.reduce((sum, [each]) => sum + each.children.length, 0),
              judged: mine.length,
              affected: mine.filter(([each]) => within(each.asset.asset.id).some(isOpen)).length,
              counts: tally(within(id)),
            };
          });

  const workloadOf = (within: Within, [place, kind]: [Place, string]): Workload => {
    const { asset } = place.asset;
    const findings = within(asset.id).filter(isOpen);
    const says = new Set(
      findings.filter((each) => each.kind === 'misconfiguration').map((each) => each.rule),
    );
    return {
      id: asset.id,
      environment: 'local',
      cluster: asset.cluster ?? '',
      key: { group: 'apps', kind, namespace: asset.namespace ?? '', name: asset.name },
      asset,
      judged: SEEDS.length,
      violated: says.size,
      counts: tally(findings),
      pods: place.children.length,
      changed: at(turnOf(asset.id) % (9 * DAY)),
    };
  };

  const workloadDetail = (row: [Place, string]): WorkloadDetail => {
    const [place] = row;
    const { asset } = place.asset;
    const within = placed();
    const findings = within(asset.id).filter(isOpen);
    const image = place.children[0]?.children[0]?.asset.image;
    return {
      workload: workloadOf(within, row),
      findings: findings.filter((each) => each.kind === 'misconfiguration'),
      healthy: SEEDS.slice(3).map(([id]) => id),
      images: [
        {
          container: asset.name,
          name: image?.name ?? `registry.example/${asset.namespace}/${asset.name}:1.4`,
          ...(image
            ? {
                image,
                vulnerabilities: tally(all().filter((each) => each.asset.id === image.id)),
              }
            : {}),
        },
      ],
      pods: place.children.map((pod, index) => ({
        name: pod.asset.asset.name,
        node: `${asset.cluster}-node-${(index % 3) + 1}`,
        phase: 'Running',
        address: `10.1.${index}.${turnOf(pod.asset.asset.id) % 250}`,
        containers: [],
      })),
      exposure:
        asset.name === 'web' || asset.name === 'storefront'
          ? [
              { by: 'service', name: asset.name, reach: 'outside', ports: ['443/TCP → 8443'] },
              { by: 'ingress', name: 'shop.example.org', reach: 'outside', ports: ['/'] },
            ]
          : [{ by: 'service', name: asset.name, reach: 'cluster', ports: ['80/TCP → 8080'] }],
      network_policies: asset.namespace === 'billing' ? ['default-deny'] : [],
      service_account: {
        name: asset.name,
        mounted: true,
        rights:
          asset.name === 'scheduler'
            ? [
                {
                  binding: 'ClusterRoleBinding/scheduler',
                  role: 'ClusterRole/job-runner',
                  namespace: '',
                  verbs: ['create', 'delete'],
                  resources: ['jobs.batch'],
                },
              ]
            : [],
      },
      alerts: findings.filter((each) => each.kind === 'alert'),
    };
  };

  const route = async (
    request: Request,
    url: URL,
    [noun = '', name = '', part = '']: string[],
  ): Promise<Response | undefined> => {
    const query = url.searchParams;
    const forbidden = () =>
      problem(403, 'forbidden', 'this needs the role security admin', url.pathname);
    const missing = (what: string) =>
      problem(404, 'not_found', `there is no such ${what}`, url.pathname);
    if (noun === 'policies' && !name) {
      if (request.method !== 'POST') return json(every());
      if (isReader) return forbidden();
      const wanted = (await request.json()) as NewPolicy;
      const result = attempt({ text: wanted.text } as PolicyTest);
      if (result.problems.length > 0)
        return problem(422, 'invalid_policy', result.problems[0]?.message ?? '', url.pathname);
      const kind = /names: \{kind: (\w+)\}/.exec(wanted.text)?.[1] ?? 'OwnerLabel';
      const policy: Policy = {
        id: kind.toLowerCase(),
        title: wanted.title ?? kind,
        origin: 'custom',
        form: 'template',
        group: '',
        severity: wanted.severity ?? 'medium',
        kind,
        asset: 'workload',
        by_default: 'audit',
        action: 'audit',
        settings: [],
        violations: 0,
        decisions: count([]),
        environment: 'local',
      };
      own.splice(0, own.length, ...own.filter((each) => each.id !== policy.id), policy);
      texts.set(policy.id, wanted.text);
      return json(detailOf(policy), 201);
    }
    if (noun === 'policies' && name === 'test')
      return json(attempt((await request.json()) as PolicyTest));
    if (noun === 'policies') {
      const policy = every().find((each) => each.id === name);
      if (!policy) return missing('policy');
      if (part === 'impact') return json(impactOf(name));
      if (request.method === 'DELETE') {
        if (isReader) return forbidden();
        own.splice(0, own.length, ...own.filter((each) => each.id !== name));
        return new Response(null, { status: 204 });
      }
      if (part === 'setting') {
        if (isReader) return forbidden();
        const wanted = (await request.json()) as NewPolicySetting;
        const others = (settings.get(name) ?? []).filter(
          (each) => (each.cluster ?? undefined) !== (wanted.cluster ?? undefined),
        );
        settings.set(
          name,
          wanted.action
            ? [
                ...others,
                {
                  environment: wanted.environment ?? 'local',
                  ...(wanted.cluster ? { cluster: wanted.cluster } : {}),
                  action: wanted.action,
                  ...(wanted.parameters ? { parameters: wanted.parameters } : {}),
                  ...(wanted.scope ? { scope: wanted.scope } : {}),
                  reason: wanted.reason ?? '',
                  changed: at(0),
                  changed_by: 'anna',
                },
              ]
            : others,
        );
        return json(detailOf(every().find((each) => each.id === name) ?? policy));
      }
      return json(detailOf(policy));
    }
    if (noun === 'decisions' && name === 'offenders') return json(offendersOf(decisions));
    if (noun === 'decisions') {
      const q = (query.get('q') ?? '').toLowerCase();
      const verdicts = (query.get('verdict') ?? '').split(',').filter(Boolean);
      return page(
        decisions.filter(
          ({ cluster, decision }) =>
            (!query.get('cluster') || cluster === query.get('cluster')) &&
            (!query.get('namespace') || decision.namespace === query.get('namespace')) &&
            (verdicts.length === 0 || verdicts.includes(decision.verdict)) &&
            (!query.get('policy') ||
              decision.violations?.some((each) => each.policy === query.get('policy'))) &&
            [
              decision.name,
              decision.workload,
              decision.user,
              decision.violations?.[0]?.message,
            ].some((text) => (text ?? '').toLowerCase().includes(q)),
        ),
        query,
      );
    }
    if (noun === 'admissions') return json(admissions());
    if (noun === 'clusters' && part === 'workloads') {
      const id = url.pathname.split('/').at(-1) ?? '';
      const mine = workloads.filter(([place]) => place.asset.asset.cluster === name);
      if (id !== 'workloads') {
        const found = mine.find(([place]) => place.asset.asset.id === decodeURIComponent(id));
        return found ? json(workloadDetail(found)) : missing('workload');
      }
      const within = placed();
      const q = (query.get('q') ?? '').toLowerCase();
      const ns = query.get('namespace');
      return page(
        mine
          .map((row) => workloadOf(within, row))
          .filter(
            (row) =>
              row.key.name.includes(q) &&
              (!ns || row.key.namespace === ns) &&
              (!query.get('affected') || row.violated > 0),
          ),
        query,
      );
    }
    if (noun === 'clusters' && part === 'nodes') return json(nodesOf(name, at));
    if (noun === 'clusters' && part === 'objects') {
      const id = url.pathname.split('/').at(-1) ?? '';
      const found = workloads.find(([place]) => place.asset.asset.id === decodeURIComponent(id));
      if (!found) return missing('object');
      const { key, environment, cluster, changed } = workloadOf(placed(), found);
      return json({
        object: { id, environment, cluster, key, version: 'v1', has_text: true, changed },
        body: {
          apiVersion: 'apps/v1',
          kind: key.kind,
          metadata: { name: key.name, namespace: key.namespace },
        },
      });
    }
    return undefined;
  };
  return { clusters: () => clusters(), route };
}
