// Something beside its anchor, over everything else, until looked away from.

import { type CSSProperties, type HTMLAttributes, useEffect, useEffectEvent, useRef } from 'react';
import { createPortal } from 'react-dom';
import classes from './Menu.module.css';

export type Place = 'bottom-start' | 'bottom-end' | 'top-end';

const GAP_PX = 5;
const EDGE_PX = 8;

/** Puts the box where there is room for it. */
function put(box: HTMLElement, anchor: HTMLElement, place: Place) {
  const at = anchor.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const below = at.bottom + GAP_PX;
  const above = at.top - GAP_PX - height;
  const fitsBelow = below + height <= innerHeight - EDGE_PX;
  const top = place === 'top-end' ? (above >= EDGE_PX ? above : below) : below;
  const wanted = fitsBelow || above < EDGE_PX || place === 'top-end' ? top : above;
  const left = place === 'bottom-start' ? at.left : at.right - width;
  box.style.top = `${wanted}px`;
  box.style.left = `${Math.max(EDGE_PX, Math.min(left, innerWidth - width - EDGE_PX))}px`;
}

export function Float({
  anchor,
  place,
  onAway,
  style,
  className,
  ...rest
}: HTMLAttributes<HTMLDivElement> & {
  anchor: HTMLElement;
  place: Place;
  /** The reader turned to something else. */
  onAway: () => void;
  style?: CSSProperties;
}) {
  const box = useRef<HTMLDivElement>(null);
  const away = useEffectEvent((event: Event) => {
    const target = event.target as Node;
    if (!box.current?.contains(target) && !anchor.contains(target)) onAway();
  });
  const resized = useEffectEvent(() => onAway());
  useEffect(() => {
    addEventListener('pointerdown', away, true);
    addEventListener('resize', resized);
    return () => {
      removeEventListener('pointerdown', away, true);
      removeEventListener('resize', resized);
    };
  }, []);
  return createPortal(
    <div
      ref={(element) => {
        box.current = element;
        if (!element) return;
        put(element, anchor, place);
        if (element.contains(document.activeElement)) return;
        const first = element.querySelector<HTMLElement>('[role^=menuitem], a[href], button');
        (first ?? element).focus({ preventScroll: true });
      }}
      tabIndex={-1}
      className={`${classes.float} ${className ?? ''}`}
      style={style}
      {...rest}
    />,
    // Within the landmark it belongs to, so that no content stands outside of one.
    anchor.closest('[role="dialog"], header, nav, aside, main') ?? document.body,
  );
}
