// A long list: virtual rows under a sticky head on a desk, cards on a
// phone. Sorting and paging are the server's; this draws and steers.

import { ActionIcon, Checkbox, Menu, Tooltip, useMantineTheme } from '@mantine/core';
import { useLocalStorage, useMediaQuery } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp, IconColumns3 } from '@tabler/icons-react';
import {
  columnVisibilityFeature,
  createColumnHelper,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useVirtualizer, useWindowVirtualizer } from '@tanstack/react-virtual';
import { type MouseEvent, type ReactNode, useMemo, useRef } from 'react';
import { count } from '../lib/format';
import classes from './DataTable.module.css';
import { useKeys } from './keys';

export interface Column<T> {
  id: string;
  header: string;
  /** A grid track: `90px`, `minmax(160px, 2fr)`. */
  width: string;
  cell: (row: T) => ReactNode;
  /** Said to readers and in the columns menu where `header` is terse. */
  name?: string;
  /** The orders the server knows for it, in the order clicks go through them. */
  sorts?: string[];
  align?: 'right';
  /** Cannot be hidden: it names the row. */
  fixed?: boolean;
}

export interface DataTableProps<T> {
  /** What the rows are, for readers and for remembered columns. */
  label: string;
  /** One row, in a word. */
  noun: string;
  nouns?: string;
  rows: T[];
  total: number;
  /** There are more than `total`. */
  isCapped?: boolean;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  card: (row: T) => ReactNode;
  /** One of the columns' `sorts`; a leading minus is descending. */
  sort?: string;
  onSort?: (sort: string) => void;
  selected?: string;
  onSelect?: (key: string | undefined) => void;
  onOpen?: (row: T) => void;
  /** Old rows of a question that is being asked anew. */
  isStale?: boolean;
  hasMore?: boolean;
  onMore?: () => void;
  /** Minimum width before the table scrolls sideways. */
  minWidth?: number;
  /** Rows that ought to look crossed out. */
  isMuted?: (row: T) => boolean;
  /** j, k and Enter steer this table. */
  hasKeys?: boolean;
  /** What Enter does, where it is not what a click does. */
  onEnter?: (row: T) => void;
  /** Rows ticked to be acted on together; absent: no boxes. */
  ticks?: Ticks | undefined;
}

export interface Ticks {
  ids: ReadonlySet<string>;
  /** `reach`: everything from the last one ticked to this. */
  onTick: (key: string, reach: boolean) => void;
  onTickAll: () => void;
}

const features = tableFeatures({ rowSortingFeature, columnVisibilityFeature });
const ROW_PX = 30;
const AHEAD_ROWS = 30;

export function usePhone(): boolean {
  const theme = useMantineTheme();
  return useMediaQuery(`(max-width: ${theme.breakpoints.sm})`, false, {
    getInitialValueInEffect: false,
  });
}

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const isPhone = usePhone();
  return isPhone ? <Cards {...props} /> : <Grid {...props} />;
}

function isControl(event: MouseEvent): boolean {
  const target = event.target as HTMLElement;
  if (target.closest('a, button, input, label')) return true;
  return (getSelection()?.toString() ?? '') !== '';
}

function Foot<T>({ rows, total, isCapped, isStale, noun, nouns = `${noun}s` }: DataTableProps<T>) {
  const all = `${count(total)}${isCapped ? '+' : ''} ${total === 1 ? noun : nouns}`;
  return (
    <div className={classes.foot} aria-live="polite">
      {isStale ? '…' : rows.length < total ? `${count(rows.length)} of ${all}` : all}
    </div>
  );
}

function Grid<T extends object>(props: DataTableProps<T>) {
  const { label, rows, total, columns, rowKey, sort, onSort, selected, onSelect, onOpen } = props;
  const region = useRef<HTMLDivElement>(null);
  const [hidden, setHidden] = useLocalStorage<string[]>({
    key: `seawall.hidden.${label}`,
    defaultValue: [],
    getInitialValueInEffect: false,
  });
  const definitions = useMemo(() => {
    const column = createColumnHelper<typeof features, T>();
    return column.columns(
      columns.map((each) =>
        column.display({
          id: each.id,
          header: each.header,
          enableHiding: !each.fixed,
          cell: ({ row }) => each.cell(row.original),
        }),
      ),
    );
  }, [columns]);
  const table = useTable({
    features,
    data: rows,
    columns: definitions,
    getRowId: rowKey,
    manualSorting: true,
    state: {
      sorting: sort ? [{ id: sort.replace(/^-/, ''), desc: sort.startsWith('-') }] : [],
      columnVisibility: Object.fromEntries(hidden.map((id) => [id, false])),
    },
  });
  const shown = table.getVisibleLeafColumns().flatMap((visible) => {
    const column = columns.find((each) => each.id === visible.id);
    return column ? [column] : [];
  });
  const { ticks } = props;
  const template = `${ticks ? '18px ' : ''}${shown.map((column) => column.width).join(' ')}`;
  const ticked = ticks ? rows.filter((row) => ticks.ids.has(rowKey(row))).length : 0;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => region.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => (rows[index] ? rowKey(rows[index]) : index),
    overscan: 12,
    onChange: (instance) => {
      const last = instance.getVirtualItems().at(-1);
      if (props.hasMore && last && last.index > rows.length - AHEAD_ROWS) props.onMore?.();
    },
  });
  const at = selected === undefined ? -1 : rows.findIndex((row) => rowKey(row) === selected);
  const step = (by: number) => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (!next || !onSelect) return;
    onSelect(rowKey(next));
    virtual.scrollToIndex(rows.indexOf(next));
  };
  const unselect = () => {
    if (selected !== undefined) onSelect?.(undefined);
  };
  useKeys(
    {
      j: () => step(1),
      k: () => step(at < 0 ? 1 : -1),
      ']': () => step(1),
      '[': () => step(at < 0 ? 1 : -1),
      ...(ticks
        ? {
            x: () => {
              const row = rows[at];
              if (row) ticks.onTick(rowKey(row), false);
            },
            X: () => {
              const row = rows[at];
              if (row) ticks.onTick(rowKey(row), true);
            },
          }
        : {}),
      Enter: (event) => {
        const row = rows[at];
        const target = event.target as HTMLElement;
        const open = props.onEnter ?? onOpen;
        if (row && open && !target.closest('a, button')) open(row);
        else if (target.closest('a, button')) (target.closest('a, button') as HTMLElement).click();
      },
      Escape: unselect,
    },
    props.hasKeys !== false && onSelect !== undefined,
  );

  return (
    <div className={classes.frame}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div ref={region} className={classes.region} role="region" aria-label={label} tabIndex={0}>
        <div
          role="table"
          aria-label={label}
          aria-rowcount={total + 1}
          aria-colcount={shown.length + (ticks ? 1 : 0)}
          className={classes.table}
          style={{ minWidth: props.minWidth ?? 640 }}
        >
          <div role="rowgroup" className={classes.headgroup}>
            <div role="row" className={classes.head} style={{ gridTemplateColumns: template }}>
              {ticks && (
                <div role="columnheader" className={classes.headcell}>
                  <Checkbox
                    size="xs"
                    aria-label={`Choose all ${props.nouns ?? `${props.noun}s`}`}
                    checked={ticked > 0 && ticked === rows.length}
                    indeterminate={ticked > 0 && ticked < rows.length}
                    onChange={ticks.onTickAll}
                  />
                </div>
              )}
              {shown.map((column) => (
                <Head key={column.id} column={column} sort={sort} onSort={onSort} />
              ))}
            </div>
          </div>
          <div
            role="rowgroup"
            className={classes.body}
            data-stale={props.isStale || undefined}
            style={{ height: virtual.getTotalSize() }}
          >
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index];
              if (!row) return null;
              const key = rowKey(row);
              return (
                // biome-ignore lint/a11y/useKeyWithClickEvents: j, k and Enter do the same for the keyboard, and the row holds a link
                <div
                  key={key}
                  role="row"
                  tabIndex={-1}
                  aria-rowindex={item.index + 2}
                  aria-current={key === selected || undefined}
                  className={classes.row}
                  aria-selected={ticks ? ticks.ids.has(key) : undefined}
                  data-ticked={ticks?.ids.has(key) || undefined}
                  data-muted={props.isMuted?.(row) || undefined}
                  data-opens={onOpen !== undefined || undefined}
                  style={{
                    gridTemplateColumns: template,
                    transform: `translateY(${item.start}px)`,
                  }}
                  onClick={(event) => !isControl(event) && onOpen?.(row)}
                >
                  {ticks && (
                    <div role="cell" className={classes.tick}>
                      <Checkbox
                        size="xs"
                        aria-label={`Choose row ${item.index + 1}`}
                        checked={ticks.ids.has(key)}
                        onChange={() => {}}
                        onClick={(event) => ticks.onTick(key, event.shiftKey)}
                        tabIndex={-1}
                      />
                    </div>
                  )}
                  {shown.map((column) => (
                    <div
                      role="cell"
                      key={column.id}
                      className={classes.cell}
                      data-align={column.align}
                    >
                      {column.cell(row)}
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <div className={classes.below}>
        <Foot {...props} />
        <Menu position="top-end" closeOnItemClick={false} withinPortal>
          <Menu.Target>
            <Tooltip label="Columns">
              <ActionIcon size={22} variant="subtle" color="gray" aria-label="Choose columns">
                <IconColumns3 size={14} aria-hidden />
              </ActionIcon>
            </Tooltip>
          </Menu.Target>
          <Menu.Dropdown>
            {columns.map((column) => (
              <Menu.Item
                key={column.id}
                disabled={column.fixed}
                role="menuitemcheckbox"
                aria-checked={!hidden.includes(column.id)}
                onClick={() =>
                  setHidden((ids) =>
                    ids.includes(column.id)
                      ? ids.filter((id) => id !== column.id)
                      : [...ids, column.id],
                  )
                }
                leftSection={
                  <Checkbox.Indicator size="xs" checked={!hidden.includes(column.id)} aria-hidden />
                }
              >
                {column.name ?? column.header}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </div>
    </div>
  );
}

function Head<T>({
  column,
  sort,
  onSort,
}: {
  column: Column<T>;
  sort: string | undefined;
  onSort: ((sort: string) => void) | undefined;
}) {
  const sorts = column.sorts ?? [];
  const at = sort === undefined ? -1 : sorts.indexOf(sort);
  // Severity has one order, worst first, and so reads as descending.
  const isDescending = sort?.startsWith('-') || sort === 'severity';
  const Arrow = isDescending ? IconArrowDown : IconArrowUp;
  const next = sorts[(at + 1) % sorts.length];
  return (
    <div
      role="columnheader"
      className={classes.headcell}
      data-align={column.align}
      aria-sort={at < 0 ? undefined : isDescending ? 'descending' : 'ascending'}
    >
      {next !== undefined && onSort ? (
        <button type="button" className={classes.sort} onClick={() => onSort(next)}>
          <span className="truncate">{column.header}</span>
          {at >= 0 && <Arrow size={12} aria-hidden />}
        </button>
      ) : (
        <span className="truncate">{column.header}</span>
      )}
    </div>
  );
}

function Cards<T extends object>(props: DataTableProps<T>) {
  const { rows, rowKey, selected, onOpen } = props;
  const list = useRef<HTMLUListElement>(null);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => 84,
    getItemKey: (index) => (rows[index] ? rowKey(rows[index]) : index),
    overscan: 8,
    scrollMargin: list.current?.offsetTop ?? 0,
    onChange: (instance) => {
      const last = instance.getVirtualItems().at(-1);
      if (props.hasMore && last && last.index > rows.length - AHEAD_ROWS) props.onMore?.();
    },
  });
  return (
    <div>
      <ul
        ref={list}
        aria-label={props.label}
        className={classes.cards}
        data-stale={props.isStale || undefined}
        style={{ height: virtual.getTotalSize() }}
      >
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const key = rowKey(row);
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: every card holds a link to the same place
            <li
              key={key}
              ref={virtual.measureElement}
              data-index={item.index}
              aria-current={key === selected || undefined}
              className={classes.card}
              data-muted={props.isMuted?.(row) || undefined}
              style={{ transform: `translateY(${item.start - virtual.options.scrollMargin}px)` }}
              onClick={(event) => !isControl(event) && onOpen?.(row)}
            >
              {props.ticks ? (
                <div className={classes.ticked}>
                  <Checkbox
                    size="sm"
                    aria-label={`Choose row ${item.index + 1}`}
                    checked={props.ticks.ids.has(key)}
                    onChange={() => props.ticks?.onTick(key, false)}
                  />
                  {props.card(row)}
                </div>
              ) : (
                props.card(row)
              )}
            </li>
          );
        })}
      </ul>
      <Foot {...props} />
    </div>
  );
}
