// A sink's settings while they are typed: text and ticks, turned into what
// the contract wants.

import type { Sink, SinkField } from '../../api/settings';

export type Draft = Record<string, string | boolean>;
type Settings = Record<string, unknown>;

/** What stands in the form at first. Secrets are never sent back to us. */
export function draftOf(fields: SinkField[], sink: Sink | undefined): Draft {
  const known = (sink?.settings ?? {}) as Settings;
  return Object.fromEntries(
    fields.map((field) => {
      const value = known[field.name] ?? (sink ? undefined : field.default);
      if (field.input === 'boolean') return [field.name, value === true];
      if (field.secret || value === undefined || value === null) {
        const first =
          field.input === 'choice' ? String(field.default ?? field.choices?.[0] ?? '') : '';
        return [field.name, first];
      }
      if (field.input === 'list' && Array.isArray(value)) return [field.name, value.join('\n')];
      if (field.input === 'pairs' && typeof value === 'object') {
        const pairs = Object.entries(value as Settings).map(([name, each]) => `${name}: ${each}`);
        return [field.name, pairs.join('\n')];
      }
      return [field.name, String(value)];
    }),
  );
}

/** The titles of what is required and not there; kept secrets are there. */
export function missing(fields: SinkField[], draft: Draft, kept: string[]): string[] {
  return fields
    .filter((field) => field.required && field.input !== 'boolean')
    .filter((field) => String(draft[field.name] ?? '').trim() === '' && !kept.includes(field.name))
    .map((field) => field.title);
}

/** The settings to send. What is left empty is left out. */
export function settingsOf(fields: SinkField[], draft: Draft): Settings {
  const settings: Settings = {};
  for (const field of fields) {
    const value = draft[field.name];
    if (typeof value === 'boolean') {
      settings[field.name] = value;
      continue;
    }
    const text = field.secret ? (value ?? '') : (value ?? '').trim();
    if (text === '') continue;
    const lines = () =>
      text
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
    if (field.input === 'number') settings[field.name] = Number(text);
    else if (field.input === 'list') settings[field.name] = lines();
    else if (field.input === 'pairs') {
      settings[field.name] = Object.fromEntries(
        lines().map((line) => {
          const at = line.indexOf(':');
          return at < 0 ? [line, ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
        }),
      );
    } else settings[field.name] = text;
  }
  return settings;
}
