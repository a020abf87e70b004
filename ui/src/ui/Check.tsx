import classes from './Check.module.css';

/** The browser's own box: there is one in every row, and it must cost nothing. */
export function Check({
  label,
  isOn,
  isPartly = false,
  onChange,
  tabIndex,
}: {
  label: string;
  isOn: boolean;
  /** Some of what it stands for. */
  isPartly?: boolean;
  /** Absent where the row takes the click, and with it the keys held. */
  onChange?: () => void;
  tabIndex?: number;
}) {
  return (
    <input
      type="checkbox"
      className={classes.check}
      aria-label={label}
      checked={isOn}
      ref={(box) => {
        if (box) box.indeterminate = isPartly;
      }}
      onChange={onChange ?? nothing}
      tabIndex={tabIndex}
    />
  );
}

function nothing() {}
