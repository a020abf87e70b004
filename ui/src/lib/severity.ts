// The severity scale: five steps and "nobody has said", worst first.

export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info', 'unknown'] as const;
export type Severity = (typeof SEVERITIES)[number];
export type Counts = Record<Severity, number>;

export const SEVERITY_NAME: Record<Severity, string> = {
  critical: 'Critical',
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  info: 'Info',
  unknown: 'Unknown',
};

export function isSeverity(text: string): text is Severity {
  return (SEVERITIES as readonly string[]).includes(text);
}

export function totalOf(counts: Partial<Counts>): number {
  return SEVERITIES.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
}

/** The worst severity that is there at all. */
export function worstOf(counts: Partial<Counts>): Severity | undefined {
  return SEVERITIES.find((severity) => (counts[severity] ?? 0) > 0);
}

/** "3 critical, 12 high": for readers who do not see the bar. */
export function spell(counts: Partial<Counts>): string {
  const parts = SEVERITIES.filter((severity) => (counts[severity] ?? 0) > 0).map(
    (severity) => `${counts[severity]} ${severity}`,
  );
  return parts.length > 0 ? parts.join(', ') : 'none';
}
