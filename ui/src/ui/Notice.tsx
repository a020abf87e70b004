import { IconAlertTriangle, IconCircleCheck, IconInfoCircle, IconX } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './Notice.module.css';

export type Tone = 'info' | 'warn' | 'bad' | 'good';

const ICON = {
  info: IconInfoCircle,
  warn: IconAlertTriangle,
  bad: IconX,
  good: IconCircleCheck,
};

/** A strip that says something about everything below it. */
export function Notice({
  tone,
  title,
  children,
  action,
}: {
  tone: Tone;
  title: ReactNode;
  children?: ReactNode;
  action?: ReactNode;
}) {
  const Icon = ICON[tone];
  return (
    <div className={classes.notice} data-tone={tone} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon size={16} aria-hidden className={classes.icon} />
      <div className={classes.body}>
        <span className={classes.title}>{title}</span>
        {children && <div>{children}</div>}
      </div>
      {action && <div className={classes.action}>{action}</div>}
    </div>
  );
}
