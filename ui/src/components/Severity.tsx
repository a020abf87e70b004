import { Link } from '@tanstack/react-router';
import { count, plural } from '../lib/format';
import {
  type Counts,
  SEVERITIES,
  SEVERITY_NAME,
  type Severity,
  spell,
  totalOf,
} from '../lib/severity';
import { Tooltip } from '../ui/Tooltip';
import classes from './Severity.module.css';

/** The word on its colour: never the colour alone. */
export function SeverityMark({ severity }: { severity: Severity }) {
  return (
    <span className={classes.mark} data-severity={severity}>
      {SEVERITY_NAME[severity]}
    </span>
  );
}

const STRIP: Severity[] = ['critical', 'high', 'medium', 'low'];

/** Four counts in fixed places, so that a column of them can be read down. */
export function SeverityStrip({ counts }: { counts: Counts }) {
  const rest = counts.info + counts.unknown;
  const more = rest > 0 ? ` (${plural(rest, 'more', 'more')} info or unknown)` : '';
  return (
    <span
      className={classes.strip}
      role="img"
      aria-label={`Findings: ${spell(counts)}`}
      title={`${spell(counts)}${more}`}
    >
      {STRIP.map((severity) => (
        <span
          key={severity}
          className={classes.cell}
          data-severity={counts[severity] > 0 ? severity : undefined}
        >
          <b aria-hidden>{SEVERITY_NAME[severity].charAt(0)}</b>
          <span aria-hidden>{short(counts[severity])}</span>
        </span>
      ))}
    </span>
  );
}

function short(value: number): string {
  return value < 1000
    ? String(value)
    : value < 10_000
      ? `${(value / 1000).toFixed(1)}k`
      : `${Math.round(value / 1000)}k`;
}

/** Every severity's share, each part a link to the findings it counts. */
export function SeverityBar({
  counts,
  to,
  label,
}: {
  counts: Counts;
  to: (severity: Severity) => {
    to: string;
    search: Record<string, unknown>;
    params?: Record<string, string>;
  };
  label: string;
}) {
  const total = totalOf(counts);
  const parts = SEVERITIES.filter((severity) => counts[severity] > 0);
  if (total === 0)
    return <div className={classes.bar} data-empty role="img" aria-label={`${label}: none`} />;
  return (
    <nav className={classes.bar} aria-label={label}>
      {parts.map((severity) => (
        <Tooltip key={severity} label={`${count(counts[severity])} ${severity}`}>
          <Link
            {...(to(severity) as { to: '.' })}
            className={classes.part}
            data-severity={severity}
            // A part too thin to hold its number would hide it: the floor keeps each readable.
            style={{
              flexGrow: counts[severity],
              flexBasis: `${String(counts[severity]).length * 8 + 22}px`,
            }}
          >
            <span className={classes.partName}>{SEVERITY_NAME[severity]}</span>{' '}
            <span className="tabular">{count(counts[severity])}</span>
          </Link>
        </Tooltip>
      ))}
    </nav>
  );
}

/** The bar without words, for places whose numbers stand beside it. */
export function SeverityLine({ counts }: { counts: Counts }) {
  const parts = SEVERITIES.filter((severity) => counts[severity] > 0);
  return (
    <span
      className={classes.line}
      role="img"
      aria-label={`Findings: ${spell(counts)}`}
      title={spell(counts)}
    >
      {parts.map((severity) => (
        <span key={severity} data-severity={severity} style={{ flexGrow: counts[severity] }} />
      ))}
    </span>
  );
}
