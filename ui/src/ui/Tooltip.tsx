// A word on hover and on focus. One bubble serves the whole page: a table
// of a thousand cells costs a thousand attributes, not a thousand watchers.

import { cloneElement, type ReactElement } from 'react';

interface TooltipProps {
  label: string | undefined;
  disabled?: boolean;
  children: ReactElement;
}

/** Whatever else is said of it (a menu's target, say) is passed to what it explains. */
export function Tooltip({ label, disabled = false, children, ...rest }: TooltipProps) {
  const tip = disabled || !label ? undefined : label;
  return cloneElement(children, { ...rest, 'data-tip': tip } as object);
}

const BUBBLE = 'tooltip';
const GAP_PX = 6;
let shownOn: Element | undefined;

function bubble(): HTMLElement {
  const found = document.getElementById(BUBBLE);
  if (found) return found;
  const made = document.createElement('div');
  made.id = BUBBLE;
  made.className = 'sw-tip';
  made.setAttribute('role', 'tooltip');
  document.body.append(made);
  return made;
}

function hide() {
  if (!shownOn) return;
  shownOn.removeAttribute('aria-describedby');
  shownOn = undefined;
  document.getElementById(BUBBLE)?.remove();
}

function show(target: Element) {
  hide();
  const box = bubble();
  box.textContent = target.getAttribute('data-tip');
  const at = target.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const above = at.top - size.height - GAP_PX;
  const left = at.left + at.width / 2 - size.width / 2;
  box.style.top = `${above >= 4 ? above : at.bottom + GAP_PX}px`;
  box.style.left = `${Math.max(4, Math.min(left, innerWidth - size.width - 4))}px`;
  target.setAttribute('aria-describedby', BUBBLE);
  shownOn = target;
}

function look(event: Event) {
  const target = event.target instanceof Element ? event.target.closest('[data-tip]') : null;
  if (target === shownOn) return;
  if (target) show(target);
  else hide();
}

/** Watches the document for whatever has something to say. */
export function watchTooltips(): void {
  document.addEventListener('pointerover', (event) => {
    if (event.pointerType !== 'touch') look(event);
  });
  document.addEventListener('pointerleave', hide);
  document.addEventListener('focusin', (event) => {
    // A click focuses too; only who comes by keyboard needs it said.
    if (event.target instanceof Element && event.target.matches(':focus-visible')) look(event);
  });
  document.addEventListener('focusout', hide);
  document.addEventListener('pointerdown', hide);
  document.addEventListener('scroll', hide, { capture: true, passive: true });
  document.addEventListener('keydown', (event) => event.key === 'Escape' && hide());
}
