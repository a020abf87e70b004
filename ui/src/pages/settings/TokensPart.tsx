import {
  Badge,
  Button,
  Checkbox,
  MultiSelect,
  NativeSelect,
  TextInput,
  VisuallyHidden,
} from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { queries } from '../../api/queries';
import {
  type ApiToken,
  type ApiTokenMade,
  type Permission,
  settings,
  useMakeToken,
  useRevokeToken,
} from '../../api/settings';
import { NothingFound } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { usePermissions } from '../../components/permissions';
import { Secret } from '../../components/Secret';
import { useNow } from '../../ui/clock';
import { Dialog } from '../../ui/Dialog';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import classes from './settings.module.css';
import { PERMISSIONS, permissionLabel } from './words';

const STATE: Record<ApiToken['state'], { label: string; color: string }> = {
  active: { label: 'Active', color: 'green' },
  expired: { label: 'Expired', color: 'gray' },
  revoked: { label: 'Revoked', color: 'gray' },
  suspended: { label: 'Suspended', color: 'orange' },
};

export function TokensPart() {
  const [isAll, setAll] = useState(false);
  const [isEnded, setEnded] = useState(false);
  const [isMaking, setMaking] = useState(false);
  const { administer } = usePermissions();
  const { data, error, refetch } = useQuery(settings.tokens(isAll, isEnded));
  const revoke = useRevokeToken();
  if (error) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  return (
    <>
      <p className={classes.lead}>
        Programs sign in with a token: <code>Authorization: Bearer sw_…</code>. A token never allows
        more than its maker may do at that moment, and always ends.
      </p>
      {revoke.error && <ProblemNotice problem={revoke.error} title="It was not revoked" />}
      <Panel
        title={isAll ? 'Everybody’s tokens' : 'Your tokens'}
        flush
        aside={
          <div className={classes.buttons}>
            <Checkbox
              size="xs"
              label="Ended too"
              checked={isEnded}
              onChange={() => setEnded(!isEnded)}
            />
            <Checkbox
              size="xs"
              label="Everybody’s"
              title={administer}
              disabled={administer !== undefined}
              checked={isAll}
              onChange={() => setAll(!isAll)}
            />
            <Button
              size="compact-xs"
              leftSection={<IconPlus size={13} aria-hidden />}
              onClick={() => setMaking(true)}
            >
              New token
            </Button>
          </div>
        }
      >
        {!data ? (
          <Waiting label="tokens" rows={4} />
        ) : data.length === 0 ? (
          <NothingFound title="No tokens">
            <p>Make one for a pipeline, for the command line, or for a system that sends alerts.</p>
          </NothingFound>
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th>Token</th>
                  <th>May</th>
                  <th>Where</th>
                  <th>Last used</th>
                  <th>Ends</th>
                  <th>
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.map((token) => (
                  <tr key={token.id} data-muted={token.state !== 'active' || undefined}>
                    <td>
                      <span className={classes.name}>{token.name}</span>{' '}
                      {token.state !== 'active' && (
                        <Badge size="sm" variant="light" color={STATE[token.state].color} tt="none">
                          {STATE[token.state].label}
                        </Badge>
                      )}
                      <div className={classes.quiet}>
                        <code>sw_{token.id}_…</code> by {token.maker}
                      </div>
                    </td>
                    <td>
                      <div className={classes.tags}>
                        {token.permissions.map((permission) => (
                          <Badge key={permission} size="sm" variant="light" tt="none">
                            {permissionLabel(permission)}
                          </Badge>
                        ))}
                      </div>
                    </td>
                    <td>
                      {token.environments.includes('*')
                        ? 'wherever its maker may'
                        : token.environments.join(', ')}
                      {token.addresses.length > 0 && (
                        <div className={classes.quiet}>from {token.addresses.join(', ')}</div>
                      )}
                    </td>
                    <td>
                      <Time at={token.last_used} fallback="never" />
                      {token.last_address && (
                        <div className={classes.quiet}>{token.last_address}</div>
                      )}
                    </td>
                    <td>
                      <Time at={token.revoked ?? token.expires} />
                    </td>
                    <td className={classes.right}>
                      {token.state === 'active' && (
                        <Button
                          size="compact-xs"
                          variant="default"
                          aria-label={`Revoke ${token.name}`}
                          loading={revoke.isPending && revoke.variables === token.id}
                          onClick={() => revoke.mutate(token.id)}
                        >
                          Revoke
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <Dialog opened={isMaking} onClose={() => setMaking(false)} title="New API token">
        {isMaking && <NewToken onDone={() => setMaking(false)} />}
      </Dialog>
    </>
  );
}

const LIFETIMES = [7, 30, 90, 365];

function NewToken({ onDone }: { onDone: () => void }) {
  const make = useMakeToken();
  const now = useNow();
  const { data: me } = useQuery(settings.me());
  const { data: environments } = useQuery(queries.environments());
  const [name, setName] = useState('');
  const [permissions, setPermissions] = useState<Permission[]>(['view']);
  const [where, setWhere] = useState<string[]>([]);
  const [days, setDays] = useState(90);
  const [addresses, setAddresses] = useState('');
  const [made, setMade] = useState<ApiTokenMade>();
  const mine = new Set([
    ...(me?.everywhere ?? []),
    ...(me?.environments ?? []).flatMap((each) => each.permissions),
  ]);
  const fault =
    name.trim() === ''
      ? 'Say what it is for.'
      : permissions.length === 0
        ? 'Choose what it may do.'
        : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    make.mutate(
      {
        name: name.trim(),
        permissions,
        environments: where,
        expires: new Date(now + days * 86_400_000).toISOString(),
        addresses: addresses.split(/[\s,]+/).filter(Boolean),
      },
      { onSuccess: setMade },
    );
  };
  if (made) {
    return (
      <Secret title="The token is made" value={made.secret} what="the token" onDone={onDone}>
        Copy it now: the server keeps only a hash and cannot show it again.
      </Secret>
    );
  }
  return (
    <form onSubmit={submit} className={classes.form}>
      {make.error && <ProblemNotice problem={make.error} title="The token was not made" />}
      <TextInput
        label="What it is for"
        placeholder="release pipeline"
        maxLength={100}
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <fieldset className={classes.checks}>
        <legend>It may</legend>
        {PERMISSIONS.map((each) => (
          <Checkbox
            key={each.id}
            size="xs"
            label={`${each.label}: ${each.doc}`}
            disabled={me !== undefined && !mine.has(each.id)}
            title={me && !mine.has(each.id) ? 'You may not do this yourself.' : undefined}
            checked={permissions.includes(each.id)}
            onChange={() =>
              setPermissions(
                permissions.includes(each.id)
                  ? permissions.filter((other) => other !== each.id)
                  : [...permissions, each.id],
              )
            }
          />
        ))}
      </fieldset>
      <div className={classes.row}>
        <MultiSelect
          label="Environments"
          placeholder={where.length === 0 ? 'Wherever you may' : undefined}
          data={(environments ?? []).map((each) => ({ value: each.id, label: each.name }))}
          value={where}
          onChange={setWhere}
        />
        <NativeSelect
          label="Ends after"
          data={LIFETIMES.map((each) => ({ value: String(each), label: `${each} days` }))}
          value={String(days)}
          onChange={(event) => setDays(Number(event.currentTarget.value))}
        />
      </div>
      <TextInput
        label="Only from"
        description="Addresses or networks, separated by spaces; empty: from anywhere."
        placeholder="192.0.2.0/24"
        value={addresses}
        onChange={(event) => setAddresses(event.currentTarget.value)}
      />
      <div className={classes.buttons}>
        <Button variant="default" size="xs" onClick={onDone}>
          Cancel
        </Button>
        <Button
          type="submit"
          size="xs"
          loading={make.isPending}
          disabled={fault !== undefined}
          title={fault}
        >
          Make the token
        </Button>
      </div>
    </form>
  );
}
