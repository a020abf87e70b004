import { Link } from '@tanstack/react-router';
import type { TacticCount } from '../api/types';
import { count } from '../lib/format';
import { term, toggled, valuesOf } from '../lib/query';
import { PlainButton } from '../ui/PlainButton';
import { keepWith } from './Names';
import classes from './TacticStrip.module.css';
import { useUrl } from './url';
import { tacticName } from './words';

/** Open alerts by tactic, in the order an attack goes, each a switch of the query. */
export function TacticFilter({
  tactics,
  isKnown,
}: {
  tactics: readonly TacticCount[];
  /** The counts have arrived; until then none is claimed to be nought. */
  isKnown: boolean;
}) {
  const [search, set] = useUrl();
  const q = search.q ?? '';
  const chosen = valuesOf(q, 'tactic');
  return (
    <div className={classes.strip} role="group" aria-label="ATT&CK tactics">
      {tactics.map((each) => (
        <PlainButton
          key={each.slug}
          className={classes.cell}
          aria-pressed={chosen.includes(each.slug)}
          data-none={each.alerts === 0 || undefined}
          title={tacticName(each.slug)}
          onClick={() => set({ q: toggled(q, 'tactic', each.slug) || undefined })}
        >
          <span className={classes.name}>{tacticName(each.slug)}</span>
          <b className="tabular">{isKnown ? count(each.alerts) : '…'}</b>
        </PlainButton>
      ))}
    </div>
  );
}

/** The same, leading to the alerts it counts. */
export function TacticLinks({ tactics }: { tactics: readonly TacticCount[] }) {
  return (
    <nav className={classes.strip} aria-label="Open alerts by ATT&CK tactic">
      {tactics.map((each) => (
        <Link
          key={each.slug}
          to="/alerts"
          search={keepWith({ q: term('tactic', each.slug) })}
          className={classes.cell}
          data-none={each.alerts === 0 || undefined}
          title={tacticName(each.slug)}
        >
          <span className={classes.name}>{tacticName(each.slug)}</span>
          <b className="tabular">{count(each.alerts)}</b>
        </Link>
      ))}
    </nav>
  );
}
