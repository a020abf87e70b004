import { Button, FileButton } from '@mantine/core';
import { IconRefresh, IconUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useImportDatabase, useUpdateDatabase } from '../../api/actions';
import { queries } from '../../api/queries';
import type { Database } from '../../api/types';
import { DatabaseProgress } from '../../components/DatabaseProgress';
import { Waiting } from '../../components/List';
import { Page } from '../../components/Page';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { count } from '../../lib/format';
import { Command } from '../../ui/Copy';
import { Inline } from '../../ui/Markdown';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Day, Time } from '../../ui/Time';
import classes from './database.module.css';

export function DatabasePage() {
  const { data, error, refetch } = useQuery(queries.database());
  const update = useUpdateDatabase();
  const load = useImportDatabase();
  const isBusy = data?.activity !== undefined && data.activity !== null;
  const reason = isBusy ? 'An update or import is running' : undefined;
  return (
    <Page
      title="Database"
      actions={
        data && (
          <>
            <FileButton
              onChange={(file) => file && load.mutate(file)}
              accept=".zip,.bundle,.json,.zst,.tar"
              disabled={isBusy || load.isPending}
            >
              {(props) => (
                <Button
                  {...props}
                  size="xs"
                  variant="default"
                  loading={load.isPending}
                  disabled={isBusy}
                  title={reason}
                  leftSection={<IconUpload size={14} aria-hidden />}
                >
                  Import a file
                </Button>
              )}
            </FileButton>
            <Button
              size="xs"
              loading={update.isPending}
              disabled={isBusy}
              title={reason}
              leftSection={<IconRefresh size={14} aria-hidden />}
              onClick={() => update.mutate()}
            >
              Update now
            </Button>
          </>
        )
      }
    >
      {update.error && <ProblemNotice problem={update.error} title="The update was not started" />}
      {load.error && <ProblemNotice problem={load.error} title="The file was not imported" />}
      {data ? (
        <Content database={data} />
      ) : error ? (
        <ProblemBlank problem={error} onRetry={() => refetch()} />
      ) : (
        <Waiting label="the database" />
      )}
    </Page>
  );
}

function Content({ database }: { database: Database }) {
  return (
    <>
      {database.activity && (
        <Panel title="Under way" aside={<Time at={database.activity.started} />}>
          <DatabaseProgress work={database.activity} />
        </Panel>
      )}
      {database.problem && !database.activity && (
        <Notice
          tone={database.state === 'ready' ? 'warn' : 'bad'}
          title={`The last update failed: ${database.problem.message}`}
        >
          <Inline>{database.problem.advice}</Inline> <Time at={database.problem.at} />.
        </Notice>
      )}
      {database.state === 'starter' && (
        <Notice tone="warn" title="Only the built-in starter advisories are here">
          They cover the most exploited vulnerabilities of container software. What they find is
          true, but most of what there is to find is missing until the database is updated or
          imported.
        </Notice>
      )}
      {database.state === 'stale' && !database.activity && (
        <Notice tone="warn" title="The database is old">
          Vulnerabilities published since <Time at={database.compiled} /> are not known here.
        </Notice>
      )}
      <div className={classes.grid}>
        <Panel title="Advisories" aside={`${count(database.advisories)} in all`} flush>
          <Sources database={database} />
        </Panel>
        <div className={classes.column}>
          <Panel title="State">
            <Facts>
              <Fact term="Compiled">
                {database.state === 'starter' ? (
                  'built into the server'
                ) : (
                  <Time at={database.compiled} />
                )}
              </Fact>
              <Fact term="Last update">
                <Time at={database.updated} fallback="never" />
              </Fact>
              <Fact term="Next update">
                <Time at={database.next_update} fallback="not planned" />
              </Fact>
              <Fact term="From">
                <code>{database.update_from}</code>
              </Fact>
              <Fact term="EPSS scores">{database.epss ? <Day at={database.epss} /> : 'none'}</Fact>
              <Fact term="CISA KEV">{database.kev ? <Day at={database.kev} /> : 'none'}</Fact>
              <Fact term="Generation">
                <code>{database.generation}</code>
              </Fact>
            </Facts>
          </Panel>
          <Panel title="Without a network">
            <p className={classes.text}>
              On a machine that has one, fetch the advisories and write them into one bundle:
            </p>
            <Command>seawall db update && seawall db export advisories.bundle</Command>
            <p className={classes.text}>
              Carry the file over, then choose <b>Import a file</b> above, or on the server:
            </p>
            <Command>seawall db import advisories.bundle</Command>
            <p className={classes.text}>
              OSV’s own <code>all.zip</code> files can be imported just as well. Images scanned
              before are matched again by themselves; none is read anew.
            </p>
          </Panel>
        </div>
      </div>
    </>
  );
}

function Sources({ database }: { database: Database }) {
  const most = Math.max(1, ...database.sources.map((source) => source.advisories));
  return (
    <table className={classes.sources}>
      <thead>
        <tr>
          <th scope="col">Ecosystem</th>
          <th scope="col" className={classes.number}>
            Advisories
          </th>
          <th aria-hidden className={classes.share} />
          <th scope="col">Newest</th>
        </tr>
      </thead>
      <tbody>
        {database.sources.map((source) => (
          <tr key={source.ecosystem}>
            <td>{source.ecosystem}</td>
            <td className={classes.number}>{count(source.advisories)}</td>
            <td aria-hidden className={classes.share}>
              <span style={{ width: `${Math.max(1, (100 * source.advisories) / most)}%` }} />
            </td>
            <td>
              <Time at={source.newest} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
