import { Link } from '@tanstack/react-router';
import type { Layers } from '../../api/types';
import { Waiting } from '../../components/List';
import { DigestText } from '../../components/Names';
import { SeverityStrip } from '../../components/Severity';
import { bytes, dockerfileStep, plural } from '../../lib/format';
import { totalOf } from '../../lib/severity';
import { Tooltip } from '../../ui/Tooltip';
import classes from './images.module.css';

/** The stack, topmost layer first, as a Dockerfile is undone. */
export function LayersTab({ layers }: { id: string; layers: Layers | undefined }) {
  if (!layers) return <Waiting label="layers" rows={6} />;
  const to = (tab: string | undefined, layer: number) =>
    ((old: { environment?: string }) => ({
      environment: old.environment,
      tab,
      layer: String(layer),
    })) as never;
  return (
    <ol className={classes.layers} reversed aria-label="Layers, topmost first">
      {[...layers.items].reverse().map((layer) => (
        <li
          key={`${layer.index} ${layer.diff_id}`}
          className={classes.layer}
          data-empty={layer.totals.packages === 0 || undefined}
        >
          <span className={classes.index}>{layer.index}</span>
          <div>
            <Tooltip label={layer.created_by ?? ''}>
              <div className={classes.step}>
                {layer.created_by ? dockerfileStep(layer.created_by) : 'no history line'}
              </div>
            </Tooltip>
            <div className={classes.under}>
              <DigestText digest={layer.digest ?? layer.diff_id} />
              {layer.shared_with > 0 && (
                <span>shared with {plural(layer.shared_with, 'other image')}</span>
              )}
            </div>
          </div>
          <span className={classes.right}>
            {typeof layer.size_bytes === 'number' ? bytes(layer.size_bytes) : '–'}
          </span>
          <span className={classes.right}>
            {layer.totals.packages > 0 ? (
              <Link to="." search={to('packages', layer.index)}>
                {plural(layer.totals.packages, 'package')}
              </Link>
            ) : (
              <span className={classes.quiet}>no packages</span>
            )}
          </span>
          {totalOf(layer.totals.counts) > 0 ? (
            <Link to="." search={to(undefined, layer.index)}>
              <SeverityStrip counts={layer.totals.counts} />
            </Link>
          ) : (
            <span className={classes.quiet}>no findings</span>
          )}
        </li>
      ))}
    </ol>
  );
}
