import { Title } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './Blank.module.css';

/** What stands where there is nothing to show: why, and what to do. */
export function Blank({
  icon,
  title,
  level = 2,
  children,
  actions,
}: {
  icon?: ReactNode;
  title: string;
  /** 1 where this is the whole page. */
  level?: 1 | 2;
  children?: ReactNode;
  actions?: ReactNode;
}) {
  return (
    <div className={classes.blank} role="status">
      {icon && <div className={classes.icon}>{icon}</div>}
      <Title order={level} fz={16}>
        {title}
      </Title>
      {children && <div className={classes.text}>{children}</div>}
      {actions && <div className={classes.actions}>{actions}</div>}
    </div>
  );
}
