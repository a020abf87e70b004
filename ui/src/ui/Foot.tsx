import { count } from '../lib/format';
import type { DataTableProps } from './DataTable';
import classes from './DataTable.module.css';

/** How many there are, and how many of them are loaded. */
export function Foot<T>({
  rows,
  total,
  isCapped,
  isStale,
  noun,
  nouns = `${noun}s`,
}: DataTableProps<T>) {
  const all = `${count(total)}${isCapped ? '+' : ''} ${total === 1 ? noun : nouns}`;
  return (
    <div className={classes.foot} aria-live="polite">
      {isStale ? '…' : rows.length < total ? `${count(rows.length)} of ${all}` : all}
    </div>
  );
}
