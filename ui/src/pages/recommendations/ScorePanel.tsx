import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { queries } from '../../api/queries';
import { keepEnvironment } from '../../components/Names';
import { ScoreMark, signed } from '../../components/ScoreMark';
import { useEnvironment } from '../../components/url';
import { Chip, Chips } from '../../ui/Filters';
import { LineChart } from '../../ui/LineChart';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './recommendations.module.css';

const SPANS = [7, 30, 90];

/** The score, how it moved, and what moved it: every point has a reason. */
export function ScorePanel() {
  const environment = useEnvironment();
  const [days, setDays] = useState(30);
  const { data: score } = useQuery(queries.score(environment));
  const { data: history } = useQuery(queries.scoreHistory(environment, days));
  if (!score || typeof score.percent !== 'number') return null;
  return (
    <div className={classes.score}>
      <Panel title="Secure score">
        <div className={classes.standing}>
          <ScoreMark score={score} />
          <div>
            <div>
              <b className="tabular">{score.earned.toFixed(1)}</b> of{' '}
              <span className="tabular">{score.possible.toFixed(1)}</span> points
            </div>
            {typeof score.moved === 'number' && (
              <div data-sign={Math.sign(score.moved)} className={classes.moved}>
                {signed(score.moved)} since yesterday
              </div>
            )}
            {score.exempted > 0.05 && (
              <div className={classes.quiet}>
                of these {score.exempted.toFixed(1)} by{' '}
                <Link to="/exemptions" search={keepEnvironment as never}>
                  exemptions
                </Link>
              </div>
            )}
          </div>
        </div>
      </Panel>
      <Panel
        title="Over time"
        aside={
          <Chips label="How far back">
            {SPANS.map((span) => (
              <Chip key={span} isOn={span === days} onClick={() => setDays(span)}>
                {span} d
              </Chip>
            ))}
          </Chips>
        }
      >
        {history && history.points.length > 1 ? (
          <LineChart
            label="Secure score by day"
            unit=" %"
            points={history.points.map((point) => ({ time: point.time, value: point.percent }))}
          />
        ) : (
          <div className={classes.quiet}>It is kept from today on; a line needs two days.</div>
        )}
      </Panel>
      <Panel title="What moved it" flush>
        {!history || history.ledger.length === 0 ? (
          <div className={classes.none}>Nothing has moved it yet.</div>
        ) : (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
          <ul className={classes.ledger} tabIndex={0} aria-label="What moved the score">
            {history.ledger.slice(0, 30).map((move) => (
              <li key={`${move.time} ${move.rule}`}>
                <b className={classes.moved} data-sign={Math.sign(move.change)}>
                  {signed(move.change)}
                </b>
                <div>
                  <Link
                    to="/recommendations/$id"
                    params={{ id: move.rule } as never}
                    search={keepEnvironment as never}
                    className="quiet-link"
                    title={move.title}
                  >
                    {move.text}
                  </Link>
                </div>
                <span className={classes.quiet}>
                  <Time at={move.time} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </div>
  );
}
