import { CloseButton, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Pane.module.css';

/**
 * Details beside a list, without blocking it. On a phone it covers the
 * page, since there is no beside.
 */
export function Pane({
  label,
  title,
  aside,
  onClose,
  children,
}: {
  label: string;
  title: ReactNode;
  /** Beside the way out. */
  aside?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <aside className={classes.pane} aria-label={label}>
      <header className={classes.head}>
        <Title order={2} fz={15} className={classes.title}>
          {title}
        </Title>
        <div className={classes.aside}>
          {aside}
          <CloseButton size="sm" aria-label="Close details" onClick={onClose} />
        </div>
      </header>
      <div className={classes.body}>{children}</div>
    </aside>
  );
}

export function PaneSection({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.section}>
      <Title order={3} fz={12} className={classes.heading}>
        {title}
      </Title>
      {children}
    </section>
  );
}
