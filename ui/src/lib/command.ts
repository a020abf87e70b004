// The current view as something to run elsewhere. Whatever is typed into a
// search reaches a shell only inside quotes.

/** One word of a POSIX shell. */
export function shell(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function findingsCommand(q: string, environment: string, format?: string): string {
  const words = ['seawall findings list'];
  if (environment !== 'local') words.push(`--environment ${shell(environment)}`);
  if (format) words.push(`--format ${format}`);
  if (q !== '') words.push(`-- ${shell(q)}`);
  return words.join(' ');
}

export function curl(origin: string, path: string, query: Record<string, string>): string {
  const search = new URLSearchParams(query).toString();
  return `curl -H "Authorization: Bearer $SEAWALL_TOKEN" ${shell(`${origin}${path}${search ? `?${search}` : ''}`)}`;
}

const FORMULA = /^[=+\-@\t\r]/;

/** A table as RFC 4180 has it; nothing a spreadsheet would run. */
export function csv(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cell = (value: unknown) => {
    const plain = value === null || value === undefined ? '' : String(value);
    const text = FORMULA.test(plain) ? `'${plain}` : plain;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
