// Dates relative to now, and exact for those who hover.

const STEPS: [limit: number, size: number, unit: string][] = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [86_400 * 45, 86_400, 'd'],
  [86_400 * 365 * 2, 86_400 * 30.44, 'mo'],
  [Number.POSITIVE_INFINITY, 86_400 * 365.25, 'y'],
];

/** "4 min ago", "in 3 h", "just now". */
export function relative(when: string, now: number): string {
  const seconds = (now - Date.parse(when)) / 1000;
  if (Number.isNaN(seconds)) return when;
  const size = Math.abs(seconds);
  if (size < 10) return 'just now';
  const [, divisor, unit] = STEPS.find(([limit]) => size < limit) ?? [0, 1, 's'];
  const text = `${Math.floor(size / divisor)} ${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** "2026-11-21 10:36:02 UTC"; a date without a time stays a date. */
export function exact(when: string): string {
  if (/^\d{4}-\d\d-\d\d$/.test(when)) return when;
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return when;
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** "2026-11-21". */
export function day(when: string): string {
  return exact(when).slice(0, 10);
}

/** "850 ms", "12 s", "3 min 20 s". */
export function duration(from: string, to: string): string {
  const ms = Math.max(0, Date.parse(to) - Date.parse(from));
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round((ms % 60_000) / 1000);
  return minutes < 60
    ? `${minutes} min ${seconds} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Whole days since `when`. */
export function daysSince(when: string, now: number): number {
  return Math.floor((now - Date.parse(when)) / 86_400_000);
}
