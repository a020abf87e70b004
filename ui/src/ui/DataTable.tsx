// A long list: the rows in sight under a sticky head on a desk, cards on a
// phone. Sorting and paging are the server's; this draws and steers.
//
// Every row is equally high, so which are in sight is a division, and the
// first painting needs no measuring. A row is drawn again only when it or
// the columns change.

import { ActionIcon, Checkbox } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { IconArrowDown, IconArrowUp, IconColumns3 } from '@tabler/icons-react';
import {
  lazy,
  type MouseEvent,
  memo,
  type ReactNode,
  Suspense,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
} from 'react';
import { Check } from './Check';
import classes from './DataTable.module.css';
import { Foot } from './Foot';
import { useKeys } from './keys';
import { Menu } from './Menu';
import { isControl, usePhone } from './phone';
import { Tooltip } from './Tooltip';

const Cards = lazy(async () => ({ default: (await import('./Cards')).Cards }));

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

const ROW_PX = 30;
const HEAD_PX = 32;
/** Rows drawn beyond the edges of what is in sight. */
const BESIDE = 8;
/** The window moves in steps: most of a scroll draws nothing. */
const STEP = 6;
/** How close to the end of what is loaded more is asked for. */
export const AHEAD_ROWS = 30;

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const isPhone = usePhone();
  if (!isPhone) return <Grid {...props} />;
  return (
    <Suspense>
      <Cards {...(props as unknown as DataTableProps<object>)} />
    </Suspense>
  );
}

/** The first row in sight, in steps. */
function firstOf(region: HTMLElement | null): number {
  const above = Math.floor((region?.scrollTop ?? 0) / ROW_PX) - BESIDE;
  return Math.max(0, Math.floor(above / STEP) * STEP);
}

function windowRows(): number {
  return Math.ceil(innerHeight / ROW_PX) + 2 * BESIDE + STEP;
}

function Grid<T extends object>(props: DataTableProps<T>) {
  const { label, rows, total, columns, rowKey, sort, onSort, selected, onSelect, onOpen } = props;
  const region = useRef<HTMLDivElement>(null);
  const [hidden, setHidden] = useLocalStorage<string[]>({
    key: `seawall.hidden.${label}`,
    defaultValue: [],
    getInitialValueInEffect: false,
  });
  const shown = useMemo(
    () => columns.filter((column) => column.fixed || !hidden.includes(column.id)),
    [columns, hidden],
  );
  const { ticks } = props;
  const template = `${ticks ? '18px ' : ''}${shown.map((column) => column.width).join(' ')}`;
  const ticked = ticks ? rows.filter((row) => ticks.ids.has(rowKey(row))).length : 0;

  const [first, setFirst] = useState(0);
  // No table is higher than the window, so the window's height is enough.
  const [most, setMost] = useState(windowRows);
  useEffect(() => {
    const resized = () => setMost(windowRows());
    addEventListener('resize', resized);
    return () => removeEventListener('resize', resized);
  }, []);
  const from = Math.min(first, Math.max(0, rows.length - 1));
  const to = Math.min(rows.length, from + most);
  const more = useEffectEvent(() => {
    if (props.hasMore && to > rows.length - AHEAD_ROWS) props.onMore?.();
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: these are what it is asked anew for
  useEffect(() => more(), [to, rows.length, props.hasMore]);

  const show = (index: number) => {
    const box = region.current;
    if (!box) return;
    const top = index * ROW_PX;
    const bottom = HEAD_PX + top + ROW_PX - box.clientHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop) box.scrollTop = bottom;
  };
  // Keys may be quicker than the address: each goes on from where the last
  // one meant to be, not from what is drawn.
  const asked = useRef<(string | undefined)[]>([]);
  useEffect(() => {
    const at = asked.current.indexOf(selected);
    asked.current = at < 0 ? [] : asked.current.slice(at + 1);
  }, [selected]);
  const place = (): number => {
    const key = asked.current.length > 0 ? asked.current.at(-1) : selected;
    return key === undefined ? -1 : rows.findIndex((row) => rowKey(row) === key);
  };
  const choose = (key: string | undefined) => {
    asked.current.push(key);
    onSelect?.(key);
  };
  const step = (by: number) => {
    const index = Math.max(0, Math.min(rows.length - 1, place() + by));
    const next = rows[index];
    if (!next || !onSelect) return;
    if (index !== place()) choose(rowKey(next));
    show(index);
  };
  const back = () => step(place() < 0 ? 1 : -1);
  const tick = (reach: boolean) => {
    const row = rows[place()];
    if (row) ticks?.onTick(rowKey(row), reach);
  };
  useKeys(
    {
      j: () => step(1),
      k: back,
      ']': () => step(1),
      '[': back,
      ...(ticks ? { x: () => tick(false), X: () => tick(true) } : {}),
      Enter: (event) => {
        const row = rows[place()];
        const target = event.target as HTMLElement;
        const open = props.onEnter ?? onOpen;
        if (row && open && !target.closest('a, button')) open(row);
        else if (target.closest('a, button')) (target.closest('a, button') as HTMLElement).click();
      },
      Escape: () => place() >= 0 && choose(undefined),
    },
    props.hasKeys !== false && onSelect !== undefined,
  );
  const clicked = (event: MouseEvent<HTMLElement>) => {
    const target = event.target as HTMLElement;
    const index = target.closest('[aria-rowindex]')?.getAttribute('aria-rowindex');
    const row = index ? rows[Number(index) - 2] : undefined;
    if (!row) return;
    if (ticks && target instanceof HTMLInputElement) ticks.onTick(rowKey(row), event.shiftKey);
    else if (!isControl(event)) onOpen?.(row);
  };

  return (
    <div className={classes.frame}>
      <div
        ref={region}
        className={classes.region}
        role="region"
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        onScroll={() => setFirst(firstOf(region.current))}
      >
        <div
          role="table"
          aria-label={label}
          aria-rowcount={total + 1}
          aria-colcount={shown.length + (ticks ? 1 : 0)}
          className={classes.table}
          style={{ minWidth: props.minWidth ?? 640, '--columns': template } as object}
        >
          <div role="rowgroup" className={classes.headgroup}>
            <div role="row" className={classes.head}>
              {ticks && (
                <div role="columnheader" className={classes.headcell}>
                  <Check
                    label={`Choose all ${props.nouns ?? `${props.noun}s`}`}
                    isOn={ticked > 0 && ticked === rows.length}
                    isPartly={ticked > 0 && ticked < rows.length}
                    onChange={ticks.onTickAll}
                  />
                </div>
              )}
              {shown.map((column) => (
                <Head key={column.id} column={column} sort={sort} onSort={onSort} />
              ))}
            </div>
          </div>
          {/* biome-ignore lint/a11y/useKeyWithClickEvents: j, k, x and Enter do the same for the keyboard, and each row holds a link */}
          <div
            role="rowgroup"
            className={classes.body}
            data-stale={props.isStale || undefined}
            data-opens={onOpen !== undefined || undefined}
            style={{ height: rows.length * ROW_PX, paddingTop: from * ROW_PX }}
            onClick={clicked}
          >
            {rows.slice(from, to).map((row, index) => {
              const key = rowKey(row);
              return (
                <Row
                  key={key}
                  row={row}
                  index={from + index}
                  columns={shown as Column<object>[]}
                  isSelected={key === selected}
                  isMuted={props.isMuted?.(row) ?? false}
                  isTicked={ticks?.ids.has(key)}
                />
              );
            })}
          </div>
        </div>
      </div>
      <div className={classes.below}>
        <Foot {...props} />
        <Menu position="top-end" closeOnItemClick={false}>
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

const Row = memo(function Row({
  row,
  index,
  columns,
  isSelected,
  isMuted,
  isTicked,
}: {
  row: object;
  index: number;
  columns: Column<object>[];
  isSelected: boolean;
  isMuted: boolean;
  /** Absent where nothing can be ticked. */
  isTicked: boolean | undefined;
}) {
  return (
    <div
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-current={isSelected || undefined}
      className={classes.row}
      aria-selected={isTicked}
      data-ticked={isTicked || undefined}
      data-muted={isMuted || undefined}
    >
      {isTicked !== undefined && (
        <div role="cell" className={classes.tick}>
          <Check label={`Choose row ${index + 1}`} isOn={isTicked} tabIndex={-1} />
        </div>
      )}
      {columns.map((column) => (
        <div role="cell" key={column.id} className={classes.cell} data-align={column.align}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
});

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
