// The query grammar as an editor needs it: where the terms are, what could
// stand at the caret, and how a term is put in or taken out. Whether a query
// is right is for the server to say; nothing here refuses anything.

export interface Part {
  text: string;
  start: number;
  end: number;
}

export interface Term extends Part {
  negated: boolean;
  /** Lower-case; absent for plain words. */
  field?: string;
  /** `>=`, `>`, `<=`, `<` or nothing. */
  operator: string;
  /** Without their quotes. */
  values: Part[];
}

/** What of a field of the grammar completion needs. */
export interface FieldHint {
  name: string;
  aliases: string[];
  kind: string;
  values: string[];
  doc: string;
  example: string;
}

export interface Suggestion {
  /** What is written in place of `from..to`. */
  insert: string;
  label: string;
  doc?: string;
}

export interface Completion {
  from: number;
  to: number;
  choices: Suggestion[];
}

/** Terms between blanks; quotes keep blanks and commas inside. */
export function terms(text: string): Term[] {
  const found: Term[] = [];
  let at = 0;
  while (at < text.length) {
    if (/[\s()]/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    const start = at;
    let quoted = false;
    while (at < text.length && (quoted || !/[\s()]/.test(text.charAt(at)))) {
      if (text.charAt(at) === '\\' && quoted) at += 1;
      else if (text.charAt(at) === '"') quoted = !quoted;
      at += 1;
    }
    found.push(termOf(text.slice(start, Math.min(at, text.length)), start));
  }
  return found;
}

function termOf(text: string, start: number): Term {
  const head = /^(-?)(?:([A-Za-z_][A-Za-z0-9_.-]*):(>=|<=|>|<)?)?/.exec(text);
  const [whole = '', minus = '', field, operator = ''] = head ?? [];
  return {
    text,
    start,
    end: start + text.length,
    negated: minus === '-',
    ...(field ? { field: field.toLowerCase() } : {}),
    operator,
    values: parts(text.slice(whole.length), start + whole.length),
  };
}

function parts(text: string, start: number): Part[] {
  const found: Part[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at <= text.length; at += 1) {
    const here = text.charAt(at);
    if (here === '\\' && quoted) at += 1;
    else if (here === '"') quoted = !quoted;
    else if (at === text.length || (here === ',' && !quoted)) {
      found.push({ text: unquote(text.slice(from, at)), start: start + from, end: start + at });
      from = at + 1;
    }
  }
  return found;
}

function unquote(text: string): string {
  return text.replace(/^"|"$/g, '').replace(/\\(["\\])/g, '$1');
}

/** A value as it may stand behind a colon. */
export function quote(value: string): string {
  return /^[^\s"(),:<>=-][^\s"(),]*$/.test(value)
    ? value
    : `"${value.replace(/(["\\])/g, '\\$1')}"`;
}

export function term(field: string, ...values: string[]): string {
  return `${field}:${values.map(quote).join(',')}`;
}

/** Several queries at once; empty ones say nothing. */
export function both(...queries: (string | undefined)[]): string {
  return queries.filter((each) => each !== undefined && each.trim() !== '').join(' ');
}

/** What any of the queries means, as one. */
export function either(...queries: string[]): string {
  if (queries.length < 2) return queries[0] ?? '';
  return `(${queries.map((each) => `(${each})`).join(' OR ')})`;
}

/** What the query asks of a field, without the negated terms. */
export function valuesOf(text: string, field: string): string[] {
  return terms(text)
    .filter((each) => each.field === field && !each.negated && each.operator === '')
    .flatMap((each) => each.values.map((value) => value.text))
    .filter((value) => value !== '');
}

export function mentions(text: string, field: string): boolean {
  return terms(text).some((each) => each.field === field);
}

/** The query without its plain terms of a field. */
export function without(text: string, field: string): string {
  let out = text;
  for (const each of terms(text).reverse()) {
    if (each.field === field && !each.negated) out = out.slice(0, each.start) + out.slice(each.end);
  }
  return out.replace(/\s+/g, ' ').trim();
}

/** Has the field be one of these, and nothing else; none: anything. */
export function withValues(text: string, field: string, values: string[]): string {
  const rest = without(text, field);
  return values.length === 0 ? rest : both(rest, term(field, ...values));
}

/** Adds the value to those the field may have, or takes it out. */
export function toggled(text: string, field: string, value: string): string {
  const now = valuesOf(text, field);
  return withValues(
    text,
    field,
    now.includes(value) ? now.filter((each) => each !== value) : [...now, value],
  );
}

/** Puts a whole term in, or takes it out where it stands as it is. */
export function toggledTerm(text: string, whole: string): string {
  const here = terms(text).find((each) => each.text === whole);
  if (!here) return both(text, whole);
  return `${text.slice(0, here.start)}${text.slice(here.end)}`.replace(/\s+/g, ' ').trim();
}

const MOST = 9;

/** What could stand at the caret. */
export function completionAt(
  text: string,
  caret: number,
  fields: readonly FieldHint[],
): Completion | undefined {
  const here = terms(text).find((each) => each.start <= caret && caret <= each.end);
  if (!here || here.field === undefined) {
    const start = here ? here.start + (here.negated ? 1 : 0) : caret;
    const typed = text.slice(start, caret).toLowerCase();
    if (typed.startsWith('"')) return undefined;
    const choices = fields
      .flatMap((field) => {
        const name = [field.name, ...field.aliases].find((each) => each.startsWith(typed));
        const rank = field.name.startsWith(typed) ? 0 : 1;
        return name === undefined ? [] : [{ field, rank }];
      })
      .sort((a, b) => a.rank - b.rank)
      .slice(0, MOST)
      .map(({ field }) => ({ insert: `${field.name}:`, label: `${field.name}:`, doc: field.doc }));
    return choices.length > 0 ? { from: start, to: here?.end ?? caret, choices } : undefined;
  }
  const field = fields.find(
    (each) => each.name === here.field || each.aliases.includes(here.field ?? ''),
  );
  const value = here.values.find((each) => each.start <= caret && caret <= each.end);
  if (!field || !value) return undefined;
  const typed = text
    .slice(value.start, caret)
    .replace(/^"|^[<>]=?/g, '')
    .toLowerCase();
  const taken = here.values.filter((each) => each !== value).map((each) => each.text);
  const fitting = field.values.filter(
    (each) => each.toLowerCase().includes(typed) && each !== typed && !taken.includes(each),
  );
  fitting.sort(
    (a, b) => Number(b.toLowerCase().startsWith(typed)) - Number(a.toLowerCase().startsWith(typed)),
  );
  const choices = fitting
    .slice(0, MOST)
    .map((each): Suggestion => ({ insert: quote(each), label: each }));
  if (choices.length === 0 && typed === '' && field.example)
    return {
      from: value.start,
      to: value.end,
      choices: [{ insert: '', label: field.example, doc: `${field.doc}, for example` }],
    };
  return choices.length > 0 ? { from: value.start, to: value.end, choices } : undefined;
}

/** The text and caret after a suggestion was taken. */
export function accept(
  text: string,
  completion: Completion,
  choice: Suggestion,
): { text: string; caret: number } {
  if (choice.insert === '') return { text, caret: completion.to };
  const isField = choice.insert.endsWith(':');
  const rest = text.slice(completion.to);
  const gap = isField || /^[\s,)]/.test(rest) ? '' : ' ';
  const before = text.slice(0, completion.from) + choice.insert + gap;
  return { text: before + (gap === ' ' ? rest.trimStart() : rest), caret: before.length };
}

export interface Mistake {
  message: string;
  start: number;
  end: number;
  suggestion?: string | null;
}

/** The query with the mistake put right as suggested. */
export function mended(text: string, mistake: Mistake): string {
  const letters = [...text];
  return [
    ...letters.slice(0, mistake.start),
    mistake.suggestion ?? '',
    ...letters.slice(mistake.end),
  ].join('');
}
