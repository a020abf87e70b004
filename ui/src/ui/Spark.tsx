import classes from './Spark.module.css';

const WIDTH = 240;
const HEIGHT = 32;

/** The last readings of a meter, from nought up; said in words for readers. */
export function Spark({ values, label }: { values: readonly number[]; label: string }) {
  const high = Math.max(...values, 1);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values
    .map(
      (value, index) =>
        `${(index * step).toFixed(1)},${(HEIGHT - 1 - (value / high) * (HEIGHT - 3)).toFixed(1)}`,
    )
    .join(' ');
  const says = `${label}: between ${Math.min(...values, high).toFixed(1)} and ${high.toFixed(1)}`;
  return (
    <svg
      className={classes.spark}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={says}
    >
      {values.length > 1 && <polyline points={points} />}
    </svg>
  );
}
