import { Title } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Page.module.css';

/** The frame every page stands in: title, actions, content, and a pane. */
export function Page({
  title,
  heading,
  actions,
  pane,
  isFixed = false,
  children,
}: {
  /** The browser tab's title. */
  title: string;
  /** The heading, where it is more than the title. */
  heading?: ReactNode;
  actions?: ReactNode;
  pane?: ReactNode;
  /** The page fills the window and its table scrolls, not the page. */
  isFixed?: boolean;
  children: ReactNode;
}) {
  return (
    <div className={classes.frame}>
      <title>{`${title} · Seawall`}</title>
      <div className={classes.page} data-fixed={isFixed || undefined}>
        <header className={classes.head}>
          {heading ?? (
            <Title order={1} fz={18}>
              {title}
            </Title>
          )}
          {actions && <div className={classes.actions}>{actions}</div>}
        </header>
        {children}
      </div>
      {pane}
    </div>
  );
}

export function Toolbar({ children, label }: { children: ReactNode; label: string }) {
  return (
    <div className={classes.toolbar} role="search" aria-label={label}>
      {children}
    </div>
  );
}
