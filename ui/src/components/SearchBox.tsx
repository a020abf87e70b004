// The one search box: the query grammar, completed as it is typed, and what
// cannot be read underlined where it stands.

import { CloseButton, Kbd } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useRouterState } from '@tanstack/react-router';
import { type KeyboardEvent, type ReactNode, useRef, useState } from 'react';
import { queries } from '../api/queries';
import type { QueryError } from '../api/types';
import { accept, completionAt, mended } from '../lib/query';
import { keepWith } from './Names';
import classes from './SearchBox.module.css';
import { useUrl } from './url';

const PAUSE_MS = 250;
/** Pages that are lists of findings: the box is their filter. */
const SPEAKS = ['/alerts', '/findings'];

export function SearchBox() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [search, set] = useUrl();
  const speaks = SPEAKS.includes(path);
  const known = speaks ? (search.q ?? '') : '';
  const navigate = useNavigate();
  const cache = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const mirror = useRef<HTMLDivElement>(null);
  const [text, setText] = useState(known);
  const [seen, setSeen] = useState(`${path} ${known}`);
  const [sent, setSent] = useState(known);
  const [caret, setCaret] = useState(0);
  const [at, setAt] = useState(-1);
  const [isOpen, setOpen] = useState(false);
  const [asked, setAsked] = useState(known);

  // The address changed by other means than this box: show what it says.
  if (seen !== `${path} ${known}`) {
    setSeen(`${path} ${known}`);
    if (known !== sent || !speaks) {
      setText(known);
      setAsked(known);
      setSent(known);
    }
  }

  const { data: fields } = useQuery({ ...queries.fields(), enabled: isOpen });
  const { data: checked } = useQuery(queries.check(asked.trim()));
  const errors = text === asked ? (checked?.errors ?? []) : [];
  const completion = isOpen ? completionAt(text, caret, fields ?? []) : undefined;
  const choices = completion?.choices ?? [];
  const error = errors[0];
  const shown = isOpen && (choices.length > 0 || error !== undefined);

  const apply = (q: string) => {
    setSent(q);
    if (speaks) set({ q: q || undefined, sel: undefined });
    else if (q !== '') navigate({ to: '/findings', search: keepWith({ q }) });
  };
  const look = async (q: string, isSure: boolean) => {
    setAsked(q);
    const query = q.trim();
    if (query !== '') {
      const answer = await cache.ensureQueryData(queries.check(query)).catch(() => undefined);
      if (!answer || answer.errors.length > 0) return;
    }
    if (isSure || speaks) apply(query);
  };
  const later = useDebouncedCallback((q: string, isHalf: boolean) => {
    // Half a word may yet become a field: the list waits for the rest.
    if (isHalf) setAsked(q);
    else look(q, false);
  }, PAUSE_MS);

  const type = (next: string, place: number) => {
    setText(next);
    setCaret(place);
    setAt(-1);
    const open = completionAt(next, place, fields ?? []);
    later(next, open?.choices.some((each) => each.insert.endsWith(':')) ?? false);
  };
  const put = (next: string, place: number) => {
    type(next, place);
    requestAnimationFrame(() => input.current?.setSelectionRange(place, place));
  };
  const take = (index: number) => {
    const choice = choices[index];
    if (!completion || !choice) return;
    const next = accept(text, completion, choice);
    put(next.text, next.caret);
  };
  const mend = (mistake: QueryError) => {
    const next = mended(text, mistake);
    put(next, next.length);
    look(next, false);
  };

  const steer = (event: KeyboardEvent<HTMLInputElement>) => {
    const count = choices.length;
    if (event.key === 'ArrowDown' && count > 0) setAt((at + 1) % count);
    else if (event.key === 'ArrowUp' && count > 0) setAt((at + count - (at < 0 ? 0 : 1)) % count);
    else if (event.key === 'Tab' && !event.shiftKey && isOpen && text !== '' && error?.suggestion)
      mend(error);
    else if (event.key === 'Tab' && !event.shiftKey && isOpen && text !== '' && count > 0)
      take(Math.max(0, at));
    else if (event.key === 'Enter' && at >= 0) take(at);
    else if (event.key === 'Enter') {
      later.cancel();
      look(text, true);
    } else if (event.key === 'Escape') {
      if (shown) setOpen(false);
      else event.currentTarget.blur();
    } else return;
    event.preventDefault();
  };

  return (
    <div
      className={classes.box}
      role="search"
      aria-label="Findings"
      data-open={isOpen || undefined}
    >
      <IconSearch size={14} aria-hidden className={classes.icon} />
      <div className={classes.field}>
        <div ref={mirror} className={classes.mirror} aria-hidden>
          {underlined(text, errors)}
        </div>
        <input
          ref={input}
          className={classes.input}
          placeholder='severity:>=high ns:shop "reverse shell"'
          value={text}
          onChange={(event) =>
            type(
              event.currentTarget.value,
              event.currentTarget.selectionStart ?? event.currentTarget.value.length,
            )
          }
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={steer}
          onKeyUp={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onClick={(event) => {
            setOpen(true);
            setCaret(event.currentTarget.selectionStart ?? 0);
          }}
          onScroll={(event) => {
            if (mirror.current) mirror.current.scrollLeft = event.currentTarget.scrollLeft;
          }}
          role="combobox"
          aria-label="Search findings"
          aria-expanded={shown}
          aria-controls="search-choices"
          aria-autocomplete="list"
          aria-invalid={errors.length > 0}
          aria-errormessage={error ? 'search-error' : undefined}
          aria-activedescendant={at >= 0 ? `search-choice-${at}` : undefined}
          data-main-search
          autoComplete="off"
          spellCheck={false}
        />
      </div>
      {text !== '' ? (
        <CloseButton
          size="xs"
          aria-label="Clear the search"
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => {
            setText('');
            setAsked('');
            apply('');
            input.current?.focus();
          }}
        />
      ) : (
        <Kbd size="xs" className={classes.key} aria-hidden>
          /
        </Kbd>
      )}
      <div className={classes.drop} hidden={!shown}>
        {error && (
          <div id="search-error" className={classes.error} role="alert">
            <span>
              {error.message.charAt(0).toUpperCase()}
              {error.message.slice(1)}
            </span>
            {error.suggestion && (
              <button
                type="button"
                className={classes.mend}
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => mend(error)}
              >
                <Kbd size="xs">Tab</Kbd> write <code>{error.suggestion}</code>
              </button>
            )}
          </div>
        )}
        <div id="search-choices" role="listbox" aria-label="What could be typed">
          {choices.map((choice, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the input steers the list
            <div
              key={choice.label}
              id={`search-choice-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              className={classes.choice}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(index)}
            >
              <code>{choice.label}</code>
              {choice.doc && <span>{choice.doc}</span>}
            </div>
          ))}
        </div>
        {choices.length > 0 && !error && (
          <div className={classes.hint}>
            <Kbd size="xs">Tab</Kbd> complete <Kbd size="xs">↓</Kbd> choose{' '}
            <Kbd size="xs">Enter</Kbd> search
          </div>
        )}
      </div>
    </div>
  );
}

/** The text again, with what cannot be read marked: it lies under the input. */
function underlined(text: string, errors: readonly QueryError[]): ReactNode[] {
  const letters = [...text];
  const out: ReactNode[] = [];
  let from = 0;
  for (const error of errors) {
    if (error.start < from) continue;
    out.push(letters.slice(from, error.start).join(''));
    out.push(<u key={error.start}>{letters.slice(error.start, error.end).join('') || ' '}</u>);
    from = error.end;
  }
  out.push(letters.slice(from).join(''));
  return out;
}
