// One host: whether it is reached and how that is protected, what its
// engine says of itself, and what runs there.

import { Button, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import {
  EVERY_MS,
  type HostChange,
  type HostDetail,
  hosts,
  useChangeHost,
  useCheckHost,
  useRemoveHost,
} from '../../api/hosts';
import { Go } from '../../components/Go';
import { ImageText, keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { SeverityStrip } from '../../components/Severity';
import { StandIn } from '../../components/StandIn';
import { count, plural } from '../../lib/format';
import { term } from '../../lib/query';
import { Dialog } from '../../ui/Dialog';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { HostForm } from './HostForm';
import classes from './hosts.module.css';
import { StateMark, Tls, Unreached } from './parts';

export function HostPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const { data, error, refetch } = useQuery(hosts.one(id, EVERY_MS));
  if (!data) return <StandIn what="host" error={error} onRetry={() => refetch()} />;
  const { host } = data;
  return (
    <Page title={host.name} heading={<Heading detail={data} />} actions={<Actions detail={data} />}>
      {host.error && <Unreached error={host.error} />}
      {data.gaps.length > 0 && (
        <Notice tone="info" title="What the last look could not ask">
          {data.gaps.map((each) => (
            <div key={each}>{each}</div>
          ))}
        </Notice>
      )}
      <div className={classes.grid}>
        <Panel title="What runs there" aside={plural(data.containers.length, 'container')} flush>
          <Containers detail={data} />
        </Panel>
        <div className={classes.column}>
          <Panel title="How it is reached">
            <Tls tls={data.tls} plain={data.plain} unverified={data.unverified} />
          </Panel>
          <Panel title="Its engine">
            <Engine detail={data} />
          </Panel>
        </div>
      </div>
    </Page>
  );
}

function Heading({ detail: { host, findings } }: { detail: HostDetail }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/hosts" search={keepEnvironment as never} className="quiet-link">
          Docker hosts
        </Link>{' '}
        /
      </nav>
      <div className={classes.title}>
        <Title order={1} fz={18}>
          {host.name}
        </Title>
        <StateMark host={host} />
        <SeverityStrip counts={findings} />
      </div>
      <div className={classes.facts}>
        <span>{host.address}</span>
        {host.asset && (
          <>
            <Go to="/findings" search={{ q: term('asset', host.asset) }}>
              its findings
            </Go>
            <Go to={`/inventory/${encodeURIComponent(host.asset)}`}>in the inventory</Go>
          </>
        )}
        <span>
          looked at <Time at={host.looked} fallback="never" />
        </span>
        {host.state === 'unreached' && (
          <span>
            reached <Time at={host.reached} fallback="never" />
          </span>
        )}
      </div>
    </div>
  );
}

function Actions({ detail: { host } }: { detail: HostDetail }) {
  const { administer: whyNot } = usePermissions();
  const navigate = useNavigate();
  const check = useCheckHost(host.id);
  const change = useChangeHost(host.id);
  const remove = useRemoveHost(host.id);
  const [dialog, setDialog] = useState<'edit' | 'remove'>();
  const close = () => setDialog(undefined);
  const common = {
    size: 'xs',
    variant: 'default',
    disabled: whyNot !== undefined,
    title: whyNot,
  } as const;
  return (
    <>
      <Button {...common} loading={check.isPending} onClick={() => check.mutate()}>
        Try the connection
      </Button>
      <Button {...common} onClick={() => setDialog('edit')}>
        Edit
      </Button>
      <Button
        {...common}
        loading={change.isPending}
        onClick={() => change.mutate({ paused: !host.paused } as HostChange)}
      >
        {host.paused ? 'Look at it again' : 'Pause'}
      </Button>
      <Button {...common} onClick={() => setDialog('remove')}>
        Remove…
      </Button>
      <Dialog opened={dialog === 'edit'} onClose={close} title={`Edit ${host.name}`} size="lg">
        <HostForm host={host} onCancel={close} onDone={close} />
      </Dialog>
      <Dialog opened={dialog === 'remove'} onClose={close} title="Remove this host?">
        {remove.error && <ProblemNotice problem={remove.error} title="It was not removed" />}
        <p className={classes.text}>
          Nobody looks at it any more, its credentials are forgotten, and what was found on it is
          resolved.
        </p>
        <div className={classes.buttons}>
          <Button size="xs" variant="default" data-autofocus onClick={close}>
            Cancel
          </Button>
          <Button
            size="xs"
            color="red"
            loading={remove.isPending}
            onClick={() =>
              remove.mutate(undefined, {
                onSuccess: () => navigate({ to: '/hosts', search: keepEnvironment } as never),
              })
            }
          >
            Remove {host.name}
          </Button>
        </div>
      </Dialog>
      <Dialog
        opened={check.data !== undefined || check.error !== null}
        onClose={() => check.reset()}
        title="The connection"
        size="lg"
      >
        {check.error && <ProblemNotice problem={check.error} title="It was not tried" />}
        {check.data && (
          <div className={classes.column}>
            {check.data.error ? (
              <Unreached error={check.data.error} />
            ) : (
              <Notice
                tone="good"
                title={`Docker Engine ${check.data.engine?.version ?? ''} answers`}
              />
            )}
            <Tls tls={check.data.tls} plain={check.data.plain} unverified={check.data.unverified} />
          </div>
        )}
      </Dialog>
    </>
  );
}

function Engine({ detail: { host } }: { detail: HostDetail }) {
  const { engine } = host;
  if (!engine) return <p className={classes.quiet}>It has not answered yet.</p>;
  return (
    <Facts>
      <Fact term="Version">
        {engine.version}
        {engine.api_version && ` (API ${engine.api_version})`}
      </Fact>
      {engine.os && <Fact term="System">{engine.os}</Fact>}
      {engine.kernel && <Fact term="Kernel">{engine.kernel}</Fact>}
      {engine.storage_driver && <Fact term="Storage">{engine.storage_driver}</Fact>}
      {engine.logging_driver && <Fact term="Logs">{engine.logging_driver}</Fact>}
      {(engine.security ?? []).length > 0 && (
        <Fact term="Security">{engine.security?.join(', ')}</Fact>
      )}
      {engine.live_restore != null && (
        <Fact term="Live restore">{engine.live_restore ? 'on' : 'off'}</Fact>
      )}
      <Fact term="Containers">
        {count(engine.running ?? 0)} of {count(engine.containers ?? 0)} run
      </Fact>
      <Fact term="Images">{count(engine.images ?? 0)}</Fact>
    </Facts>
  );
}

function Containers({ detail: { containers } }: { detail: HostDetail }) {
  if (containers.length === 0)
    return <p className={classes.none}>Nothing runs there, as far as is known.</p>;
  return (
    <div className={classes.scroll}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">Container</th>
            <th scope="col">Image</th>
          </tr>
        </thead>
        <tbody>
          {containers.map((each) => (
            <tr key={each.asset}>
              <td>
                <Go to={`/inventory/${encodeURIComponent(each.asset)}`} className={classes.name}>
                  {each.name}
                </Go>
              </td>
              <td>
                {each.image_id ? (
                  <Go to={`/images/${encodeURIComponent(each.image_id)}`} className={classes.name}>
                    <ImageText name={each.image ?? each.image_id} />
                  </Go>
                ) : (
                  <>
                    {each.image ? <ImageText name={each.image} /> : '–'}{' '}
                    <span className={classes.quiet}>not scanned</span>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
