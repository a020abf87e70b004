// A list that comes whole, not page by page.

import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { DataTable, type DataTableProps } from '../ui/DataTable';
import { Waiting } from './List';
import { ProblemBlank } from './ProblemNotice';

type Fed = 'rows' | 'total' | 'isCapped' | 'isStale' | 'hasMore' | 'onMore';

export function Rows<T extends object, A>({
  query,
  rows,
  empty,
  ...table
}: Omit<DataTableProps<T>, Fed> & {
  query: UseQueryResult<A>;
  /** The rows of an answer. */
  rows: (answer: A) => T[];
  empty: ReactNode;
}) {
  if (query.isPending) return <Waiting label={table.label} />;
  if (query.error && query.data === undefined)
    return <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />;
  const shown = query.data === undefined ? [] : rows(query.data);
  if (shown.length === 0) return <>{empty}</>;
  return (
    <DataTable {...table} rows={shown} total={shown.length} isStale={query.isPlaceholderData} />
  );
}
