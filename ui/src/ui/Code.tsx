import classes from './Code.module.css';
import { Copy } from './Copy';

/** A text of some lines, as it is written, to read and to copy. */
export function Code({ label, children }: { label: string; children: string }) {
  return (
    <div className={classes.code}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <pre tabIndex={0}>{children}</pre>
      <Copy value={children} what={label} />
    </div>
  );
}
