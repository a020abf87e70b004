// A list of the API on screen: waiting, failed, empty, or rows.

import { Skeleton } from '@mantine/core';
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Page } from '../api/types';
import { DataTable, type DataTableProps } from '../ui/DataTable';
import classes from './List.module.css';
import { ProblemBlank } from './ProblemNotice';

type Fed = 'rows' | 'total' | 'isCapped' | 'isStale' | 'hasMore' | 'onMore';

export function List<T extends object>({
  query,
  empty,
  ...table
}: Omit<DataTableProps<T>, Fed> & {
  query: UseInfiniteQueryResult<InfiniteData<Page<T>>>;
  empty: ReactNode;
}) {
  if (query.isPending) return <Waiting label={table.label} />;
  if (query.error && !query.data) {
    return <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />;
  }
  const pages = query.data?.pages ?? [];
  const rows = pages.flatMap((page) => page.items);
  if (rows.length === 0) return <>{empty}</>;
  return (
    <DataTable
      {...table}
      rows={rows}
      total={Math.max(pages[0]?.total ?? 0, rows.length)}
      isCapped={pages[0]?.total_capped ?? false}
      isStale={query.isPlaceholderData}
      hasMore={query.hasNextPage && !query.isFetchingNextPage}
      onMore={() => query.fetchNextPage()}
    />
  );
}

/** The shape of what is to come; never a zero. */
export function Waiting({ label, rows = 12 }: { label: string; rows?: number }) {
  return (
    <div className={classes.waiting} role="status" aria-label={`Loading ${label}`}>
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={14} width={`${92 - ((index * 17) % 40)}%`} />
      ))}
    </div>
  );
}
