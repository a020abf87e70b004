// What was seen, as it was recorded: a tree of facts, and the record itself.

import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useState } from 'react';
import { Copy } from '../ui/Copy';
import { PlainButton } from '../ui/PlainButton';
import classes from './Evidence.module.css';

const MOST = 60;

type Scalar = string | number | boolean | null;
const isScalar = (value: unknown): value is Scalar =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** Nested names joined by dots, so that a record reads as a list of facts. */
export function factsOf(value: unknown, prefix = ''): [name: string, text: string][] {
  if (isScalar(value)) return [[prefix, String(value)]];
  if (Array.isArray(value)) {
    return value.every(isScalar)
      ? [[prefix, value.map(String).join(', ')]]
      : value.flatMap((each, index) => factsOf(each, `${prefix}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    factsOf(each, prefix === '' ? key : `${prefix}.${key}`),
  );
}

export function Evidence({ evidence }: { evidence: unknown }) {
  const [isRaw, setRaw] = useState(false);
  const facts = factsOf(evidence);
  const text = JSON.stringify(evidence, null, 2);
  return (
    <>
      <dl className={classes.facts}>
        {facts.slice(0, MOST).map(([name, value]) => (
          <div key={name} className={classes.fact}>
            <dt>{name.replaceAll('_', ' ')}</dt>
            <dd className="mono">{value}</dd>
          </div>
        ))}
      </dl>
      {facts.length > MOST && (
        <div className={classes.more}>and {facts.length - MOST} more in the record</div>
      )}
      <div className={classes.bar}>
        <PlainButton
          className={classes.toggle}
          aria-expanded={isRaw}
          onClick={() => setRaw(!isRaw)}
        >
          {isRaw ? (
            <IconChevronDown size={13} aria-hidden />
          ) : (
            <IconChevronRight size={13} aria-hidden />
          )}
          The record
        </PlainButton>
        <Copy value={text} what="the record" />
      </div>
      {isRaw && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <pre className={classes.raw} tabIndex={0}>
          {text}
        </pre>
      )}
    </>
  );
}
