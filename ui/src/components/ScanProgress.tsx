import { Progress } from '@mantine/core';
import type { Scan } from '../api/types';
import { bytes, count, plural } from '../lib/format';
import classes from './ScanProgress.module.css';

/** How far a scan is, 0 to 1; by bytes where the total is known. */
export function progressShare(scan: Scan): number {
  const { progress } = scan;
  if (scan.state === 'done') return 1;
  if (!progress) return 0;
  if (progress.bytes_total) return Math.min(1, progress.bytes_done / progress.bytes_total);
  if (progress.layers_total > 0) return Math.min(1, progress.layers_done / progress.layers_total);
  return 0;
}

const PHASE = {
  resolving: 'Finding out what to read',
  reading: 'Reading',
  matching: 'Matching against advisories',
  storing: 'Storing the result',
};

export function progressText(scan: Scan): string {
  if (scan.state === 'queued') return 'Waiting for its turn';
  const { progress } = scan;
  if (!progress) return 'Starting';
  const parts = [PHASE[progress.phase]];
  if (progress.phase !== 'reading') return parts.join(' · ');
  if (progress.layers_total > 0) {
    parts.push(
      `layer ${Math.min(progress.layers_done + 1, progress.layers_total)} of ${progress.layers_total}`,
    );
  }
  if (progress.bytes_total)
    parts.push(`${bytes(progress.bytes_done)} of ${bytes(progress.bytes_total)}`);
  else if (progress.bytes_done > 0) parts.push(bytes(progress.bytes_done));
  if (progress.files > 0) parts.push(plural(progress.files, 'file'));
  return parts.join(' · ');
}

export function ScanProgress({ scan }: { scan: Scan }) {
  const share = progressShare(scan);
  return (
    <div className={classes.progress}>
      <Progress
        size={6}
        value={share === 0 && scan.state === 'running' ? 4 : share * 100}
        animated={scan.state === 'running'}
        aria-label={`Progress of ${scan.name}: ${count(Math.round(share * 100))} %`}
      />
      <span className={`${classes.text} truncate`}>{progressText(scan)}</span>
    </div>
  );
}
