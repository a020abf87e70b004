// Keyboard: single keys and two-key sequences, silent while someone types.

import { useEffect, useEffectEvent } from 'react';

export type Bindings = Record<string, (event: KeyboardEvent) => void>;

const SEQUENCE_MS = 1500;
let prefix = { key: '', at: 0 };

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function isBlocked(): boolean {
  return document.querySelector('[aria-modal="true"], [role="menu"]') !== null;
}

/**
 * `{ '/': …, 'g o': …, 'mod+k': … }`; `mod` is Ctrl or the Command key.
 * What counts is when keys were pressed, not when there was time for them.
 */
export function useKeys(bindings: Bindings, isEnabled = true): void {
  const act = useEffectEvent((event: KeyboardEvent) => {
    if (!isEnabled || event.defaultPrevented || event.isComposing) return;
    const hasModifier = event.ctrlKey || event.metaKey;
    const name = `${hasModifier ? 'mod+' : ''}${event.key}`;
    if (!hasModifier && (isTyping(event.target) || isBlocked() || event.altKey)) return;
    const isSequel = prefix.key !== '' && event.timeStamp - prefix.at < SEQUENCE_MS;
    const action = (isSequel && bindings[`${prefix.key} ${name}`]) || (!isSequel && bindings[name]);
    if (action) {
      event.preventDefault();
      prefix = { key: '', at: 0 };
      action(event);
    } else if (Object.keys(bindings).some((binding) => binding.startsWith(`${name} `))) {
      prefix = { key: name, at: event.timeStamp };
    }
  });
  useEffect(() => {
    addEventListener('keydown', act);
    return () => removeEventListener('keydown', act);
  }, []);
}
