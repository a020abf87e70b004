import type {
  Policy,
  PolicyAction,
  PolicyDecisions,
  PolicyProblem,
  PolicyTestResult,
  Verdict,
} from '../../api/policies';
import { count, plural } from '../../lib/format';
import { Code } from '../../ui/Code';
import { Notice } from '../../ui/Notice';
import classes from './policies.module.css';

export const ACTIONS: { value: PolicyAction; label: string; doc: string }[] = [
  { value: 'off', label: 'Off', doc: 'Nothing is judged by it' },
  { value: 'audit', label: 'Audit', doc: 'It is noted, and nobody is told' },
  { value: 'warn', label: 'Warn', doc: 'Whoever asks is told, and gets what they asked for' },
  { value: 'deny', label: 'Deny', doc: 'The request is refused, with the reason and the fix' },
];

export const actionName = (action: PolicyAction) =>
  ACTIONS.find((each) => each.value === action)?.label ?? action;

/** What is done about what a policy is against, in a word and a shape. */
export function ActionMark({ action, title }: { action: PolicyAction; title?: string }) {
  return (
    <span className={classes.action} data-action={action} title={title}>
      {actionName(action)}
    </span>
  );
}

export const VERDICTS: { value: Verdict; label: string; doc: string }[] = [
  { value: 'denied', label: 'Denied', doc: 'It was refused' },
  { value: 'warned', label: 'Warned', doc: 'It was let through, and whoever asked was told' },
  { value: 'audited', label: 'Noted', doc: 'It was let through, and a policy is against it' },
  { value: 'exempted', label: 'Exempted', doc: 'It was let through: an exemption holds' },
  { value: 'mutated', label: 'Changed', doc: 'It was let through as a mutation wants it' },
  { value: 'failed', label: 'Undecided', doc: 'Nobody could say in time' },
];

export function VerdictMark({ verdict }: { verdict: Verdict }) {
  const known = VERDICTS.find((each) => each.value === verdict);
  return (
    <span className={classes.verdict} data-verdict={verdict} title={known?.doc}>
      {known?.label ?? verdict}
    </span>
  );
}

/** "3 denied, 12 noted": what became of requests. */
export function spell(decisions: PolicyDecisions): string {
  const parts = (
    [
      ['denied', 'denied'],
      ['warned', 'warned'],
      ['audited', 'noted'],
      ['exempted', 'exempted'],
    ] as const
  )
    .filter(([key]) => decisions[key] > 0)
    .map(([key, word]) => `${count(decisions[key])} ${word}`);
  return parts.join(', ') || 'none';
}

export const total = (decisions: PolicyDecisions) =>
  decisions.denied + decisions.warned + decisions.audited + decisions.exempted;

export const FORM: Record<Policy['form'], string> = {
  template: 'Constraint template',
  admission_policy: 'Admission policy of Kubernetes',
  mutation: 'Mutation',
};

const ASSETS: Record<string, string> = {
  workload: 'Workloads',
  namespace: 'Namespaces',
  cluster: 'The cluster',
  node: 'Nodes',
  service: 'Services',
  role: 'Roles and bindings',
};

export const assetsOf = (asset: string) =>
  ASSETS[asset] ?? `${asset.charAt(0).toUpperCase()}${asset.slice(1)}`;

export const groupName = (group: string) =>
  group === '' ? 'Your own' : group.charAt(0).toUpperCase() + group.slice(1).replaceAll('-', ' ');

/** What is wrong with documents, and where. */
export function Problems({ problems }: { problems: readonly PolicyProblem[] }) {
  if (problems.length === 0) return null;
  return (
    <Notice
      tone="bad"
      title={`${plural(problems.length, 'document')} cannot be used; the rest is judged`}
    >
      {problems.map((each) => (
        <div key={`${each.document} ${each.message}`}>
          <b>
            {[each.kind, each.name].filter(Boolean).join(' ') || 'Document'} ({each.document})
          </b>
          : {each.message}
        </div>
      ))}
    </Notice>
  );
}

/** What documents say and nobody does. */
export function Notes({ notes }: { notes: readonly PolicyProblem[] }) {
  if (notes.length === 0) return null;
  return (
    <Notice tone="warn" title="Not all of it is done">
      {notes.map((each) => (
        <div key={`${each.document} ${each.message}`}>
          <b>
            {each.kind} {each.name} ({each.document})
          </b>
          : {each.message}
        </div>
      ))}
    </Notice>
  );
}

/** How documents judged objects. */
export function TryResult({ result }: { result: PolicyTestResult }) {
  return (
    <div className={classes.column}>
      <Problems problems={result.problems} />
      <Notes notes={result.notes ?? []} />
      <p className={classes.text} role="status">
        {result.judged === 0 ? (
          'No object was judged: either there is none of the kinds it asks about, or no cluster is connected.'
        ) : (
          <>
            <b>{count(result.against)}</b> of {plural(result.judged, 'object')} would be against it
            {result.is_partial && '; not all there are were judged'}.
          </>
        )}
      </p>
      {result.violations.length > 0 && (
        <div className={classes.scroll}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">Object</th>
                <th scope="col">What it says</th>
              </tr>
            </thead>
            <tbody>
              {result.violations.map((each, index) => (
                <tr key={`${each.cluster} ${each.namespace} ${each.object} ${index}`}>
                  <td>
                    <div className={classes.object}>{each.object}</div>
                    <div className={classes.quiet}>
                      {[each.cluster, each.namespace].filter(Boolean).join(' › ')}
                    </div>
                  </td>
                  <td>
                    {each.message}
                    {each.patch ? (
                      <details className={classes.patch}>
                        <summary>What would mend it</summary>
                        <Code label="the patch">{JSON.stringify(each.patch, null, 2)}</Code>
                      </details>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {result.changes.map((each) => (
        <div key={`${each.cluster} ${each.namespace} ${each.object}`}>
          <div className={classes.object}>{each.object}</div>
          <Code label="the change">{JSON.stringify(each.patch, null, 2)}</Code>
        </div>
      ))}
    </div>
  );
}
