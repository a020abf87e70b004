import { Link } from '@tanstack/react-router';
import type { TopFix } from '../api/types';
import { plural } from '../lib/format';
import { term } from '../lib/query';
import { totalOf } from '../lib/severity';
import classes from './FixList.module.css';
import { FixStep, KindMark } from './marks';
import { keepEnvironment } from './Names';
import { SeverityStrip } from './Severity';

/** What to do first: upgrades by what they close, each a link to it. */
export function FixList({ fixes, image }: { fixes: TopFix[]; image?: string }) {
  return (
    <ol className={classes.list}>
      {fixes.map((fix) => (
        <li key={`${fix.kind} ${fix.package} ${fix.version}`}>
          <Link
            to={image ? '/images/$id' : '/findings'}
            params={(image ? { id: image } : {}) as never}
            search={
              ((old: Record<string, unknown>) =>
                image
                  ? { environment: old.environment, q: fix.package, fixable: 'true' }
                  : {
                      ...keepEnvironment(old),
                      q: `${term('package', fix.package)} is:fixable`,
                    }) as never
            }
            className={classes.fix}
          >
            <span className={`${classes.step} truncate`}>
              <FixStep fix={fix} /> <KindMark kind={fix.kind} />
            </span>
            <span className={classes.effect}>
              {!image && <>in {plural(fix.images, 'image')} · </>}closes{' '}
              <b>{totalOf(fix.closes)}</b>
            </span>
            <span className={classes.strip}>
              <SeverityStrip counts={fix.closes} />
            </span>
          </Link>
        </li>
      ))}
    </ol>
  );
}
