// What one document says, statement by statement.

import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type VexDocument, type VexStatement, vex } from '../../api/vex';
import { Waiting } from '../../components/List';
import { ProblemBlank } from '../../components/ProblemNotice';
import { useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Pane } from '../../ui/Pane';
import { SearchField } from '../../ui/SearchField';
import { Time } from '../../ui/Time';
import classes from './vex.module.css';

const STATUS: Record<VexStatement['status'], string> = {
  not_affected: 'Not affected',
  affected: 'Affected',
  fixed: 'Fixed',
  under_investigation: 'Under investigation',
};

export function StatementsPane({
  document,
  onClose,
}: {
  document: VexDocument;
  onClose: () => void;
}) {
  const [search, set] = useUrl();
  const query = useInfiniteQuery(vex.statements(document.id, search.q ?? ''));
  const pages = query.data?.pages ?? [];
  const statements = pages.flatMap((page) => page.items);
  const total = pages[0]?.total ?? 0;
  return (
    <Pane label="What the document says" title={document.name} onClose={onClose}>
      <div className={classes.pane}>
        <SearchField
          label="Filter statements"
          placeholder="Vulnerability, product or word"
          value={search.q ?? ''}
          onChange={(next) => set({ q: next || undefined })}
        />
        {query.isPending && <Waiting label="statements" rows={6} />}
        {query.error && !query.data && (
          <ProblemBlank problem={query.error} onRetry={() => query.refetch()} />
        )}
        {query.data && (
          <>
            <span className={classes.quiet}>
              {plural(total, 'statement')}
              {search.q ? ' with that in it' : ''}
            </span>
            <ul className={classes.statements} aria-label="Statements">
              {statements.map((statement, index) => (
                <Statement key={index} statement={statement} />
              ))}
            </ul>
          </>
        )}
        {query.hasNextPage && (
          <Button
            size="xs"
            variant="default"
            loading={query.isFetchingNextPage}
            onClick={() => query.fetchNextPage()}
          >
            Show more
          </Button>
        )}
      </div>
    </Pane>
  );
}

function Statement({ statement }: { statement: VexStatement }) {
  const more = statement.products_total - statement.products.length;
  return (
    <li>
      <b>{statement.vulnerability}</b> · {STATUS[statement.status]}
      {(statement.aliases?.length ?? 0) > 0 && (
        <div className={classes.quiet}>also {statement.aliases?.join(', ')}</div>
      )}
      {statement.justification && <div>{statement.justification.replaceAll('_', ' ')}</div>}
      {statement.note && <div className={classes.words}>{statement.note}</div>}
      <ul className={classes.products}>
        {statement.products.map((product, index) => (
          <li key={index}>
            {product.name}
            {product.parts?.map((part) => (
              <div key={part}>– {part}</div>
            ))}
          </li>
        ))}
        {more > 0 && <li>and {count(more)} more</li>}
      </ul>
      {statement.time && (
        <div className={classes.quiet}>
          said <Time at={statement.time} />
        </div>
      )}
    </li>
  );
}
