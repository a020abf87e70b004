import { describe, expect, it } from 'vitest';
import {
  accept,
  both,
  completionAt,
  either,
  type FieldHint,
  mended,
  terms,
  toggled,
  toggledTerm,
  valuesOf,
  without,
  withValues,
} from './query';

const field = (name: string, values: string[] = [], aliases: string[] = []): FieldHint => ({
  name,
  aliases,
  kind: 'word',
  values,
  doc: `about ${name}`,
  example: `${name}:x`,
});
const FIELDS = [
  field('severity', ['critical', 'high', 'medium', 'low'], ['sev']),
  field('state', ['open', 'dismissed']),
  field('ns', ['shop', 'data stores'], ['namespace']),
  field('rule'),
];
const labels = (text: string, caret = text.length) =>
  completionAt(text, caret, FIELDS)?.choices.map((each) => each.label);

describe('terms', () => {
  it('are told apart with fields, operators, quotes and negation', () => {
    const [a, b, c, d] = terms('severity:>=high -is:kev ns:"a b",c "reverse shell"');
    expect(a).toMatchObject({ field: 'severity', operator: '>=', negated: false });
    expect(b).toMatchObject({ field: 'is', negated: true });
    expect(c?.values.map((each) => each.text)).toEqual(['a b', 'c']);
    expect(d).toMatchObject({ values: [{ text: 'reverse shell' }] });
    expect(d?.field).toBeUndefined();
  });
  it('keep their places', () => {
    const text = '  kind:alert   x';
    for (const each of terms(text)) expect(text.slice(each.start, each.end)).toBe(each.text);
  });
  it('survive a quote that is never closed', () => {
    expect(terms('rule:"half')[0]?.values.map((each) => each.text)).toEqual(['half']);
  });
});

describe('editing', () => {
  it('asks what a field may be, leaving out what it may not', () => {
    expect(valuesOf('severity:high,low -severity:info', 'severity')).toEqual(['high', 'low']);
  });
  it('toggles a value in and out of a list', () => {
    expect(toggled('x severity:high', 'severity', 'low')).toBe('x severity:high,low');
    expect(toggled('x severity:high,low', 'severity', 'high')).toBe('x severity:low');
    expect(toggled('severity:high x', 'severity', 'high')).toBe('x');
  });
  it('quotes what would be read as something else', () => {
    expect(withValues('', 'label', ['team=a b'])).toBe('label:"team=a b"');
    expect(withValues('', 'rule', ['-x'])).toBe('rule:"-x"');
    expect(withValues('', 'image', ['r.example/a:1'])).toBe('image:r.example/a:1');
  });
  it('toggles whole terms', () => {
    expect(toggledTerm('a is:kev b', 'is:kev')).toBe('a b');
    expect(toggledTerm('a', 'is:kev')).toBe('a is:kev');
  });
  it('takes a field out and joins what is left', () => {
    expect(without('a ns:shop b', 'ns')).toBe('a b');
    expect(both('a', undefined, '', 'b')).toBe('a b');
  });
});

describe('completion', () => {
  it('offers fields by name and alias', () => {
    expect(labels('se')).toEqual(['severity:']);
    expect(labels('names')).toEqual(['ns:']);
    expect(labels('severity:high ')).toContain('state:');
  });
  it('offers values that are not there yet', () => {
    expect(labels('severity:')).toEqual(['critical', 'high', 'medium', 'low']);
    expect(labels('sev:high,')).toEqual(['critical', 'medium', 'low']);
    expect(labels('severity:cr')).toEqual(['critical']);
  });
  it('writes what was taken and moves on', () => {
    const at = completionAt('sev', 3, FIELDS);
    expect(at && accept('sev', at, at.choices[0] as never)).toEqual({
      text: 'severity:',
      caret: 9,
    });
    const value = completionAt('ns:da x', 5, FIELDS);
    expect(value && accept('ns:da x', value, value.choices[0] as never)).toEqual({
      text: 'ns:"data stores" x',
      caret: 16,
    });
  });
  it('shows an example where any value goes', () => {
    expect(labels('rule:')).toEqual(['rule:x']);
  });
  it('leaves quoted words alone', () => expect(labels('"rev')).toBeUndefined());
});

it('a mistake is mended as suggested, counted in characters', () => {
  expect(mended('é severty:high', { message: '', start: 2, end: 9, suggestion: 'severity' })).toBe(
    'é severity:high',
  );
});

it('either of several stands in brackets, one stands bare', () => {
  expect(either('rule:a')).toBe('rule:a');
  expect(either('rule:a', 'ns:b "c d"')).toBe('((rule:a) OR (ns:b "c d"))');
});
