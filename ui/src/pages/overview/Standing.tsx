// The top of the overview: the score and what moved it, what a day brought,
// what is open by kind.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import type { FindingKind, KindCounts, Overview } from '../../api/types';
import { keepEnvironment, keepWith } from '../../components/Names';
import { ScoreMark, signed } from '../../components/ScoreMark';
import { SeverityStrip } from '../../components/Severity';
import { useEnvironment } from '../../components/url';
import { KIND_PLURAL } from '../../components/words';
import { count } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './overview.module.css';

export function ScoreCard({ overview }: { overview: Overview }) {
  const environment = useEnvironment();
  const { data: history } = useQuery(queries.scoreHistory(environment, 30));
  const { score } = overview;
  const isKnown = typeof score.percent === 'number';
  return (
    <Panel
      title="Secure score"
      aside={
        <Link to="/recommendations" search={keepEnvironment as never}>
          Recommendations
        </Link>
      }
    >
      {isKnown ? (
        <div className={classes.score}>
          <ScoreMark score={score} />
          <div className={classes.moves}>
            <div>
              <b className="tabular">{score.earned.toFixed(1)}</b> of {score.possible.toFixed(1)}{' '}
              points
              {typeof score.moved === 'number' && (
                <span className={classes.moved} data-sign={Math.sign(score.moved)}>
                  {' '}
                  {signed(score.moved)} since yesterday
                </span>
              )}
            </div>
            <ul>
              {(history?.ledger ?? []).slice(0, 3).map((move) => (
                <li key={`${move.time} ${move.rule}`}>
                  <b className={classes.moved} data-sign={Math.sign(move.change)}>
                    {signed(move.change)}
                  </b>
                  <Link
                    to="/recommendations/$id"
                    params={{ id: move.rule } as never}
                    search={keepEnvironment as never}
                    className="quiet-link truncate"
                    title={move.title}
                  >
                    {move.text}
                  </Link>
                  <span className={classes.quiet}>
                    <Time at={move.time} />
                  </span>
                </li>
              ))}
            </ul>
          </div>
        </div>
      ) : (
        <div className={classes.quiet}>Nothing has been assessed yet.</div>
      )}
    </Panel>
  );
}

/** Since yesterday, each number a link to what it counts. */
export function DayCard({ overview }: { overview: Overview }) {
  const { day } = overview;
  const numbers: [value: number, label: string, q: string][] = [
    [totalOf(day.new), 'new', 'first:24h'],
    [day.resolved, 'resolved', 'state:resolved last:24h'],
    [day.dismissed, 'dismissed', 'state:dismissed'],
    [day.exempted, 'exempted', 'state:exempted'],
  ];
  return (
    <Panel title="Since yesterday">
      <div className={classes.day}>
        {numbers.map(([value, label, q]) => (
          <Link key={label} to="/findings" search={keepWith({ q })} className={classes.number}>
            <b>{count(value)}</b>
            <span>{label}</span>
          </Link>
        ))}
      </div>
      {totalOf(day.new) > 0 && (
        <div className={classes.dayStrip}>
          <span className={classes.quiet}>new ones</span> <SeverityStrip counts={day.new} />
        </div>
      )}
    </Panel>
  );
}

const PLACE: Record<FindingKind, { to: string; q?: string }> = {
  alert: { to: '/alerts' },
  misconfiguration: { to: '/findings', q: 'kind:misconfiguration' },
  vulnerability: { to: '/findings', q: 'kind:vulnerability' },
  secret: { to: '/findings', q: 'kind:secret' },
  malware: { to: '/findings', q: 'kind:malware' },
};

/** What is open, one row a kind. What was accepted is counted beside it. */
export function Kinds({ kinds }: { kinds: KindCounts[] }) {
  return (
    <table className={classes.kinds}>
      <thead>
        <tr>
          <th scope="col">Kind</th>
          <th scope="col">Severities</th>
          <th scope="col" data-align="right">
            Open
          </th>
          <th scope="col" data-align="right">
            New
          </th>
          <th scope="col" data-align="right">
            Accepted
          </th>
        </tr>
      </thead>
      <tbody>
        {kinds.map((each) => {
          const { to, q } = PLACE[each.kind];
          const kind = `kind:${each.kind}`;
          return (
            <tr key={each.kind}>
              <th scope="row">
                <Link to={to} search={keepWith({ q })} className="quiet-link">
                  {KIND_PLURAL[each.kind]}
                </Link>
              </th>
              <td>
                <SeverityStrip counts={each.open} />
              </td>
              <td data-align="right">
                <Link to={to} search={keepWith({ q })}>
                  {count(totalOf(each.open))}
                </Link>
              </td>
              <td data-align="right">
                <Link to="/findings" search={keepWith({ q: `${kind} first:24h` })}>
                  {count(each.new)}
                </Link>
              </td>
              <td data-align="right">
                <Link
                  to="/findings"
                  search={keepWith({ q: `${kind} state:dismissed,exempted` })}
                  title={`${each.dismissed} dismissed, ${each.exempted} exempted`}
                >
                  {count(each.dismissed + each.exempted)}
                </Link>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
