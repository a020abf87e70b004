// The list on a phone: cards, each as high as what it says.

import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { Check } from './Check';
import { AHEAD_ROWS, type DataTableProps } from './DataTable';
import classes from './DataTable.module.css';
import { Foot } from './Foot';
import { isControl } from './phone';

export function Cards<T extends object>(props: DataTableProps<T>) {
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
                  <Check
                    label={`Choose row ${item.index + 1}`}
                    isOn={props.ticks.ids.has(key)}
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
