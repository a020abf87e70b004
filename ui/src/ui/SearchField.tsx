import { CloseButton, Kbd, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useState } from 'react';

const PAUSE_MS = 160;

/**
 * A filter kept in the address. What is typed shows at once and reaches
 * the address a moment later; a change of the address shows too.
 */
export function SearchField({
  value,
  onChange,
  placeholder,
  label,
}: {
  value: string;
  onChange: (value: string) => void;
  placeholder: string;
  label: string;
}) {
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  const [sent, setSent] = useState(value);
  if (value !== known) {
    setKnown(value);
    if (value !== sent) setText(value);
  }
  const send = (next: string) => {
    setSent(next);
    onChange(next);
  };
  const later = useDebouncedCallback(send, PAUSE_MS);
  return (
    <TextInput
      size="xs"
      w={{ base: '100%', sm: 260 }}
      aria-label={label}
      placeholder={placeholder}
      leftSection={<IconSearch size={14} aria-hidden />}
      rightSection={
        text === '' ? (
          <Kbd size="xs" visibleFrom="sm" aria-hidden>
            /
          </Kbd>
        ) : (
          <CloseButton
            size="xs"
            aria-label="Clear the filter"
            onClick={() => {
              setText('');
              send('');
            }}
          />
        )
      }
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        later(event.currentTarget.value.trim());
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.blur();
        if (event.key === 'Enter') send(text.trim());
      }}
      data-page-search
      autoComplete="off"
      spellCheck={false}
    />
  );
}
