// One rule, open: what it fits, what it does, and what that means for what
// runs now.

import { Checkbox, Radio, TagsInput, TextInput } from '@mantine/core';
import { ImageText } from '../../components/Names';
import type { DriftAction, DriftRule, Match, Reach } from '../../lib/drift';
import { count } from '../../lib/format';
import classes from './drift.module.css';
import type { RunningContainer, RunningNow } from './running';

const FIELDS: { id: Match; label: string; placeholder: string; doc?: string }[] = [
  { id: 'clusters', label: 'Clusters', placeholder: 'prod-*' },
  { id: 'namespaces', label: 'Namespaces', placeholder: 'shop' },
  { id: 'pods', label: 'Pods', placeholder: 'checkout-*' },
  { id: 'images', label: 'Images', placeholder: 'registry.example/shop/*' },
  { id: 'labels', label: 'Labels', placeholder: 'tier=edge' },
];

const ACTIONS: { value: DriftAction; label: string; doc: string }[] = [
  { value: 'ignore', label: 'Ignore', doc: 'It runs, and nobody is told' },
  { value: 'alert', label: 'Alert', doc: 'It runs, and an alert tells of it' },
  { value: 'block', label: 'Block', doc: 'It is stopped, and an alert tells of it' },
];

export function RuleForm({
  rule,
  faults,
  reach,
  running,
  isFixed,
  onChange,
}: {
  rule: DriftRule;
  faults: string[];
  reach: Reach<RunningContainer> | undefined;
  running: RunningNow;
  isFixed: boolean;
  onChange: (rule: DriftRule) => void;
}) {
  const tags = (id: Match | 'allow', label: string, placeholder: string, doc?: string) => (
    <TagsInput
      key={id}
      size="xs"
      label={label}
      {...(doc ? { description: doc } : {})}
      placeholder={(rule[id] ?? []).length === 0 ? (id === 'allow' ? placeholder : 'any') : ''}
      data={id === 'allow' || id === 'labels' ? [] : running.known[id].slice(0, 200)}
      value={rule[id] ?? []}
      // Greyed out it could hardly be read, which is all that is left to do.
      readOnly={isFixed}
      splitChars={[',', '\n']}
      acceptValueOnBlur
      maxTags={100}
      comboboxProps={{ withinPortal: false }}
      onChange={(next) => onChange({ ...rule, [id]: next.map((text) => text.trim()) })}
    />
  );
  return (
    <div className={classes.form}>
      <TextInput
        size="xs"
        label="Name"
        placeholder="Shop, strictly"
        maxLength={100}
        value={rule.name}
        readOnly={isFixed}
        error={faults[0]}
        data-autofocus={rule.name === '' || undefined}
        onChange={(event) => onChange({ ...rule, name: event.currentTarget.value })}
      />
      <fieldset className={classes.set}>
        <legend>It fits containers, where all that is named fits</legend>
        <div className={classes.fields}>
          {FIELDS.map((each) => tags(each.id, each.label, each.placeholder, each.doc))}
        </div>
        <p className={classes.quiet}>
          An empty field fits all; <code>*</code> stands for any characters; several in a field: any
          of them.
        </p>
      </fieldset>
      <Radio.Group
        label="A program that is not in the image"
        size="xs"
        value={rule.action}
        onChange={(action) => onChange({ ...rule, action: action as DriftAction })}
      >
        <div className={classes.actions}>
          {ACTIONS.map((each) => (
            <Radio
              key={each.value}
              size="xs"
              value={each.value}
              label={each.label}
              description={each.doc}
              disabled={isFixed}
            />
          ))}
        </div>
      </Radio.Group>
      {rule.action === 'block' && (
        <Checkbox
          size="xs"
          label="Dry run"
          description="Stop nothing; an alert says what would have been stopped"
          checked={rule.dry_run === true}
          disabled={isFixed}
          onChange={(event) => onChange({ ...rule, dry_run: event.currentTarget.checked })}
        />
      )}
      {rule.action !== 'ignore' &&
        tags(
          'allow',
          'Programs that may run all the same',
          '/opt/agent/*',
          'Their paths in the container; * stands for any characters',
        )}
      {faults.length > 1 && <p className={classes.fault}>{faults.slice(1).join(' ')}</p>}
      <Matched reach={reach} running={running} />
    </div>
  );
}

const SHOWN = 8;

/** Which running containers it decides about, by name. */
function Matched({
  reach,
  running,
}: {
  reach: Reach<RunningContainer> | undefined;
  running: RunningNow;
}) {
  if (!reach || running.isPending || running.sensors === 0) return null;
  const parts: [title: string, rows: RunningContainer[]][] = [
    ['It decides about', reach.decides],
    ['It would fit these, but a rule above decides', reach.taken],
    ['It fits these where they have its labels, which sensors do not report', reach.perhaps],
  ];
  const shown = parts.filter(([, rows]) => rows.length > 0);
  return (
    <section className={classes.matched} aria-label="Running containers it fits">
      {shown.length === 0 && <p className={classes.quiet}>It fits nothing that runs now.</p>}
      {shown.map(([title, rows]) => (
        <div key={title}>
          <h2 className={classes.matchedTitle}>
            {title} <span className="tabular">({count(rows.length)})</span>
          </h2>
          <ul className={classes.list}>
            {rows.slice(0, SHOWN).map((each) => (
              <li key={`${each.node} ${each.id}`}>
                <b>{each.pod ?? each.name}</b>{' '}
                <span className={classes.quiet}>
                  {each.namespace && `${each.namespace}, `}
                  {each.node}
                </span>{' '}
                <ImageText name={each.image} isShort />
              </li>
            ))}
          </ul>
          {rows.length > SHOWN && (
            <p className={classes.quiet}>and {count(rows.length - SHOWN)} more</p>
          )}
        </div>
      ))}
      {running.told < running.sensors && (
        <p className={classes.quiet}>
          As far as {running.told} of {running.sensors} sensors told.
        </p>
      )}
    </section>
  );
}
