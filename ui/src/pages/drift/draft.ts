// The policy as it is being changed: what it was, what it is to become.

import { useState } from 'react';
import type { DenyLists, DriftSettings } from '../../api/sensors';
import { type DriftRule, faultsOf, moved, tidied } from '../../lib/drift';

/** A rule with a key of its own: its name and place change. */
export interface Drafted {
  key: number;
  rule: DriftRule;
}

export interface Draft {
  rules: Drafted[];
  deny: DenyLists;
  /** What it is a change of. */
  base: DriftSettings;
}

let keys = 0;

export const drafted = (rule: DriftRule): Drafted => {
  keys += 1;
  return { key: keys, rule };
};

export function begin(base: DriftSettings): Draft {
  return { rules: base.drift.rules.map(drafted), deny: base.deny, base };
}

const text = (rules: readonly DriftRule[], deny: DenyLists) =>
  JSON.stringify([rules.map(tidied), deny.metadata, deny.sysctl]);

export function isChanged({ rules, deny, base }: Draft): boolean {
  return (
    text(
      rules.map((each) => each.rule),
      deny,
    ) !== text(base.drift.rules, base.deny)
  );
}

/** What keeps it from being saved, by the rule's key. */
export function faultsIn({ rules }: Draft): Map<number, string[]> {
  const faults = new Map<number, string[]>();
  for (const each of rules) {
    const others = rules.filter((other) => other !== each).map((other) => other.rule);
    const found = faultsOf(each.rule, others);
    if (found.length > 0) faults.set(each.key, found);
  }
  return faults;
}

/** What the server is sent. */
export function wantedOf({ rules, deny, base }: Draft) {
  return {
    revision: base.revision,
    drift: { rules: rules.flatMap((each) => tidied(each.rule) ?? []) },
    deny,
  };
}

/**
 * The draft over what the server has: without changes it follows the
 * server; with changes somebody else's version waits to be decided about.
 */
export function useDraft(settings: DriftSettings) {
  const [draft, setDraft] = useState(() => begin(settings));
  const isDirty = isChanged(draft);
  const isOther = settings.revision !== draft.base.revision;
  if (isOther && !isDirty) setDraft(begin(settings));
  return {
    draft,
    isDirty,
    /** Somebody changed it while this was being changed. */
    theirs: isOther && isDirty ? settings : undefined,
    change: (rule: DriftRule, key: number) =>
      setDraft((old) => ({
        ...old,
        rules: old.rules.map((each) => (each.key === key ? { key, rule } : each)),
      })),
    add: (rule: DriftRule, at?: number) =>
      setDraft((old) => {
        const rules = [...old.rules];
        rules.splice(at ?? rules.length, 0, drafted(rule));
        return { ...old, rules };
      }),
    remove: (key: number) =>
      setDraft((old) => ({ ...old, rules: old.rules.filter((each) => each.key !== key) })),
    move: (from: number, to: number) =>
      setDraft((old) => ({ ...old, rules: moved(old.rules, from, to) })),
    deny: (deny: DenyLists) => setDraft((old) => ({ ...old, deny })),
    discard: () => setDraft(begin(settings)),
    /** Mine over theirs: what they changed is lost when it is saved. */
    insist: () => setDraft((old) => ({ ...old, base: settings })),
    /** It was saved as it is. */
    kept: (saved: DriftSettings) => setDraft((old) => ({ ...old, base: saved })),
  };
}
