import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../../api/queries';
import { Waiting } from '../../components/List';
import { keepEnvironment } from '../../components/Names';
import { ProblemBlank } from '../../components/ProblemNotice';
import { count } from '../../lib/format';
import { Command } from '../../ui/Copy';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './settings.module.css';

export function SystemPart() {
  const { data: session, error, refetch } = useQuery(queries.session());
  const { data: environments } = useQuery(queries.environments());
  if (error) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  if (!session) return <Waiting label="the server" rows={6} />;
  const { server } = session;
  return (
    <>
      <Panel title="This server">
        <Facts>
          <Fact term="Version">{server.version}</Fact>
          <Fact term="Machine">{server.host}</Fact>
          <Fact term="Running since">
            <Time at={server.started} />
          </Fact>
          <Fact term="Paths of the machine">
            {server.local_paths ? 'may be scanned' : 'may not be scanned'}
          </Fact>
          <Fact term="Your session">
            ends <Time at={session.expires} />, if it is not used
          </Fact>
          <Fact term="Advisories">
            <Link to="/database" search={keepEnvironment as never}>
              The advisory database
            </Link>
          </Fact>
        </Facts>
      </Panel>
      <Panel title="Environments" flush>
        <div className={classes.scroll}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th>Environment</th>
                <th>Id</th>
                <th>Images and machines</th>
              </tr>
            </thead>
            <tbody>
              {(environments ?? []).map((each) => (
                <tr key={each.id}>
                  <td>
                    <span className={classes.name}>{each.name}</span>
                    {each.demo && <div className={classes.quiet}>made up; can be removed</div>}
                  </td>
                  <td>
                    <code>{each.id}</code>
                  </td>
                  <td>{count(each.images)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
      <Panel title="Looking after it">
        <div className={classes.steps}>
          <p className={classes.lead}>On the server’s own machine:</p>
          <Command label="the backup command">seawall store backup seawall-backup.db</Command>
          <Command label="the check command">seawall store check</Command>
          <p className={classes.lead}>
            Numbers for Prometheus are at <code>/metrics</code>, for tokens that may read them.
          </p>
        </div>
      </Panel>
    </>
  );
}
