// Incidents and rules of the make-believe world, made of its alerts.

import type {
  Incident,
  IncidentChange,
  IncidentDetail,
  IncidentRef,
  NewRuleSwitch,
  Rule,
  RuleDetail,
} from '../src/api/detection';
import type { Finding, Severity } from '../src/api/types';
import { TACTICS } from '../src/components/words';
import { term } from '../src/lib/query';
import { DEEDS } from './audit';
import { flag, words } from './lists';
import { ALERTS } from './rules';
import { hex, isOpen, RANK, tally } from './world';

const ME = 'anna';
const HOUR_MS = 3_600_000;
const turnOf = (text: string) => Number.parseInt(hex(text, 6), 16);
const time = () => new Date().toISOString();
const pascal = (id: string) =>
  id.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
const inOrder = (slugs: Iterable<string>) => {
  const known = new Set(slugs);
  return TACTICS.map((each) => each.slug).filter((slug) => known.has(slug));
};
const RAISED: Record<string, Severity> = { high: 'critical', medium: 'high', low: 'medium' };

/** What people did to incidents and rules; the rest follows from alerts. */
export interface Detection {
  incidents: (query: URLSearchParams) => Incident[];
  counts: (query: URLSearchParams) => Record<string, unknown>;
  incident: (id: string) => IncidentDetail | undefined;
  change: (id: string, change: Partial<IncidentChange>) => IncidentDetail | undefined;
  /** Those a finding is part of. */
  incidentsOf: (finding: Finding) => IncidentRef[];
  rules: (query: URLSearchParams) => Rule[];
  rule: (id: string, query: URLSearchParams) => RuleDetail | undefined;
  switch: (id: string, wanted: NewRuleSwitch) => RuleDetail | undefined;
}

export function createDetection(all: () => Finding[], now: number): Detection {
  const changed = new Map<string, Partial<Incident>>();
  const histories = new Map<string, IncidentDetail['history']>();
  const switches = new Map<string, RuleDetail['switches']>();

  /** Alerts of one workload, where there are several. */
  const gathered = (): Map<string, Finding[]> => {
    const by = new Map<string, Finding[]>();
    for (const each of all()) {
      const { cluster, namespace, workload, environment } = each.asset;
      if (each.kind !== 'alert' || !cluster || !workload) continue;
      const key = [environment, cluster, namespace, workload].join(' ');
      by.set(key, [...(by.get(key) ?? []), each]);
    }
    return new Map([...by].filter(([, alerts]) => alerts.length > 2));
  };

  const incidentOf = (key: string, alerts: Finding[]): Incident => {
    const id = hex(`incident ${key}`, 26);
    const [environment = 'local', cluster, namespace, workload] = key.split(' ');
    const worst = [...alerts].sort((a, b) => (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9))[0]
      ?.severity as Severity;
    const tactics = inOrder(alerts.flatMap((each) => each.tactics ?? []));
    const techniques = [...new Set(alerts.flatMap((each) => each.techniques ?? []))];
    const principals = new Map(
      alerts.flatMap((each) =>
        each.alert?.principal ? [[each.alert.principal.name, each.alert.principal] as const] : [],
      ),
    );
    const seen = alerts.map((each) => each.last_seen).sort();
    const who = [...principals.values()][0]?.label;
    return {
      id,
      title: `${techniques.length} techniques ${who ? `by ${who}` : `on ${workload}`} in cluster ${cluster}`,
      severity: tactics.length >= 3 ? (RAISED[worst] ?? worst) : worst,
      worst,
      state: 'open',
      environment,
      ...(cluster ? { cluster } : {}),
      tactics,
      techniques,
      principals: [...principals.values()],
      workloads: [`${namespace}/${workload}`],
      alerts: alerts.length,
      events: alerts.reduce((sum, each) => sum + each.occurrences, 0),
      first_seen: alerts.map((each) => each.first_seen).sort()[0] ?? time(),
      last_seen: seen.at(-1) ?? time(),
      opened: seen[0] ?? time(),
      ...(turnOf(key) % 4 === 0 ? { state: 'acknowledged' as const, assignee: 'bo' } : {}),
      ...changed.get(id),
    };
  };

  const pairs = () =>
    [...gathered()].map(([key, alerts]) => ({ incident: incidentOf(key, alerts), alerts }));

  const meant = (query: URLSearchParams, states: string[]) => {
    const severities = words(query.get('severity'));
    const q = query.get('q')?.toLowerCase();
    return pairs()
      .map((each) => each.incident)
      .filter(
        (each) =>
          (!query.get('environment') || each.environment === query.get('environment')) &&
          (!query.get('cluster') || each.cluster === query.get('cluster')) &&
          states.includes(each.state) &&
          (severities.length === 0 || severities.includes(each.severity)) &&
          (!q ||
            [each.title, ...each.workloads, ...each.principals.map((p) => p.name)]
              .join(' ')
              .toLowerCase()
              .includes(q)),
      );
  };

  const graphOf = (alerts: Finding[]): IncidentDetail['graph'] => {
    const nodes = new Map<string, IncidentDetail['graph']['nodes'][number]>();
    const edges = new Map<string, IncidentDetail['graph']['edges'][number]>();
    const node = (
      kind: IncidentDetail['graph']['nodes'][number]['kind'],
      label: string,
      q: string,
      severity: Severity,
    ) => {
      const id = `${kind} ${label}`;
      const known = nodes.get(id);
      const isWorse = !known || (RANK[severity] ?? 9) < (RANK[known.severity] ?? 9);
      if (isWorse) nodes.set(id, { id, kind, label, q, severity });
      return id;
    };
    const edge = (from: string, to: string, label: string, severity: Severity) => {
      const known = edges.get(`${from} ${to}`);
      edges.set(`${from} ${to}`, {
        from,
        to,
        label: known?.label ?? label,
        alerts: (known?.alerts ?? 0) + 1,
        severity: known?.severity ?? severity,
      });
    };
    for (const each of alerts) {
      const { principal, address, verb = '', object = '' } = each.alert ?? {};
      const workload = node(
        'workload',
        `${each.asset.namespace}/${each.asset.workload}`,
        term('workload', each.asset.workload ?? ''),
        each.severity,
      );
      if (!principal) continue;
      const who = node('principal', principal.label, term('user', principal.name), each.severity);
      if (address)
        edge(
          node('address', address, term('source_ip', address), each.severity),
          who,
          'came as',
          each.severity,
        );
      const isPod = object?.startsWith('pods');
      const target = isPod
        ? workload
        : node('object', object ?? '', term('rule', each.rule), each.severity);
      edge(who, target, verb ?? '', each.severity);
    }
    return { nodes: [...nodes.values()], edges: [...edges.values()], more: 0 };
  };

  const detailOf = (id: string): IncidentDetail | undefined => {
    const found = pairs().find((each) => each.incident.id === id);
    if (!found) return undefined;
    const { incident } = found;
    const alerts = [...found.alerts].sort((a, b) => a.first_seen.localeCompare(b.first_seen));
    return {
      incident,
      timeline: alerts.map((finding) => ({
        finding,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        events: finding.occurrences,
      })),
      kill_chain: incident.tactics.map((tactic) => {
        const mine = alerts.filter((each) => each.tactics?.includes(tactic));
        return { tactic, alerts: mine.length, first_seen: mine[0]?.first_seen ?? time() };
      }),
      graph: graphOf(alerts),
      history: [
        ...(histories.get(id) ?? []),
        { id: 1, time: incident.opened, what: 'opened', text: 'Opened by the second alert' },
      ],
    };
  };

  const rulesOf = (environment: string | null): Rule[] =>
    ALERTS.map((rule): Rule => {
      const mine = all().filter(
        (each) => each.rule === rule.id && (!environment || each.asset.environment === environment),
      );
      const own = switches.get(rule.id) ?? [];
      const off = own.filter((each) => !each.enabled).map((each) => each.environment);
      const isAudit = Object.hasOwn(DEEDS, rule.id);
      return {
        id: rule.id,
        title: rule.title,
        source: isAudit ? 'k8s_audit' : 'syscall',
        ...(isAudit || turnOf(rule.id) % 3 === 0 ? {} : { on_host: `VM_${pascal(rule.id)}` }),
        origin: 'built_in',
        severity: rule.severity,
        maturity: rule.severity === 'info' ? 'incubating' : 'stable',
        tactics: rule.tactics,
        techniques: rule.techniques,
        matrix: DEEDS[rule.id]?.matrix ?? [],
        enabled: !off.some((each) => !environment || each === environment),
        by_default: true,
        disabled_in: off,
        cases: 3 + (turnOf(rule.id) % 4),
        open: mine.filter(isOpen).length,
        hits: mine.reduce((sum, each) => sum + each.occurrences, 0),
        ...(mine.length > 0
          ? {
              last_hit:
                mine
                  .map((each) => each.last_seen)
                  .sort()
                  .at(-1) ?? time(),
            }
          : {}),
      };
    });

  const ruleOf = (id: string, query: URLSearchParams): RuleDetail | undefined => {
    const rule = rulesOf(query.get('environment')).find((each) => each.id === id);
    const written = ALERTS.find((each) => each.id === id);
    if (!rule || !written) return undefined;
    const deed = DEEDS[id];
    const event = deed
      ? { verb: deed.verb, objectRef: { resource: deed.resource, namespace: 'shop' } }
      : { 'proc.name': 'sh', 'container.id': '4f0c1a2b3c4d' };
    return {
      rule,
      description: written.description,
      why: written.why,
      steps: written.steps,
      false_positives: deed?.harmless ?? '',
      references: ['https://attack.mitre.org/'],
      condition: deed
        ? `ka.verb = ${deed.verb} and ka.target.resource = ${deed.resource}\nand not audit_builtin`
        : 'spawned_process and container\nand shell_procs and proc.tty != 0',
      output: deed
        ? '%ka.user.name did %ka.verb on %ka.target.resource %ka.target.name'
        : 'A shell was started in a container (command=%proc.cmdline)',
      tags: ['k8s', ...rule.tactics.map((each) => `mitre_${each.replaceAll('-', '_')}`)],
      file: `content/rules/${deed ? 'audit' : 'runtime'}/${rule.tactics[0]}/${id}.yaml:1`,
      cases: Array.from({ length: rule.cases }, (_, index) => ({
        name: ['as it is done', 'by the control plane', 'refused', 'in another namespace'][
          index % 4
        ] as string,
        matches: index % 2 === 0,
        events: [event as never],
      })),
      switches: switches.get(id) ?? [],
      exempted: all().filter((each) => each.rule === id && each.state === 'exempted').length,
      days: Array.from({ length: 30 }, (_, index) => ({
        day: new Date(now - (29 - index) * 24 * HOUR_MS).toISOString().slice(0, 10),
        hits: turnOf(`${id} ${index}`) % (rule.hits > 0 ? 9 : 1),
      })).filter((each) => each.hits > 0),
    };
  };

  return {
    incidents(query) {
      const states = words(query.get('state'));
      const wanted = states.length > 0 ? states : ['open', 'acknowledged'];
      const byTime = (a: Incident, b: Incident) => b.last_seen.localeCompare(a.last_seen);
      return meant(query, wanted).sort((a, b) =>
        query.get('sort') === '-last_seen'
          ? byTime(a, b)
          : (RANK[a.severity] ?? 9) - (RANK[b.severity] ?? 9) || byTime(a, b),
      );
    },
    counts(query) {
      const of = (state: string) => meant(query, [state]);
      return {
        severities: tally([...of('open'), ...of('acknowledged')] as never),
        open: of('open').length,
        acknowledged: of('acknowledged').length,
        closed: of('closed').length,
      };
    },
    incident: detailOf,
    incidentsOf: (finding) =>
      pairs()
        .filter((each) => each.alerts.some((alert) => alert.id === finding.id))
        .map(({ incident: { id, title, severity, state } }) => ({ id, title, severity, state })),
    change(id, change) {
      if (!detailOf(id)) return undefined;
      const { state, reason, note, assignee } = change;
      changed.set(id, {
        ...changed.get(id),
        ...(state ? { state, decided_by: ME, decided: time() } : {}),
        ...(reason ? { reason } : {}),
        ...(note && state ? { note } : {}),
        ...(assignee ? { assignee: assignee === 'none' ? null : assignee } : {}),
      });
      const text = state
        ? `${state[0]?.toUpperCase()}${state.slice(1)}${note ? `: ${note}` : ''}`
        : assignee
          ? `Assigned to ${assignee}`
          : (note ?? '');
      const what = state === 'open' ? 'reopened' : (state ?? (assignee ? 'assigned' : 'commented'));
      const known = histories.get(id) ?? [];
      histories.set(id, [
        { id: known.length + 2, time: time(), actor: ME, what: what as 'closed', text },
        ...known,
      ]);
      return detailOf(id);
    },
    rules(query) {
      const q = query.get('q')?.toLowerCase();
      const severities = words(query.get('severity'));
      return rulesOf(query.get('environment')).filter(
        (rule) =>
          (!q || `${rule.id} ${rule.title}`.toLowerCase().includes(q)) &&
          (severities.length === 0 || severities.includes(rule.severity)) &&
          (!query.get('source') || rule.source === query.get('source')) &&
          (!query.get('tactic') || rule.tactics.includes(query.get('tactic') ?? '')) &&
          (!query.get('technique') || rule.techniques.includes(query.get('technique') ?? '')) &&
          (query.get('enabled') === null || rule.enabled === flag(query.get('enabled'))),
      );
    },
    rule: ruleOf,
    switch(id, wanted) {
      const others = (switches.get(id) ?? []).filter(
        (each) => each.environment !== wanted.environment,
      );
      switches.set(id, [
        ...others,
        {
          environment: wanted.environment,
          enabled: wanted.enabled,
          note: wanted.note ?? '',
          changed: time(),
          changed_by: ME,
        },
      ]);
      return ruleOf(id, new URLSearchParams({ environment: wanted.environment }));
    },
  };
}
