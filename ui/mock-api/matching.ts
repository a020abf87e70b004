// The query grammar, well enough understood for a make-believe server: all
// terms must hold; `OR` and parentheses are the real one's.

import type { Finding, QueryChecked, QueryField } from '../src/api/types';
import { type Term, terms } from '../src/lib/query';
import { repositoryOf } from '../src/lib/scope';
import { TACTICS } from './attack';
import { type Estate, isWithin } from './estate';
import { isFixable } from './lists';
import { RANK } from './world';

export type Matcher = (q: string) => (finding: Finding) => boolean;

const glob = (pattern: string) =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    'i',
  );

export function matcherOf(estate: Estate, now: number): Matcher {
  const holds = (each: Term, finding: Finding): boolean => {
    const is = (value: string | null | undefined) =>
      each.values.some(({ text }) => glob(text).test(value ?? ''));
    switch (each.field) {
      case undefined:
        return each.values.every(({ text }) =>
          `${finding.rule} ${finding.title} ${finding.summary ?? ''} ${finding.package?.name ?? ''} ${finding.asset.name} ${finding.asset.namespace ?? ''} ${finding.asset.workload ?? ''} ${finding.image?.name ?? ''}`
            .toLowerCase()
            .includes(text.toLowerCase()),
        );
      case 'severity': {
        const mine = RANK[finding.severity] ?? 9;
        const asked = RANK[each.values[0]?.text ?? ''] ?? 9;
        if (each.operator === '>=') return mine <= asked;
        if (each.operator === '>') return mine < asked;
        if (each.operator === '<=') return mine >= asked;
        if (each.operator === '<') return mine > asked;
        return is(finding.severity);
      }
      case 'kind':
        return is(finding.kind);
      case 'state':
        return is(finding.state);
      case 'progress':
        return is(finding.progress);
      case 'rule':
      case 'cve':
        return is(finding.rule);
      case 'finding':
      case 'id':
        return is(finding.id);
      case 'package':
        return is(finding.package?.name);
      case 'image':
        return is(finding.image?.name) || is(finding.image?.id);
      case 'repository':
        return is(finding.image && repositoryOf(finding.image.name));
      case 'ns':
        return is(finding.asset.namespace);
      case 'cluster':
        return is(finding.asset.cluster);
      case 'workload':
        return is(finding.asset.workload);
      case 'tactic':
        return (finding.tactics ?? []).some(is);
      case 'technique':
        return (finding.techniques ?? []).some(is);
      case 'user':
        return is(finding.alert?.principal?.name);
      case 'source_ip':
        return is(finding.alert?.address);
      case 'assignee':
        return each.values.some(({ text }) =>
          text === 'none'
            ? !finding.assignee
            : finding.assignee === (text === 'me' ? 'anna' : text),
        );
      case 'asset':
        return each.values.some(
          ({ text }) =>
            finding.asset.id === text ||
            finding.image?.id === text ||
            isWithin(estate.byId.get(finding.asset.id), text) ||
            (finding.asset.kind === 'image' &&
              (estate.running.get(finding.asset.id) ?? []).some((place) => isWithin(place, text))),
        );
      case 'is':
      case 'has':
        return each.values.some(({ text }) => {
          if (text === 'kev') return finding.kev ?? false;
          if (text === 'fixable' || text === 'fix') return isFixable(finding);
          if (text === 'running')
            return (estate.running.get(finding.image?.id ?? '') ?? []).length > 0;
          if (text === 'assigned' || text === 'assignee') return Boolean(finding.assignee);
          if (text === 'overdue') return Boolean(finding.due && Date.parse(finding.due) < now);
          if (text === 'comments') return finding.comments !== 0;
          return finding.state === text;
        });
      case 'epss':
        return (finding.epss ?? 0) >= Number(each.values[0]?.text ?? 0);
      case 'seen':
      case 'first':
      case 'last': {
        const [, count = '0', unit = 'd'] = /^(\d+)([hdw])$/.exec(each.values[0]?.text ?? '') ?? [];
        const ms = Number(count) * { h: 3_600_000, d: 86_400_000, w: 604_800_000 }[unit as 'h'];
        const when = each.field === 'first' ? finding.first_seen : finding.last_seen;
        return Date.parse(when) >= now - ms;
      }
      default:
        return false;
    }
  };
  return (q) => {
    const asked = terms(q);
    return (finding) => asked.every((each) => holds(each, finding) !== each.negated);
  };
}

const of = (
  name: string,
  kind: QueryField['kind'],
  doc: string,
  values: string[],
  more: Partial<QueryField> = {},
): QueryField => ({
  name,
  kind,
  doc,
  values,
  aliases: [],
  example: values[0] ? `${name}:${values[0]}` : `${name}:…`,
  identity: false,
  ...more,
});

export function fieldsOf(findings: Finding[]): QueryField[] {
  const common = (pick: (finding: Finding) => string | null | undefined) => {
    const counts = new Map<string, number>();
    for (const finding of findings) {
      const value = pick(finding);
      if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    return [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 20)
      .map(([value]) => value);
  };
  const identity = { identity: true };
  return [
    of(
      'severity',
      'rank',
      'How bad it is',
      ['critical', 'high', 'medium', 'low', 'info', 'unknown'],
      {
        aliases: ['sev'],
        ...identity,
      },
    ),
    of(
      'kind',
      'word',
      'What sort of finding',
      ['alert', 'misconfiguration', 'vulnerability', 'secret', 'malware'],
      identity,
    ),
    of('state', 'word', 'Where it is in its life', ['open', 'resolved', 'dismissed', 'exempted']),
    of('progress', 'word', 'What is being done about it', ['new', 'in_progress']),
    of(
      'ns',
      'text',
      'The namespace it is in',
      common((f) => f.asset.namespace),
      { aliases: ['namespace'], ...identity },
    ),
    of(
      'cluster',
      'text',
      'The cluster or host it is on',
      common((f) => f.asset.cluster),
      { aliases: ['host'], ...identity },
    ),
    of(
      'user',
      'text',
      'Who did it',
      common((f) => f.alert?.principal?.name),
      identity,
    ),
    of(
      'source_ip',
      'text',
      'The address it was done from',
      common((f) => f.alert?.address),
      identity,
    ),
    of(
      'workload',
      'text',
      'The workload it is in',
      common((f) => f.asset.workload),
    ),
    of(
      'image',
      'text',
      'The image, by name or id',
      common((f) => f.image?.name),
      identity,
    ),
    of(
      'repository',
      'text',
      'Any tag of an image',
      common((f) => f.image && repositoryOf(f.image.name)),
      { aliases: ['repo'], ...identity },
    ),
    of(
      'package',
      'text',
      'The installed package',
      common((f) => f.package?.name),
      { aliases: ['pkg'], ...identity },
    ),
    of(
      'rule',
      'text',
      'The rule or vulnerability',
      common((f) => (f.kind === 'vulnerability' ? null : f.rule)),
      identity,
    ),
    of(
      'cve',
      'text',
      'The vulnerability',
      common((f) => (f.kind === 'vulnerability' ? f.rule : null)),
      identity,
    ),
    of('label', 'text', 'A label of the asset', ['team=shop', 'tier=edge'], identity),
    of('finding', 'text', 'One finding, by id', [], { example: 'finding:1042', ...identity }),
    of('asset', 'text', 'An asset, and what is below it', [], { example: 'asset:ID' }),
    of(
      'tactic',
      'word',
      'The ATT&CK tactic',
      TACTICS.map((each) => each.slug),
    ),
    of(
      'technique',
      'text',
      'The ATT&CK technique',
      common((f) => f.techniques?.[0]),
    ),
    of('is', 'flag', 'True of it', ['kev', 'fixable', 'running', 'assigned', 'overdue']),
    of('has', 'flag', 'It has one', ['fix', 'assignee', 'comments']),
    of('assignee', 'text', 'Who takes care of it', ['me', 'none', ...common((f) => f.assignee)]),
    of('first', 'time', 'First seen within', ['24h', '7d', '30d']),
    of('last', 'time', 'Last seen within', ['1h', '24h', '7d']),
    of('epss', 'number', 'Likelihood of exploitation, 0 to 1', [], { example: 'epss:>=0.5' }),
  ];
}

const distance = (a: string, b: string): number => {
  const row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    let corner = row[0] ?? 0;
    row[0] = i;
    for (let j = 1; j <= b.length; j += 1) {
      const above = row[j] ?? 0;
      row[j] = Math.min(
        above + 1,
        (row[j - 1] ?? 0) + 1,
        corner + (a.charAt(i - 1) === b.charAt(j - 1) ? 0 : 1),
      );
      corner = above;
    }
  }
  return row[b.length] ?? 99;
};

const nearest = (word: string, known: string[]) =>
  known
    .map((each) => ({ each, far: distance(word.toLowerCase(), each) }))
    .filter(({ far }) => far <= Math.max(1, Math.floor(word.length / 3)))
    .sort((a, b) => a.far - b.far)[0]?.each;

export function checked(q: string, fields: QueryField[]): QueryChecked {
  const errors: QueryChecked['errors'] = [];
  for (const each of terms(q)) {
    if (each.field === undefined) {
      if ((each.text.match(/"/g)?.length ?? 0) % 2 === 1)
        errors.push({
          message: 'the quote is never closed',
          start: each.start,
          end: each.end,
          suggestion: `${each.text}"`,
        });
      continue;
    }
    const field = fields.find(
      (known) => known.name === each.field || known.aliases.includes(each.field ?? ''),
    );
    if (!field) {
      const start = each.start + (each.negated ? 1 : 0);
      const meant = nearest(
        each.field,
        fields.flatMap((known) => [known.name, ...known.aliases]),
      );
      errors.push({
        message: `there is no field \`${each.field}\``,
        start,
        end: start + each.field.length,
        ...(meant ? { suggestion: meant } : {}),
      });
    } else if (['word', 'rank', 'flag'].includes(field.kind)) {
      for (const value of each.values) {
        if (value.text === '' || field.values.includes(value.text)) continue;
        const meant = nearest(value.text, field.values);
        errors.push({
          message: `\`${field.name}\` is one of ${field.values.join(', ')}`,
          start: value.start,
          end: value.end,
          ...(meant ? { suggestion: meant } : {}),
        });
      }
    }
  }
  return errors.length > 0 ? { errors } : { canonical: q.trim(), errors };
}
