import { expect, test } from 'vitest';
import type { Sink, SinkField } from '../../api/settings';
import { draftOf, missing, settingsOf } from './sink-draft';

const field = (name: string, input: SinkField['input'], more: Partial<SinkField> = {}) =>
  ({ name, title: name, input, required: false, secret: false, help: '', ...more }) as SinkField;

const FIELDS = [
  field('url', 'url', { required: true }),
  field('secret', 'text', { secret: true, required: true }),
  field('port', 'number', { default: 514 }),
  field('to', 'list'),
  field('headers', 'pairs'),
  field('tls', 'boolean'),
];
const SINK = {
  settings: { url: 'https://a.example', to: ['a', 'b'], headers: { X: '1: 2' }, tls: true },
  secrets: ['secret'],
} as unknown as Sink;

test('settings read back as they were written, but for the secrets', () => {
  const draft = draftOf(FIELDS, SINK);
  expect(draft.secret).toBe('');
  expect(settingsOf(FIELDS, draft)).toEqual(SINK.settings);
});

test('a secret that is set need not be typed again', () => {
  const draft = draftOf(FIELDS, SINK);
  expect(missing(FIELDS, draft, ['secret'])).toEqual([]);
  expect(missing(FIELDS, draft, [])).toEqual(['secret']);
});

test('a new sink starts from the defaults and lacks what is required', () => {
  const draft = draftOf(FIELDS, undefined);
  expect(draft.port).toBe('514');
  expect(missing(FIELDS, draft, [])).toEqual(['url', 'secret']);
  expect(settingsOf(FIELDS, draft)).toEqual({ port: 514, tls: false });
});
