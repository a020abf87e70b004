import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { AttackMatrix, Tactic, Technique } from '../../api/types';
import { CannotKnow } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { keepWith } from '../../components/Names';
import { Page, Toolbar } from '../../components/Page';
import { ProblemBlank } from '../../components/ProblemNotice';
import { useEnvironment, useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { both, term } from '../../lib/query';
import { Chip, Chips } from '../../ui/Filters';
import classes from './attack.module.css';

/** What is watched for and what was seen, by the way an attack goes. */
export function AttackPage() {
  const environment = useEnvironment();
  const { data, error, refetch } = useQuery(queries.attack(environment));
  return (
    <Page title="ATT&CK">
      {data ? (
        <Content matrix={data} />
      ) : error ? (
        <ProblemBlank problem={error} onRetry={() => refetch()} />
      ) : (
        <Waiting label="the matrix" />
      )}
    </Page>
  );
}

function Content({ matrix }: { matrix: AttackMatrix }) {
  const [search, set] = useUrl();
  const isGap = search.seen === 'gaps';
  const isSeen = search.seen === 'true';
  const every = matrix.tactics.flatMap((tactic) => tactic.techniques);
  const unique = [...new Map(every.map((each) => [each.id, each])).values()];
  const watched = unique.filter((each) => each.rules > 0).length;
  const hit = unique.filter((each) => each.alerts > 0).length;
  const cases = unique.reduce((sum, each) => sum + each.cases, 0);
  if (every.length === 0) {
    return (
      <CannotKnow title="The matrix is empty">
        <p>No rule that says which technique it watches for is loaded.</p>
      </CannotKnow>
    );
  }
  const rows = matrix.tactics.map((tactic) =>
    tactic.techniques.filter(
      (each) => (!isSeen || each.hits > 0 || each.alerts > 0) && (!isGap || each.gap),
    ),
  );
  const height = Math.max(...rows.map((each) => each.length), 1);
  return (
    <>
      <Toolbar label="Filter the matrix">
        <span className={classes.summary}>
          <b>{watched}</b> of {plural(unique.length, 'technique')} watched for · <b>{count(hit)}</b>{' '}
          with open alerts · <b>{count(cases)}</b> cases, all of which pass before a release ·
          ATT&CK for containers {matrix.version}
        </span>
        <Chips label="Show">
          <Chip isOn={!isSeen && !isGap} onClick={() => set({ seen: undefined })}>
            All
          </Chip>
          <Chip isOn={isSeen} onClick={() => set({ seen: 'true' })}>
            Seen
          </Chip>
          <Chip isOn={isGap} onClick={() => set({ seen: 'gaps' })}>
            Not watched
          </Chip>
        </Chips>
        <span className={classes.legend}>
          <i data-cover="none" /> not watched <i data-cover="prevent" /> hardened only{' '}
          <i data-cover="watch" /> watched <i data-cover="seen" /> open alerts
        </span>
      </Toolbar>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <div className={classes.scroll} role="region" aria-label="The matrix" tabIndex={0}>
        <table className={classes.matrix}>
          <caption className={classes.hidden}>
            Tactics are columns in the order an attack goes; each cell is a technique with its open
            alerts and the rules that watch for it.
          </caption>
          <thead>
            <tr>
              {matrix.tactics.map((tactic) => (
                <th key={tactic.id} scope="col">
                  <Link
                    to="/alerts"
                    search={keepWith({ q: term('tactic', tactic.slug) })}
                    className="quiet-link"
                  >
                    {tactic.name}
                  </Link>
                  <span className={classes.quiet}>{plural(tactic.alerts, 'alert')}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: height }, (_, row) => (
              <tr key={row}>
                {matrix.tactics.map((tactic, column) => {
                  const technique = rows[column]?.[row];
                  return technique ? (
                    <Cell key={tactic.id} tactic={tactic} technique={technique} />
                  ) : (
                    <td key={tactic.id} />
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Cell({ tactic, technique }: { tactic: Tactic; technique: Technique }) {
  const cover =
    technique.alerts > 0
      ? 'seen'
      : technique.rules > 0
        ? 'watch'
        : technique.recommendations > 0
          ? 'prevent'
          : 'none';
  return (
    <td>
      <div
        className={classes.cell}
        data-cover={cover}
        data-severity={technique.severity ?? undefined}
      >
        <a
          href={technique.url}
          target="_blank"
          rel="noopener noreferrer"
          className={`quiet-link ${classes.name}`}
        >
          {technique.name}
        </a>
        <span className={classes.quiet}>{technique.id}</span>
        <span className={classes.numbers}>
          {technique.alerts > 0 && (
            <Link
              to="/alerts"
              search={keepWith({
                q: both(term('tactic', tactic.slug), term('technique', technique.id)),
              })}
            >
              {plural(technique.alerts, 'alert')}
            </Link>
          )}
          <span
            title={technique.sources
              .map((each) => `${plural(each.rules, 'rule')} on ${each.source}`)
              .join(', ')}
          >
            {technique.rules > 0 ? (
              <Link to="/rules" search={keepWith({ technique: technique.id })}>
                {plural(technique.rules, 'rule')}
              </Link>
            ) : (
              'not watched'
            )}
            {technique.disabled > 0 && ` (${technique.disabled} off)`}
            {technique.cases > 0 && ` · ${plural(technique.cases, 'case')}`}
            {technique.hits > 0 && ` · ${plural(technique.hits, 'hit')}`}
            {technique.recommendations > 0 && (
              <>
                {' · '}
                {plural(technique.recommendations, 'rec.', 'recs.')}
              </>
            )}
          </span>
        </span>
      </div>
    </td>
  );
}
