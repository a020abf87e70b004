import { Link } from '@tanstack/react-router';
import { count } from '../lib/format';
import classes from './Tabs.module.css';

export interface Tab {
  id: string;
  label: string;
  count?: number | undefined;
}

/** Tabs that are links: the tab is part of the address. */
export function Tabs({ tabs, current, label }: { tabs: Tab[]; current: string; label: string }) {
  return (
    <nav className={classes.tabs} aria-label={label}>
      {tabs.map((tab, index) => (
        <Link
          key={tab.id}
          to="."
          search={(old: Record<string, unknown>) =>
            ({
              environment: old.environment,
              tab: index === 0 ? undefined : tab.id,
            }) as never
          }
          activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
          className={classes.tab}
          aria-current={tab.id === current ? 'page' : undefined}
        >
          {tab.label}
          {tab.count !== undefined && <span className={classes.count}>{count(tab.count)}</span>}
        </Link>
      ))}
    </nav>
  );
}
