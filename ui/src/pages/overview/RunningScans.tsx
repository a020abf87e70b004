import { Link } from '@tanstack/react-router';
import { useActivity } from '../../components/live';
import { keepEnvironment } from '../../components/Names';
import { ScanProgress } from '../../components/ScanProgress';
import { useEnvironment } from '../../components/url';
import { plural } from '../../lib/format';
import { Panel } from '../../ui/Panel';
import classes from './overview.module.css';

/** What is being scanned this moment, moving. */
export function RunningScans() {
  const environment = useEnvironment();
  const scans = useActivity().filter((scan) => scan.environment === environment);
  if (scans.length === 0) return null;
  const running = scans.filter((scan) => scan.state === 'running');
  const shown = (running.length > 0 ? running : scans).slice(0, 4);
  return (
    <Panel
      title="Scans under way"
      aside={
        <Link to="/scans" search={keepEnvironment as never}>
          {plural(scans.length, 'scan')}
        </Link>
      }
    >
      <ul className={classes.scans}>
        {shown.map((scan) => (
          <li key={scan.id}>
            <div className="truncate" title={scan.name}>
              {scan.name}
            </div>
            <ScanProgress scan={scan} />
          </li>
        ))}
      </ul>
      {scans.length > shown.length && (
        <div className={classes.quiet}>{plural(scans.length - shown.length, 'scan')} waiting</div>
      )}
    </Panel>
  );
}
