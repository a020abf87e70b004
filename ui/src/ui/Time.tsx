import { day, exact, relative } from '../lib/time';
import { useNow } from './clock';
import { Tooltip } from './Tooltip';

/** A date, relative; the exact one on hover. */
export function Time({ at, fallback = '–' }: { at: string | null | undefined; fallback?: string }) {
  const now = useNow();
  if (!at) return <span>{fallback}</span>;
  return (
    <Tooltip label={exact(at)}>
      <time dateTime={at} className="nowrap">
        {relative(at, now)}
      </time>
    </Tooltip>
  );
}

/** A calendar day, for things whose hour does not matter. */
export function Day({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span>–</span>;
  return (
    <Tooltip label={relative(at, now)}>
      <time dateTime={at} className="nowrap">
        {day(at)}
      </time>
    </Tooltip>
  );
}
