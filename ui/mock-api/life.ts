// What people do to findings, and how it is taken back.

import type {
  Action,
  ActionDone,
  Decision,
  Exemption,
  ExemptionPreview,
  Finding,
  FindingDetail,
  FindingEvent,
  NewExemption,
  Selection,
} from '../src/api/types';
import { alertDetailOf } from './audit';
import { CATALOGUE } from './catalogue';
import { chainOf, type Estate } from './estate';
import { PEOPLE } from './happenings';
import { worstFirst } from './lists';
import type { Matcher } from './matching';
import { RULES } from './rules';
import { hex, isOpen, tally } from './world';

const ME = 'anna';
const UNDO_MS = 24 * 3_600_000;

export interface Life {
  act: (select: Selection, action: Action) => ActionDone;
  undo: (id: string) => ActionDone | undefined;
  exempt: (wanted: NewExemption) => Exemption;
  end: (id: string, state?: Exemption['state']) => Exemption | undefined;
  preview: (wanted: NewExemption) => ExemptionPreview;
  detail: (finding: Finding) => FindingDetail;
  exemptions: Exemption[];
}

const PAST: Record<Action['do'], string> = {
  dismiss: 'dismissed',
  reopen: 'reopened',
  assign: 'assigned',
  progress: 'moved',
  due: 'given a date',
  comment: 'commented on',
};

export function createLife(
  findings: () => Finding[],
  matcher: Matcher,
  estate: Estate,
  now: () => number,
): Life {
  const history = new Map<string, FindingEvent[]>();
  const undoable = new Map<string, Map<string, Finding>>();
  const exemptions: Exemption[] = [];
  let sequence = 1000;
  const time = () => new Date(now()).toISOString();

  const note = (finding: Finding, what: FindingEvent['what'], text: string, actor?: string) => {
    sequence += 1;
    const entry: FindingEvent = {
      id: sequence,
      time: time(),
      what,
      text,
      ...(actor ? { actor } : {}),
    };
    history.set(finding.id, [entry, ...(history.get(finding.id) ?? [])]);
  };

  const meant = (select: Selection): Finding[] => {
    if ('ids' in select) return findings().filter((each) => select.ids.includes(each.id));
    const isMeant = matcher(select.query.q);
    return findings().filter(
      (each) =>
        isOpen(each) &&
        isMeant(each) &&
        (!select.query.environment || each.asset.environment === select.query.environment),
    );
  };

  const applied = (finding: Finding, action: Action): boolean => {
    switch (action.do) {
      case 'dismiss': {
        if (finding.state !== 'open') return false;
        finding.state = 'dismissed';
        const decision: Decision = { reason: action.reason, by: ME, at: time() };
        finding.decision = action.note ? { ...decision, note: action.note } : decision;
        note(finding, 'dismissed', `Dismissed: ${action.reason.replaceAll('_', ' ')}`, ME);
        return true;
      }
      case 'reopen':
        if (finding.state !== 'dismissed') return false;
        finding.state = 'open';
        delete finding.decision;
        note(finding, 'reopened', 'Reopened', ME);
        return true;
      case 'assign':
        if ((finding.assignee ?? '') === (action.to ?? '')) return false;
        if (action.to) finding.assignee = action.to;
        else delete finding.assignee;
        note(
          finding,
          'assigned',
          action.to ? `Assigned to ${action.to}` : 'Assigned to nobody',
          ME,
        );
        return true;
      case 'progress':
        if (finding.progress === action.progress) return false;
        finding.progress = action.progress;
        note(
          finding,
          'progressed',
          action.progress === 'new' ? 'Set back to new' : 'In progress',
          ME,
        );
        return true;
      case 'due':
        if (action.date) finding.due = action.date;
        else delete finding.due;
        note(finding, 'due_changed', action.date ? `Due ${action.date}` : 'No longer due', ME);
        return true;
      case 'comment':
        finding.comments = (finding.comments ?? 0) + 1;
        note(finding, 'commented', action.text, ME);
        return true;
    }
  };

  const done = (changed: number, skipped: number, word: string): ActionDone => ({
    id: hex(`action ${sequence}`, 16),
    changed,
    skipped,
    summary: `${changed} ${changed === 1 ? 'finding' : 'findings'} ${word}`,
    undo_until: new Date(now() + UNDO_MS).toISOString(),
  });

  const covered = (wanted: Pick<NewExemption, 'scope' | 'environment'>) => {
    const isMeant = matcher(wanted.scope);
    return findings().filter(
      (each) =>
        isOpen(each) &&
        isMeant(each) &&
        (!wanted.environment || each.asset.environment === wanted.environment),
    );
  };

  const exempt = (wanted: NewExemption, by = ME, created = time()): Exemption => {
    const taken = covered(wanted);
    const exemption: Exemption = {
      id: hex(`exemption ${exemptions.length} ${wanted.scope}`, 12),
      scope: wanted.scope,
      ...(wanted.environment ? { environment: wanted.environment } : {}),
      reason: wanted.reason,
      note: wanted.note,
      owner: wanted.owner ?? by,
      created,
      created_by: by,
      ...(wanted.expires ? { expires: wanted.expires } : {}),
      state: 'active',
      findings: taken.length,
    };
    for (const finding of taken) {
      finding.state = 'exempted';
      finding.decision = {
        reason: wanted.reason,
        note: wanted.note,
        by,
        at: created,
        exemption: exemption.id,
        ...(wanted.expires ? { expires: wanted.expires } : {}),
      };
      note(finding, 'exempted', `Exempted: ${wanted.note}`, by);
    }
    exemptions.unshift(exemption);
    return exemption;
  };

  return {
    exemptions,
    exempt,
    act(select, action) {
      const before = new Map<string, Finding>();
      let skipped = 0;
      for (const finding of meant(select)) {
        const copy = structuredClone(finding);
        if (applied(finding, action)) before.set(finding.id, copy);
        else skipped += 1;
      }
      const answer = done(before.size, skipped, PAST[action.do]);
      undoable.set(answer.id, before);
      return answer;
    },
    undo(id) {
      const before = undoable.get(id);
      if (!before) return undefined;
      undoable.delete(id);
      for (const finding of findings()) {
        const old = before.get(finding.id);
        if (!old) continue;
        for (const key of Object.keys(finding)) delete finding[key as keyof Finding];
        Object.assign(finding, old);
        note(finding, 'undone', 'The last change was taken back', ME);
      }
      return done(before.size, 0, 'put back');
    },
    end(id, state = 'revoked') {
      const exemption = exemptions.find((each) => each.id === id);
      if (!exemption) return undefined;
      Object.assign(exemption, { state, ended: time(), ended_by: ME, findings: 0 });
      for (const finding of findings()) {
        if (finding.decision?.exemption !== id) continue;
        finding.state = 'open';
        delete finding.decision;
        note(finding, 'exemption_ended', 'The exemption ended', ME);
      }
      return exemption;
    },
    preview(wanted) {
      const taken = covered(wanted).sort(worstFirst);
      const weight = taken.filter((each) => each.kind === 'misconfiguration').length;
      return {
        counts: tally(taken),
        examples: taken.slice(0, 5),
        score: Math.round(weight * 1.3) / 10,
      };
    },
    detail(finding) {
      const rule = RULES.find((each) => each.id === finding.rule);
      const entry = CATALOGUE.find((each) => each.id === finding.rule);
      const others = findings().filter((each) => isOpen(each) && each.id !== finding.id);
      const { asset, package: found } = finding;
      const fill = (text: string) =>
        text
          .replaceAll('NAMESPACE', asset.namespace ?? 'default')
          .replaceAll('WORKLOAD', asset.workload ?? asset.name)
          .replaceAll('POD', asset.name)
          .replaceAll('IMAGE', finding.image?.name ?? 'image');
      const opened: FindingEvent = {
        id: 1,
        time: finding.first_seen,
        what: 'opened',
        text: 'First seen',
      };
      const worked: FindingEvent[] = finding.assignee
        ? [
            {
              id: 3,
              time: finding.last_seen,
              actor: finding.assignee,
              what: 'commented',
              text: 'Asked the team whether somebody was debugging at that time.',
            },
            {
              id: 2,
              time: finding.last_seen,
              actor: PEOPLE[0] ?? ME,
              what: 'assigned',
              text: `Assigned to ${finding.assignee}`,
            },
          ]
        : [];
      const place =
        estate.byId.get(asset.id) ??
        estate.running.get(asset.id)?.[0] ??
        estate.all.find((each) => each.asset.image?.id === asset.id);
      const chain = asset.kind === 'image' ? chainOf(place).slice(0, 1) : chainOf(place);
      const alert = alertDetailOf(finding);
      return {
        finding,
        ...(alert ? { alert } : {}),
        description: rule?.description ?? entry?.text ?? `${finding.title || finding.rule}.`,
        why:
          rule?.why ??
          (finding.kev
            ? 'It is known to be exploited, so somebody has a working attack.'
            : 'Nobody is known to exploit it yet.'),
        remediation: (rule?.steps ?? []).map((step) => ({
          ...step,
          text: fill(step.text),
          ...(step.code ? { code: fill(step.code) } : {}),
        })),
        because:
          finding.kind === 'vulnerability'
            ? [
                `The scan of ${finding.image?.name} found ${found?.name} ${found?.version} in /${found?.path}.`,
                `${(finding.advisories ?? [])[0] ?? finding.rule} says versions before ${finding.fix?.versions[0] ?? 'any'} are affected.`,
                'No VEX document and no exemption says otherwise.',
              ]
            : finding.kind === 'alert'
              ? [
                  `An event from ${asset.cluster ?? 'this host'} matched the rule ${finding.rule}.`,
                  `It has matched ${finding.occurrences === 1 ? 'once' : `${finding.occurrences} times`} since it was first seen.`,
                ]
              : [
                  `${asset.name} was looked at and did not comply with ${finding.rule}.`,
                  'No exemption covers it.',
                ],
        ...(rule?.evidence
          ? { evidence: evidenceOf(finding, rule.evidence) as FindingDetail['evidence'] }
          : {}),
        references:
          rule?.references ?? (entry ? [`https://nvd.nist.gov/vuln/detail/${entry.id}`] : []),
        chain: asset.kind === 'image' ? [...chain, asset] : chain,
        history: [...(history.get(finding.id) ?? []), ...worked, opened],
        same_rule: others.filter((each) => each.rule === finding.rule).length,
        same_asset: others.filter((each) => each.asset.id === asset.id).length,
      };
    },
  };
}

/** A drifted program's evidence says what became of it. */
function evidenceOf(finding: Finding, evidence: Record<string, unknown>) {
  if (finding.rule !== 'drifted-executable') return evidence;
  const endings = ['blocked', 'would have been blocked', 'killed'];
  return { ...evidence, 'drift.outcome': endings[Number(finding.id.at(-1)) % 3] };
}
