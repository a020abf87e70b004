import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { Control, Standard } from '../../api/types';
import { CannotKnow, FilteredOut } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { keepEnvironment, keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { Chip, Chips } from '../../ui/Filters';
import { Panel } from '../../ui/Panel';
import classes from './compliance.module.css';

const STATE: Record<Control['state'], string> = {
  passed: 'Met',
  failed: 'Not met',
  manual: 'To look at',
  not_applicable: 'Nothing to look at',
};

/** How the recommendations stand, by the controls of standards they serve. */
export function CompliancePage() {
  const environment = useEnvironment();
  const { data, error, refetch } = useQuery(queries.compliance(environment));
  return (
    <Page title="Compliance">
      {data ? (
        data.standards.length > 0 ? (
          <Content standards={data.standards} />
        ) : (
          <CannotKnow title="No control can be judged yet">
            <p>Controls are judged by the recommendations that serve them; none has run here.</p>
          </CannotKnow>
        )
      ) : error ? (
        <ProblemBlank problem={error} onRetry={() => refetch()} />
      ) : (
        <Waiting label="Compliance" />
      )}
    </Page>
  );
}

function Content({ standards }: { standards: Standard[] }) {
  const [search, set] = useUrl();
  const current = standards.find((each) => each.id === search.standard) ?? standards[0];
  const state = search.state;
  const controls = (current?.controls ?? []).filter((each) => !state || each.state === state);
  return (
    <>
      <ul className={classes.standards}>
        {standards.map((standard) => {
          const judged = standard.passed + standard.failed;
          return (
            <li key={standard.id}>
              <Link
                to="."
                search={
                  ((old: object) => ({
                    ...old,
                    standard: standard.id,
                    state: undefined,
                  })) as never
                }
                className={classes.standard}
                aria-current={standard === current ? 'true' : undefined}
              >
                <b>{standard.name}</b>
                <span className={classes.bar} aria-hidden>
                  <span style={{ flexGrow: standard.passed }} data-state="passed" />
                  <span style={{ flexGrow: standard.failed }} data-state="failed" />
                </span>
                <span className={classes.quiet}>
                  {count(standard.passed)} of {plural(judged, 'control')} met
                  {judged > 0 && `, ${Math.round((standard.passed / judged) * 100)} %`}
                </span>
              </Link>
            </li>
          );
        })}
      </ul>
      <Toolbar label="Filter controls">
        <Chips label="State">
          <Chip isOn={!state} onClick={() => set({ state: undefined })}>
            All
          </Chip>
          {(['failed', 'manual', 'passed', 'not_applicable'] as const).map((each) => (
            <Chip
              key={each}
              isOn={state === each}
              onClick={() => set({ state: state === each ? undefined : each })}
            >
              {STATE[each]}{' '}
              <span className="tabular">
                {current?.controls.filter((control) => control.state === each).length}
              </span>
            </Chip>
          ))}
        </Chips>
      </Toolbar>
      <Panel title={current?.name ?? ''} aside={plural(controls.length, 'control')} flush>
        {controls.length === 0 ? (
          <FilteredOut noun="control" onClear={() => set({ state: undefined })} />
        ) : (
          <table className={classes.controls}>
            <thead>
              <tr>
                <th scope="col">Control</th>
                <th scope="col">State</th>
                <th scope="col">Judged by</th>
                <th scope="col" data-align="right">
                  Affected
                </th>
              </tr>
            </thead>
            <tbody>
              {controls.map((control) => (
                <Row key={control.id} control={control} />
              ))}
            </tbody>
          </table>
        )}
      </Panel>
    </>
  );
}

function Row({ control }: { control: Control }) {
  return (
    <tr>
      <th scope="row">{control.id}</th>
      <td>
        <span className={classes.state} data-state={control.state}>
          {STATE[control.state]}
        </span>
      </td>
      <td>
        {control.recommendations.map((id, index) => (
          <div key={id}>
            <Link
              to="/recommendations/$id"
              params={{ id } as never}
              search={keepEnvironment as never}
              className="quiet-link"
            >
              {control.title.split('; ')[index] ?? id}
            </Link>
          </div>
        ))}
      </td>
      <td data-align="right">
        {control.affected > 0 ? (
          <Link
            to="/findings"
            search={keepWith({ q: term('rule', ...control.recommendations) })}
            aria-label={`${plural(control.affected, 'affected asset')} of control ${control.id}`}
          >
            {count(control.affected)}
          </Link>
        ) : (
          '0'
        )}
      </td>
    </tr>
  );
}
