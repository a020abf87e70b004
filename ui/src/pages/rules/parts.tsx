import type { Rule, RuleOrigin } from '../../api/detection';
import classes from './rules.module.css';

export const SOURCES = [
  { id: 'k8s_audit', name: 'Audit logs' },
  { id: 'syscall', name: 'Runtime, on nodes' },
  { id: 'Falco', name: 'Falco' },
];

/** What a rule's events are; another sensor's go by its name. */
export function sourceName(source: string): string {
  return SOURCES.find((each) => each.id === source)?.name ?? source;
}

export const ORIGIN: Record<RuleOrigin, string> = {
  built_in: 'built in',
  user: 'your own',
  sensor: 'another sensor’s',
};

/** Whether it watches, in a word and a shape. */
export function OnMark({ rule }: { rule: Rule }) {
  const where = rule.disabled_in.length > 0 ? `Off in ${rule.disabled_in.join(', ')}` : undefined;
  return (
    <span className={classes.on} data-on={rule.enabled || undefined} title={where}>
      {rule.enabled ? 'On' : 'Off'}
    </span>
  );
}
