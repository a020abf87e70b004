import type { Score } from '../api/types';
import classes from './ScoreMark.module.css';

/** "+1.2" with a sign that is a sign. */
export function signed(value: number): string {
  const text = Math.abs(value).toFixed(1);
  return value > 0.049 ? `+${text}` : value < -0.049 ? `−${text}` : '±0.0';
}

/** The secure score as a ring and a number. */
export function ScoreMark({ score, size = 84 }: { score: Score; size?: number }) {
  const { percent } = score;
  const radius = 32;
  const around = 2 * Math.PI * radius;
  const isKnown = typeof percent === 'number';
  return (
    <div className={classes.mark}>
      <svg width={size} height={size} viewBox="0 0 80 80" aria-hidden>
        <circle cx="40" cy="40" r={radius} className={classes.track} />
        {isKnown && (
          <circle
            cx="40"
            cy="40"
            r={radius}
            className={classes.ring}
            strokeDasharray={`${(percent / 100) * around} ${around}`}
            transform="rotate(-90 40 40)"
          />
        )}
      </svg>
      <div className={classes.number}>
        <b>{isKnown ? Math.round(percent) : '–'}</b>
        {isKnown && <span>%</span>}
      </div>
    </div>
  );
}
