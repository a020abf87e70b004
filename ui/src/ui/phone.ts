// Whether the window is a phone's, and what of a click is not the row's.

import { type MouseEvent, useSyncExternalStore } from 'react';

const PHONE = '(max-width: 48em)';

function subscribe(listener: () => void): () => void {
  const query = matchMedia(PHONE);
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}

export function usePhone(): boolean {
  return useSyncExternalStore(subscribe, () => matchMedia(PHONE).matches);
}

/** A click on something that does its own, or the end of marking text. */
export function isControl(event: MouseEvent): boolean {
  const target = event.target as HTMLElement;
  if (target.closest('a, button, input, label')) return true;
  return (getSelection()?.toString() ?? '') !== '';
}
