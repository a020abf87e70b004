import { Title } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Panel.module.css';

/** A titled box of a page. */
export function Panel({
  title,
  aside,
  children,
  flush = false,
}: {
  title: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  /** The content reaches the edges: lists and tables. */
  flush?: boolean;
}) {
  return (
    <section className={classes.panel}>
      <header className={classes.head}>
        <Title order={2} fz={13} className={classes.title}>
          {title}
        </Title>
        {aside && <div className={classes.aside}>{aside}</div>}
      </header>
      <div className={flush ? classes.flush : classes.body}>{children}</div>
    </section>
  );
}

/** Terms and what they are, in two columns. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className={classes.facts}>{children}</dl>;
}

export function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </>
  );
}
