import { Title } from '@mantine/core';
import { useRouterState } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import classes from './Page.module.css';
import { useScope } from './url';

/** The frame every page stands in: title, actions, content, and a pane. */
export function Page({
  title,
  heading,
  actions,
  pane,
  isFixed = false,
  isNarrowed = false,
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
  /** The chosen cluster and namespace narrow it. */
  isNarrowed?: boolean;
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
        {!isNarrowed && <Whole />}
        {children}
      </div>
      {pane}
    </div>
  );
}

/** Pages about one thing, or about nobody's part. */
const APART =
  /^\/(settings|scans|database|rules|drift|policies|clusters|hosts|registries)(\/|$)|^\/\w+\/./;

/** Says so where the chosen part of the environment makes no difference. */
function Whole() {
  const scope = useScope();
  const path = useRouterState({ select: (state) => state.location.pathname });
  if (scope.q === '' || APART.test(path)) return null;
  return (
    <p className={classes.whole}>
      This page shows the whole environment: {[scope.cluster, scope.ns].filter(Boolean).join(' › ')}{' '}
      does not narrow it.
    </p>
  );
}

export function Toolbar({ children, label }: { children: ReactNode; label: string }) {
  return (
    <div className={classes.toolbar} role="search" aria-label={label}>
      {children}
    </div>
  );
}
