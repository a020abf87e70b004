import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries';
import { count } from '../lib/format';
import { both, toggled, valuesOf, without } from '../lib/query';
import { SEVERITIES, SEVERITY_NAME } from '../lib/severity';
import { PlainButton } from '../ui/PlainButton';
import { facet } from './FindingFilters';
import classes from './Severity.module.css';
import { useUrl } from './url';

/** The severities there are under this search, each a switch of the query. */
export function SeverityFilter({ fixed, environment }: { fixed: string; environment: string }) {
  const [search, set] = useUrl();
  const q = search.q ?? '';
  const { data } = useQuery(
    queries.findingFacets(environment, both(fixed, without(q, 'severity'))),
  );
  const counts = facet(data, 'severity');
  const chosen = valuesOf(q, 'severity');
  const shown = SEVERITIES.filter((each) => counts.has(each) || chosen.includes(each));
  return (
    <div className={classes.bar} role="group" aria-label="Severity" data-empty={!data || undefined}>
      {shown.map((severity) => {
        const here = counts.get(severity) ?? 0;
        return (
          <PlainButton
            key={severity}
            className={classes.part}
            data-severity={severity}
            data-off={(chosen.length > 0 && !chosen.includes(severity)) || undefined}
            aria-pressed={chosen.includes(severity)}
            onClick={() => set({ q: toggled(q, 'severity', severity) || undefined })}
            style={{
              flexGrow: Math.max(here, 1),
              flexBasis: `${SEVERITY_NAME[severity].length * 7 + String(here).length * 8 + 26}px`,
            }}
          >
            <span className={classes.partName}>{SEVERITY_NAME[severity]}</span>{' '}
            <span className="tabular">{count(here)}</span>
          </PlainButton>
        );
      })}
    </div>
  );
}
