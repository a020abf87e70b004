import { IconAlertTriangle, IconDatabaseOff, IconPlugOff, IconRadarOff } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { Gap, Overview } from '../../api/types';
import { ImageLink, keepEnvironment } from '../../components/Names';
import { count } from '../../lib/format';
import { Inline } from '../../ui/Markdown';
import { Panel } from '../../ui/Panel';
import classes from './overview.module.css';

const ICON = {
  database: IconDatabaseOff,
  partial: IconAlertTriangle,
  failed: IconRadarOff,
  runtime: IconPlugOff,
  source: IconPlugOff,
};
const SHOWN = 5;

/** How much of what is there has been looked at, and what is missing. */
export function Coverage({ overview }: { overview: Overview }) {
  const { coverage } = overview;
  const total = coverage.complete + coverage.partial + coverage.failed;
  return (
    <Panel title="Coverage" aside={`${count(coverage.complete)} of ${count(total)} read whole`}>
      <div className={classes.coverage} aria-hidden>
        {coverage.complete > 0 && (
          <span data-part="complete" style={{ flexGrow: coverage.complete }} />
        )}
        {coverage.partial > 0 && (
          <span data-part="partial" style={{ flexGrow: coverage.partial }} />
        )}
        {coverage.failed > 0 && <span data-part="failed" style={{ flexGrow: coverage.failed }} />}
      </div>
      <div className={classes.legend}>
        <span>{count(coverage.complete)} complete</span>
        <Link
          to="/images"
          search={
            ((old: object) => ({ ...keepEnvironment(old as never), partial: 'true' })) as never
          }
        >
          {count(coverage.partial)} partial
        </Link>
        <Link
          to="/scans"
          search={
            ((old: object) => ({ ...keepEnvironment(old as never), state: 'failed' })) as never
          }
        >
          {count(coverage.failed)} failed
        </Link>
      </div>
      {coverage.gaps.length > 0 && (
        <ul className={classes.gaps}>
          {coverage.gaps.slice(0, SHOWN).map((gap, index) => (
            <GapRow key={index} gap={gap} />
          ))}
          {coverage.gaps.length > SHOWN && (
            <li className={classes.quiet}>and {coverage.gaps.length - SHOWN} more</li>
          )}
        </ul>
      )}
    </Panel>
  );
}

function GapRow({ gap }: { gap: Gap }) {
  const Icon = ICON[gap.kind];
  return (
    <li>
      <Icon size={15} aria-hidden className={classes.gapIcon} />
      <div>
        {gap.image && <ImageLink image={gap.image} isShort />}
        <div>{gap.message}</div>
        <div className={classes.quiet}>
          {gap.kind === 'database' ? (
            <Link to="/database" search={keepEnvironment as never}>
              {gap.advice}
            </Link>
          ) : (
            <Inline>{gap.advice}</Inline>
          )}
        </div>
      </div>
    </li>
  );
}
