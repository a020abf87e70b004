import { ActionIcon, CopyButton } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import classes from './Copy.module.css';
import { Tooltip } from './Tooltip';

/** Copies `value`; the tooltip says what. */
export function Copy({ value, what }: { value: string; what: string }) {
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : `Copy ${what}`}>
          <ActionIcon
            size={20}
            variant="subtle"
            color="gray"
            aria-label={copied ? 'Copied' : `Copy ${what}`}
            onClick={(event) => {
              event.stopPropagation();
              copy();
            }}
          >
            {copied ? <IconCheck size={13} aria-hidden /> : <IconCopy size={13} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** A command to run, with its copy button. */
export function Command({ children, label }: { children: string; label?: string }) {
  return (
    <div className={classes.command}>
      <code className={classes.text}>{children}</code>
      <Copy value={children} what={label ?? 'command'} />
    </div>
  );
}
