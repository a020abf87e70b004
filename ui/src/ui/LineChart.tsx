// A small line over time, drawn by hand: one series, its ends and extremes
// said in words, every point reachable by pointer or arrow keys.

import { type KeyboardEvent, useState } from 'react';
import { day, exact } from '../lib/time';
import classes from './LineChart.module.css';

export interface Point {
  time: string;
  value: number;
}

const WIDTH = 600;
const HEIGHT = 120;
const PAD = 6;

/** The stretch of values to draw: round, and never flat. */
export function rangeOf(values: readonly number[], floor = 0, ceiling = 100): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = Math.max(5, (high - low) * 0.25);
  return [
    Math.max(floor, Math.floor((low - room) / 5) * 5),
    Math.min(ceiling, Math.ceil((high + room) / 5) * 5),
  ];
}

export function LineChart({
  points,
  label,
  unit,
}: {
  points: readonly Point[];
  label: string;
  unit: string;
}) {
  const [at, setAt] = useState<number>();
  if (points.length < 2) return null;
  const [low, high] = rangeOf(points.map((point) => point.value));
  const x = (index: number) => (index / (points.length - 1)) * WIDTH;
  const y = (value: number) =>
    HEIGHT - PAD - ((value - low) / Math.max(1, high - low)) * (HEIGHT - 2 * PAD);
  const line = points.map((point, index) => `${x(index).toFixed(1)},${y(point.value).toFixed(1)}`);
  const say = (point: Point | undefined) =>
    point ? `${day(point.time)}: ${point.value.toFixed(1)}${unit}` : '';
  const first = points[0];
  const last = points.at(-1);
  const here = at === undefined ? undefined : points[at];
  const steer = (event: KeyboardEvent) => {
    const now = at ?? points.length - 1;
    if (event.key === 'ArrowLeft') setAt(Math.max(0, now - 1));
    else if (event.key === 'ArrowRight') setAt(Math.min(points.length - 1, now + 1));
    else return;
    event.preventDefault();
  };
  return (
    <figure className={classes.figure}>
      <div
        className={classes.plot}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={points.length - 1}
        aria-valuenow={at ?? points.length - 1}
        aria-valuetext={say(here ?? last)}
        onKeyDown={steer}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const share = (event.clientX - box.left) / Math.max(1, box.width);
          setAt(Math.round(Math.max(0, Math.min(1, share)) * (points.length - 1)));
        }}
        onPointerLeave={() => setAt(undefined)}
      >
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden>
          <polygon
            className={classes.area}
            points={`0,${HEIGHT} ${line.join(' ')} ${WIDTH},${HEIGHT}`}
          />
          <polyline className={classes.line} points={line.join(' ')} />
          {at !== undefined && here && (
            <line className={classes.cursor} x1={x(at)} x2={x(at)} y1={0} y2={HEIGHT} />
          )}
        </svg>
        <span className={classes.high}>{high}</span>
        <span className={classes.low}>{low}</span>
      </div>
      <figcaption className={classes.caption}>
        <span title={first ? exact(first.time) : ''}>{first && day(first.time)}</span>
        <b className="tabular">{say(here ?? last)}</b>
        <span title={last ? exact(last.time) : ''}>{last && day(last.time)}</span>
      </figcaption>
    </figure>
  );
}
