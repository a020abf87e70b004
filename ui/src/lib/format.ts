// How numbers, sizes, digests and names are written on screen.

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** 12345 as "12,345". */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** "1 image", "2 images", "3 vulnerabilities". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Where room is short: "1.2k", "34k". */
export function compact(value: number): string {
  if (value < 1000) return String(value);
  if (value < 9950) return `${(value / 1000).toFixed(1)}k`;
  return value < 999_500 ? `${Math.round(value / 1000)}k` : `${(value / 1e6).toFixed(1)}M`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Decimal units, three significant digits: "31.4 MB". */
export function bytes(value: number): string {
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${UNITS[unit]}`;
}

/** The first twelve hex digits, as people quote a digest. */
export function shortDigest(digest: string): string {
  const hex = digest.includes(':') ? digest.slice(digest.indexOf(':') + 1) : digest;
  return hex.slice(0, 12);
}

/** A probability as a percentage that never rounds to a false zero. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<0.1 %';
  return `${value >= 10 ? Math.floor(value) : value.toFixed(1)} %`;
}

/** "registry.example/team/app:1.2" in parts, so that a list can dim the registry. */
export function imageName(name: string): { registry: string; rest: string; tag: string } {
  const [path = name, digest] = name.split('@');
  const slash = path.indexOf('/');
  const head = slash < 0 ? '' : path.slice(0, slash);
  const isHost = head.includes('.') || head.includes(':') || head === 'localhost';
  const registry = isHost ? `${head}/` : '';
  const tail = path.slice(registry.length);
  const colon = tail.lastIndexOf(':');
  const tag = digest
    ? `@${digest.slice(0, 19)}`
    : colon > tail.lastIndexOf('/')
      ? tail.slice(colon)
      : '';
  return { registry, rest: digest || tag === '' ? tail : tail.slice(0, colon), tag };
}

/** History lines carry the shell that ran them; people wrote only the step. */
export function dockerfileStep(createdBy: string): string {
  let text = createdBy.replace(/\s+/g, ' ').trim();
  text = text.replace(/^\|\d+ (?:\S+=\S* )*/, '');
  text = text.replace(/^\/bin\/sh -c #\(nop\)\s*/, '');
  text = text.replace(/^(?:RUN )?\/bin\/(?:ba|a)?sh -c /, 'RUN ');
  return text.replace(/ # buildkit$/, '');
}
