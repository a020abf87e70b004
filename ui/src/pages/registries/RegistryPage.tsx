// One registry: whether it is reached, what it holds, how it tells, and
// what was scanned of it.

import { Button, Title } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { queries } from '../../api/queries';
import {
  EVERY_MS,
  type Registry,
  type RegistryChange,
  type RegistryMade,
  registries,
  useChangeRegistry,
  useCheckRegistry,
  useRemoveRegistry,
  useRotateRegistry,
  useSyncRegistry,
} from '../../api/registries';
import { NothingFound } from '../../components/Empty';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { ScanTable } from '../../components/ScanTable';
import { StandIn } from '../../components/StandIn';
import { useUrl } from '../../components/url';
import { count, plural } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Menu } from '../../ui/Menu';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/Time';
import { CREDENTIALS } from './draft';
import { HowToTell, PLACEHOLDER } from './HowToTell';
import { NewSecret } from './NewSecret';
import { every, Fault, KIND_NAME, StateMark } from './parts';
import { RegistryForm } from './RegistryForm';
import { Repositories, Tags } from './Repositories';
import classes from './registries.module.css';

export function RegistryPage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const [search] = useUrl();
  const { data, error, refetch } = useQuery(registries.one(id, EVERY_MS));
  if (!data) return <StandIn what="registry" error={error} onRetry={() => refetch()} />;
  const tab = search.tab ?? 'repositories';
  const failing = data.failing ?? 0;
  return (
    <Page
      title={data.name}
      isFixed={tab === 'repositories' || tab === 'scans'}
      heading={<Heading registry={data} />}
      actions={<Actions registry={data} />}
    >
      {data.error && <Fault fault={data.error} />}
      {failing > 0 && (
        <Notice
          tone="warn"
          title={`${plural(failing, 'repository', 'repositories')} could not be read`}
        >
          The others were. What was seen in them before stays, and they are tried again with each
          look; the list says why.
        </Notice>
      )}
      {data.losses && (
        <Notice tone="warn" title="Not all it told came to something">
          {plural(data.losses.given_up, 'event')} of the last 30 days could not be looked up,{' '}
          {count(data.losses.misread)} could not be understood. The last{' '}
          <Time at={data.losses.last} />: {data.losses.reason}
        </Notice>
      )}
      {data.state === 'waiting' && (
        <Notice tone="warn" title="It allows no more requests for a while">
          Nothing is asked of it for now; it goes on <Time at={data.hold_until} />. What is queued
          waits, and nothing is lost.
        </Notice>
      )}
      {data.state === 'paused' && (
        <Notice tone="info" title="It is paused">
          Nothing is asked of it, and what it tells is not taken.
        </Notice>
      )}
      <Tabs
        label="Parts of the registry"
        current={tab}
        tabs={[
          { id: 'repositories', label: 'Repositories', count: data.repositories },
          { id: 'scans', label: 'Scans' },
          { id: 'telling', label: 'How it tells' },
        ]}
      />
      <div className={classes.tab}>
        {tab === 'repositories' &&
          (search.repo ? (
            <Tags registry={data} name={search.repo} />
          ) : (
            <Repositories registry={data} />
          ))}
        {tab === 'scans' && <Scans registry={data} />}
        {tab === 'telling' && <Telling registry={data} />}
      </div>
    </Page>
  );
}

function Heading({ registry }: { registry: Registry }) {
  return (
    <div className={classes.heading}>
      <nav className={classes.crumb} aria-label="You are here">
        <Link to="/registries" search={keepEnvironment as never} className="quiet-link">
          Registries
        </Link>{' '}
        /
      </nav>
      <div className={classes.title}>
        <Title order={1} fz={18}>
          {registry.name}
        </Title>
        <StateMark registry={registry} />
      </div>
      <div className={classes.facts}>
        <span>{KIND_NAME[registry.kind]}</span>
        <span>{registry.address}</span>
        <span>{plural(registry.repositories, 'repository', 'repositories')}</span>
        <span>{plural(registry.tags, 'tag')}</span>
        <span>
          told something <Time at={registry.told} fallback="never" />
        </span>
        <span>
          looked at <Time at={registry.polled} fallback="never" />
        </span>
      </div>
    </div>
  );
}

type Asking = 'edit' | 'remove' | 'rotate';

function Actions({ registry }: { registry: Registry }) {
  const { everywhere: whyNot } = usePermissions();
  const navigate = useNavigate();
  const check = useCheckRegistry(registry.id);
  const sync = useSyncRegistry(registry.id);
  const change = useChangeRegistry(registry.id);
  const rotate = useRotateRegistry(registry.id);
  const remove = useRemoveRegistry(registry.id);
  const [asking, setAsking] = useState<Asking>();
  const [made, setMade] = useState<RegistryMade>();
  const close = () => setAsking(undefined);
  const common = {
    size: 'xs',
    variant: 'default',
    disabled: whyNot !== undefined,
    title: whyNot,
  } as const;
  const failed = sync.error ?? change.error;
  // Until a look has ended that began after it was asked for.
  const isLooking = sync.isSuccess && sync.data.polled === registry.polled;
  return (
    <>
      <Button {...common} loading={check.isPending} onClick={() => check.mutate()}>
        Try the connection
      </Button>
      <Button
        {...common}
        disabled={whyNot !== undefined || registry.paused}
        title={whyNot ?? (registry.paused ? 'It is paused.' : undefined)}
        loading={sync.isPending}
        onClick={() => sync.mutate()}
      >
        {isLooking ? 'Being looked at' : 'Look now'}
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button {...common} rightSection={<IconChevronDown size={12} aria-hidden />}>
            Change
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setAsking('edit')}>Edit…</Menu.Item>
          <Menu.Item onClick={() => change.mutate({ paused: !registry.paused } as RegistryChange)}>
            {registry.paused ? 'Go on' : 'Pause'}
          </Menu.Item>
          <Menu.Item onClick={() => setAsking('rotate')}>New webhook secret…</Menu.Item>
          <Menu.Item onClick={() => setAsking('remove')}>Remove…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Dialog opened={asking === 'edit'} onClose={close} title={`Edit ${registry.name}`} size="lg">
        <RegistryForm registry={registry} onCancel={close} onChanged={close} />
      </Dialog>
      <Dialog
        opened={asking === 'rotate'}
        onClose={close}
        title="A new secret for its webhooks"
        size="lg"
      >
        {made ? (
          <NewSecret
            made={made}
            title="The new secret"
            onDone={() => {
              setMade(undefined);
              close();
            }}
          />
        ) : (
          <>
            {rotate.error && <ProblemNotice problem={rotate.error} title="None was made" />}
            <p className={classes.text}>
              The one before is believed for another 24 hours, so that nothing is missed while the
              registry is told.
            </p>
            <div className={classes.buttons}>
              <Button size="xs" variant="default" data-autofocus onClick={close}>
                Cancel
              </Button>
              <Button
                size="xs"
                loading={rotate.isPending}
                onClick={() => rotate.mutate(undefined, { onSuccess: setMade })}
              >
                Make a new secret
              </Button>
            </div>
          </>
        )}
      </Dialog>
      <Dialog opened={asking === 'remove'} onClose={close} title="Remove this registry?">
        {remove.error && <ProblemNotice problem={remove.error} title="It was not removed" />}
        <p className={classes.text}>
          Nobody looks at it any more, what it tells is refused, and its credentials are forgotten.
          Images that were scanned stay, and so do their findings.
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
                onSuccess: () => navigate({ to: '/registries', search: keepEnvironment } as never),
              })
            }
          >
            Remove {registry.name}
          </Button>
        </div>
      </Dialog>
      <Dialog
        opened={check.data !== undefined || check.error !== null}
        onClose={() => check.reset()}
        title="The connection"
      >
        {check.error && <ProblemNotice problem={check.error} title="It was not tried" />}
        {check.data?.error && <Fault fault={check.data.error} />}
        {check.data?.reached && (
          <div className={classes.column}>
            <Notice tone="good" title={`${registry.name} answers, and accepts the credentials`} />
            {check.data.repositories.length > 0 && (
              <>
                <p className={classes.quiet}>Some of what it lists:</p>
                <ul className={classes.found}>
                  {check.data.repositories.map((name) => (
                    <li key={name}>{name}</li>
                  ))}
                </ul>
              </>
            )}
          </div>
        )}
      </Dialog>
      <Dialog
        opened={failed !== null}
        onClose={() => {
          sync.reset();
          change.reset();
        }}
        title="That did not work"
      >
        {failed && <ProblemNotice problem={failed} title="Nothing was changed" />}
      </Dialog>
    </>
  );
}

function Scans({ registry }: { registry: Registry }) {
  const query = useInfiniteQuery(
    queries.scans({ environment: registry.environment, registry: registry.id }),
  );
  return (
    <ScanTable
      query={query}
      empty={
        <NothingFound title="Nothing of it was scanned yet">
          <p>What is pushed to it, and what it holds, is queued by itself.</p>
        </NothingFound>
      }
    />
  );
}

function Telling({ registry }: { registry: Registry }) {
  const { options } = registry;
  const minutes = options.poll_minutes;
  const url = `${location.origin}${registry.hook}`;
  // Where the secret is part of the address, it stands there too.
  const isInAddress = ['quay', 'docker_hub', 'google'].includes(registry.kind);
  return (
    <div className={classes.grid}>
      <Panel title="By itself">
        {registry.told ? (
          <p className={classes.text}>
            It told something <Time at={registry.told} />: its webhook reaches this server.
          </p>
        ) : (
          <p className={classes.text}>
            It has told nothing yet. Set it up like this, and what is pushed is scanned within
            seconds:
          </p>
        )}
        <HowToTell registry={registry} url={isInAddress ? `${url}?token=${PLACEHOLDER}` : url} />
      </Panel>
      <div className={classes.column}>
        <Panel title="When it is looked at">
          <Facts>
            <Fact term="Looked through">
              {minutes === 0 ? 'never; it tells by itself' : every(minutes)}
            </Fact>
            <Fact term="Last look">
              <Time at={registry.polled} fallback="never" />
            </Fact>
            <Fact term="Reached">
              <Time at={registry.reached} fallback="never" />
            </Fact>
            <Fact term="Read again">
              every {plural(options.again_days, 'day')}, where it was pulled or ran in the last{' '}
              {plural(options.recent_days, 'day')}
            </Fact>
            <Fact term="Tags">the newest {count(options.tags)} of each repository</Fact>
            <Fact term="At most">
              {options.per_minute === 0 ? 'no limit' : `${count(options.per_minute)} images`} a
              minute, {count(options.concurrency)} at once
            </Fact>
          </Facts>
        </Panel>
        <Panel title="How it is reached">
          <Facts>
            <Fact term="Asked as">
              {CREDENTIALS[registry.credential]?.label ?? registry.credential}
            </Fact>
            <Fact term="Over TLS">
              {options.plain_http ? <b className={classes.bad}>no</b> : 'yes'}
              {options.authorities && ', by authorities of its own'}
            </Fact>
            <Fact term="Private network">{options.allow_private ? 'allowed' : 'refused'}</Fact>
            {options.queue && <Fact term="SQS queue">{options.queue}</Fact>}
            {options.endpoint && <Fact term="Endpoint">{options.endpoint}</Fact>}
            <Fact term="Repositories">
              {options.repositories.length > 0
                ? options.repositories.join(', ')
                : 'all that it lists'}
            </Fact>
          </Facts>
        </Panel>
      </div>
    </div>
  );
}
