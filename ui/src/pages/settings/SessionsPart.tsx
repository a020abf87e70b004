import { Badge, Button, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import {
  type SessionEntry,
  settings,
  useEndOtherSessions,
  useEndSession,
} from '../../api/settings';
import { Waiting } from '../../components/List';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { browserName } from '../../lib/browser';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './settings.module.css';

const METHOD: Record<SessionEntry['method'], string> = {
  link: 'by a printed link',
  password: 'by password',
  oidc: 'through the identity provider',
};

export function SessionsPart() {
  const { data, error, refetch } = useQuery(settings.sessions());
  const end = useEndSession();
  const endOthers = useEndOtherSessions();
  if (error) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  if (!data) return <Waiting label="sessions" rows={5} />;
  const others = data.filter((each) => !each.current).length;
  return (
    <>
      <p className={classes.lead}>
        Browsers in which you are signed in. End what you do not recognise, then change your
        password.
      </p>
      {(end.error ?? endOthers.error) && (
        <ProblemNotice
          problem={(end.error ?? endOthers.error) as Error}
          title="The session was not ended"
        />
      )}
      <Panel
        title="Signed in"
        flush
        aside={
          <Button
            size="compact-xs"
            variant="default"
            disabled={others === 0}
            loading={endOthers.isPending}
            onClick={() => endOthers.mutate()}
          >
            End all others
          </Button>
        }
      >
        <div className={classes.scroll}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th>Browser</th>
                <th>From</th>
                <th>Signed in</th>
                <th>Last used</th>
                <th>Ends</th>
                <th>
                  <VisuallyHidden>Actions</VisuallyHidden>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.map((each) => (
                <tr key={each.id}>
                  <td>
                    <span className={classes.name}>{browserName(each.browser)}</span>{' '}
                    {each.current && (
                      <Badge size="sm" variant="light" tt="none">
                        this one
                      </Badge>
                    )}
                    <div className={classes.quiet}>{METHOD[each.method]}</div>
                  </td>
                  <td>
                    <code>{each.address ?? '–'}</code>
                  </td>
                  <td>
                    <Time at={each.created} />
                  </td>
                  <td>
                    <Time at={each.last_seen} />
                  </td>
                  <td>
                    <Time at={each.expires} />
                  </td>
                  <td className={classes.right}>
                    {!each.current && (
                      <Button
                        size="compact-xs"
                        variant="default"
                        loading={end.isPending && end.variables === each.id}
                        onClick={() => end.mutate(each.id)}
                      >
                        End
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>
  );
}
