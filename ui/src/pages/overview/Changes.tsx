import {
  IconBox,
  IconBoxOff,
  IconDatabase,
  IconDatabaseOff,
  IconRefresh,
  IconX,
} from '@tabler/icons-react';
import type { Change } from '../../api/types';
import { ImageLink } from '../../components/Names';
import { count } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './overview.module.css';

const KIND = {
  image_added: { icon: IconBox, word: 'first scanned' },
  image_changed: { icon: IconRefresh, word: 'changed' },
  image_removed: { icon: IconBoxOff, word: 'removed' },
  scan_failed: { icon: IconX, word: 'scan failed' },
  database_updated: { icon: IconDatabase, word: '' },
  database_failed: { icon: IconDatabaseOff, word: '' },
};

/** What happened lately. */
export function Changes({ changes }: { changes: Change[] }) {
  return (
    <Panel title="Recent changes" flush>
      {changes.length === 0 ? (
        <div className={classes.none}>Nothing has happened yet.</div>
      ) : (
        <ul className={classes.changes}>
          {changes.slice(0, 6).map((change) => {
            const { icon: Icon, word } = KIND[change.kind];
            const added = totalOf(change.new);
            return (
              <li key={change.id}>
                <Icon size={14} aria-hidden className={classes.gapIcon} />
                <div className={classes.change}>
                  {change.image && change.kind !== 'image_removed' ? (
                    <ImageLink image={change.image} isShort />
                  ) : (
                    <span className={classes.summary} title={change.summary}>
                      {change.summary}
                    </span>
                  )}
                  <div className={classes.quiet}>
                    {change.image && word}
                    {added > 0 && ` · ${count(added)} new`}
                    {change.resolved > 0 && ` · ${count(change.resolved)} resolved`}
                  </div>
                </div>
                <span className={classes.quiet}>
                  <Time at={change.time} />
                </span>
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}
