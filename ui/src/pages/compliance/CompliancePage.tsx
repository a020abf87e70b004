import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { reportOf } from '../../api/compliance';
import { queries } from '../../api/queries';
import type { Control, Standard } from '../../api/types';
import { CannotKnow, FilteredOut } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { useScope, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { Chip, Chips } from '../../ui/Filters';
import { Panel } from '../../ui/Panel';
import { PlainButton } from '../../ui/PlainButton';
import { ControlPane, STATE, StateMark } from './ControlPane';
import classes from './compliance.module.css';

/** How the recommendations stand, by the controls of standards they serve. */
export function CompliancePage() {
  const { environment, cluster } = useScope();
  const [search, set] = useUrl();
  const { data, error, refetch } = useQuery(queries.compliance(environment, cluster));
  const current = data && currentOf(data.standards, search.standard);
  const chosen = current?.controls.find((each) => each.id === search.sel);
  return (
    <Page
      title="Compliance"
      isNarrowed
      actions={current && <Reports standard={current} />}
      pane={
        current &&
        chosen && (
          <ControlPane
            key={`${current.id} ${chosen.id}`}
            standard={current.id}
            control={chosen}
            onClose={() => set({ sel: undefined })}
          />
        )
      }
    >
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

const currentOf = (standards: readonly Standard[], id: string | undefined) =>
  standards.find((each) => each.id === id) ?? standards[0];

/** The standard on paper, in a table, and for other programs. */
function Reports({ standard }: { standard: Standard }) {
  const { environment, cluster } = useScope();
  return (
    <>
      {(
        [
          ['html', 'Report to print'],
          ['csv', 'CSV'],
          ['oscal', 'OSCAL'],
        ] as const
      ).map(([format, label]) => (
        <Button
          key={format}
          component="a"
          size="xs"
          variant="default"
          href={reportOf(standard.id, format, environment, cluster)}
          {...(format === 'html' ? { target: '_blank', rel: 'noreferrer' } : { download: '' })}
        >
          {label}
        </Button>
      ))}
    </>
  );
}

function Content({ standards }: { standards: Standard[] }) {
  const [search, set] = useUrl();
  const current = currentOf(standards, search.standard);
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
                    sel: undefined,
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
                  {standard.manual > 0 && ` · ${count(standard.manual)} to look at`}
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
                <th scope="col">What it asks</th>
                <th scope="col">State</th>
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
  const [search, set] = useUrl();
  const isOpen = search.sel === control.id;
  return (
    <tr data-open={isOpen || undefined}>
      <th scope="row">{control.id}</th>
      <td>
        <PlainButton
          className={classes.open}
          aria-expanded={isOpen}
          onClick={() => set({ sel: isOpen ? undefined : control.id })}
        >
          {control.title}
        </PlainButton>
        <div className={classes.quiet}>
          {[
            control.level ? `level ${control.level}` : undefined,
            control.recommendations.length > 0
              ? plural(control.recommendations.length, 'check')
              : 'no check can answer it',
            control.attestation && !control.attestation.expired
              ? `${control.attestation.made_by} answers for it`
              : undefined,
          ]
            .filter(Boolean)
            .join(' · ')}
        </div>
      </td>
      <td>
        <StateMark state={control.state} />
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
