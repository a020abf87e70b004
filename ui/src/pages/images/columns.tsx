import type { Image } from '../../api/types';
import { PartialMark, TARGET_KIND } from '../../components/marks';
import { ImageLink } from '../../components/Names';
import { ScanStateMark } from '../../components/ScanStateMark';
import { SeverityStrip } from '../../components/Severity';
import { bytes, count } from '../../lib/format';
import type { Column } from '../../ui/DataTable';
import { Time } from '../../ui/Time';
import classes from './images.module.css';

export const COLUMNS: Column<Image>[] = [
  {
    id: 'name',
    header: 'Name',
    width: 'minmax(220px, 2.4fr)',
    fixed: true,
    sorts: ['name', '-name'],
    cell: (row) => (
      <span className={classes.name}>
        <ImageLink image={row} />
        <Marks image={row} />
      </span>
    ),
  },
  {
    id: 'severity',
    header: 'Findings',
    width: '194px',
    sorts: ['severity'],
    cell: (row) => <SeverityStrip counts={row.counts} />,
  },
  {
    id: 'fixable',
    header: 'Fixable',
    width: '56px',
    align: 'right',
    cell: (row) => count(row.fixable),
  },
  { id: 'kind', header: 'Kind', width: '66px', cell: (row) => TARGET_KIND[row.kind] },
  {
    id: 'os',
    header: 'System',
    width: 'minmax(90px, 1fr)',
    cell: (row) => <span title={row.os?.name}>{row.os ? systemName(row) : '–'}</span>,
  },
  {
    id: 'platform',
    header: 'Platform',
    width: '92px',
    cell: (row) => row.platform ?? '–',
  },
  {
    id: 'packages',
    header: 'Packages',
    width: '78px',
    align: 'right',
    sorts: ['-packages'],
    cell: (row) => count(row.packages),
  },
  {
    id: 'size',
    header: 'Size',
    width: '70px',
    align: 'right',
    cell: (row) => (typeof row.size_bytes === 'number' ? bytes(row.size_bytes) : '–'),
  },
  {
    id: 'scanned',
    header: 'Scanned',
    width: '88px',
    sorts: ['-last_scanned', 'last_scanned'],
    cell: (row) => <Time at={row.last_scanned} />,
  },
];

/** "Debian 12": the pretty name is for hovering. */
export function systemName(image: Image): string {
  const { os } = image;
  if (!os) return '–';
  const short = os.id ? os.id.charAt(0).toUpperCase() + os.id.slice(1) : os.name;
  return `${short} ${os.version}`.trim();
}

export function Marks({ image }: { image: Image }) {
  return (
    <>
      {image.scanning && <ScanStateMark state="running" />}
      <PartialMark warnings={image.partial ? Math.max(1, image.warnings) : 0} />
      {image.last_error && <ScanStateMark state="failed" why={image.last_error} />}
    </>
  );
}

export function ImageCard({ image }: { image: Image }) {
  return (
    <div className={classes.card}>
      <ImageLink image={image} />
      <div className={classes.cardRow}>
        <SeverityStrip counts={image.counts} />
        <Marks image={image} />
      </div>
      <div className={classes.quiet}>
        {TARGET_KIND[image.kind]} · {systemName(image)} · {count(image.packages)} packages ·{' '}
        <Time at={image.last_scanned} />
      </div>
    </div>
  );
}
