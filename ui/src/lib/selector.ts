// Label selectors as people type them (`team=a, tier in (web, api), !old`)
// and as Kubernetes writes them.

export type Expression = { key: string; operator: string; values?: string[] };
export type Selector = { matchLabels?: Record<string, string>; matchExpressions?: Expression[] };

const KEY = '(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?';
const VALUE = '[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?';
const EQUAL = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})?$`);
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`, 'i');
const THERE = new RegExp(`^(!?)\\s*(${KEY})$`);
const WHOLE = new RegExp(`^${VALUE}$`);

/** Parts between commas that are not inside parentheses. */
function parts(text: string): string[] {
  return text
    .split(/,(?![^()]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function expression(part: string): Expression | undefined {
  const equal = EQUAL.exec(part);
  if (equal)
    return {
      key: equal[1] as string,
      operator: equal[2] === '!=' ? 'NotIn' : 'In',
      values: [equal[3] ?? ''],
    };
  const set = SET.exec(part);
  if (set) {
    const values = (set[3] as string).split(',').map((value) => value.trim());
    if (!values.every((value) => WHOLE.test(value))) return undefined;
    const operator = (set[2] as string).toLowerCase() === 'in' ? 'In' : 'NotIn';
    return { key: set[1] as string, operator, values };
  }
  const there = THERE.exec(part);
  if (there) return { key: there[2] as string, operator: there[1] ? 'DoesNotExist' : 'Exists' };
  return undefined;
}

/** A selector, and what keeps the text from being one; empty: none. */
export function readSelector(text: string): { value?: Selector; fault?: string } {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: Expression[] = [];
  for (const part of parts(text)) {
    const read = expression(part);
    if (!read)
      return {
        fault: `“${part}” is no condition: write team=a, team!=a, tier in (web, api), tier notin (old), team or !team.`,
      };
    const only = read.operator === 'In' && read.values?.length === 1 ? read.values[0] : undefined;
    if (only !== undefined && !Object.hasOwn(matchLabels, read.key)) matchLabels[read.key] = only;
    else matchExpressions.push(read);
  }
  const value: Selector = {
    ...(Object.keys(matchLabels).length > 0 ? { matchLabels } : {}),
    ...(matchExpressions.length > 0 ? { matchExpressions } : {}),
  };
  return Object.keys(value).length > 0 ? { value } : {};
}

function spelled({ key, operator, values = [] }: Expression): string {
  switch (operator) {
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(', ')})`;
    default:
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(', ')})`;
  }
}

/** A selector as somebody would have typed it. */
export function writeSelector(selector: unknown): string {
  const { matchLabels = {}, matchExpressions = [] } = (selector ?? {}) as Selector;
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  return [...labels, ...matchExpressions.map(spelled)].join(', ');
}
