import { ActionIcon, Badge, Button, TextInput, VisuallyHidden } from '@mantine/core';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import {
  type RoleBinding,
  settings,
  type User,
  useChangeUser,
  useEndUserSessions,
  useMakeUser,
  useRemoveUser,
  useResetUser,
} from '../../api/settings';
import { useDone } from '../../components/done';
import { NothingFound } from '../../components/Empty';
import { Waiting } from '../../components/List';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { Secret } from '../../components/Secret';
import { plural } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { Menu } from '../../ui/Menu';
import { Panel } from '../../ui/Panel';
import { Time } from '../../ui/Time';
import { RoleFields, RoleTags } from './roles';
import classes from './settings.module.css';

type Doing =
  | { what: 'make' }
  | { what: 'change' | 'remove'; user: User }
  | { what: 'link'; link: string };

export function PeoplePart() {
  const [doing, setDoing] = useState<Doing>();
  const { data, error, refetch } = useQuery(settings.users());
  const change = useChangeUser();
  const reset = useResetUser();
  const end = useEndUserSessions();
  const { say } = useDone();
  const close = () => setDoing(undefined);
  const problem = change.error ?? reset.error ?? end.error;
  if (error) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  return (
    <>
      <p className={classes.lead}>
        Who may sign in, and what they may do where. Accounts made through the identity provider get
        their roles from its groups.
      </p>
      {problem && <ProblemNotice problem={problem} title="Nothing was changed" />}
      <Panel
        title="Accounts"
        flush
        aside={
          <Button
            size="compact-xs"
            leftSection={<IconPlus size={13} aria-hidden />}
            onClick={() => setDoing({ what: 'make' })}
          >
            New account
          </Button>
        }
      >
        {!data ? (
          <Waiting label="accounts" rows={4} />
        ) : data.length === 0 ? (
          <NothingFound title="No accounts yet">
            <p>Until the first is made, only the printed link signs in.</p>
          </NothingFound>
        ) : (
          <div className={classes.scroll}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <th>Person</th>
                  <th>Roles</th>
                  <th>Last signed in</th>
                  <th>Open</th>
                  <th>
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.map((user) => (
                  <tr key={user.id} data-muted={user.state === 'disabled' || undefined}>
                    <td>
                      <span className={classes.name}>{user.display_name}</span>{' '}
                      {user.state !== 'active' && (
                        <Badge size="sm" variant="light" color="gray" tt="none">
                          {user.state === 'invited' ? 'Invited' : 'Disabled'}
                        </Badge>
                      )}
                      <div className={classes.quiet}>
                        {user.name}
                        {user.email && ` · ${user.email}`}
                        {user.source === 'oidc' && ' · identity provider'}
                      </div>
                    </td>
                    <td>
                      <RoleTags roles={user.roles} />
                    </td>
                    <td>
                      <Time at={user.last_sign_in} fallback="never" />
                    </td>
                    <td>
                      {plural(user.sessions, 'session')}
                      <div className={classes.quiet}>{plural(user.tokens, 'token')}</div>
                    </td>
                    <td className={classes.right}>
                      <Menu position="bottom-end">
                        <Menu.Target>
                          <ActionIcon
                            variant="subtle"
                            color="gray"
                            size={24}
                            aria-label={`What to do with ${user.name}`}
                          >
                            <IconDots size={15} aria-hidden />
                          </ActionIcon>
                        </Menu.Target>
                        <Menu.Dropdown>
                          <Menu.Item onClick={() => setDoing({ what: 'change', user })}>
                            Change…
                          </Menu.Item>
                          {user.source === 'local' && (
                            <Menu.Item
                              onClick={() =>
                                reset.mutate(user.id, {
                                  onSuccess: (made) =>
                                    made.invitation &&
                                    setDoing({ what: 'link', link: made.invitation.link }),
                                })
                              }
                            >
                              New password link
                            </Menu.Item>
                          )}
                          <Menu.Item
                            disabled={user.sessions === 0}
                            onClick={() =>
                              end.mutate(user.id, {
                                onSuccess: () => say(`${user.name} is signed out everywhere.`),
                              })
                            }
                          >
                            End all sessions
                          </Menu.Item>
                          <Menu.Item
                            onClick={() =>
                              change.mutate({
                                id: user.id,
                                change: { disabled: user.state !== 'disabled' },
                              })
                            }
                          >
                            {user.state === 'disabled' ? 'Enable' : 'Disable'}
                          </Menu.Item>
                          <Menu.Divider />
                          <Menu.Item isDanger onClick={() => setDoing({ what: 'remove', user })}>
                            Remove…
                          </Menu.Item>
                        </Menu.Dropdown>
                      </Menu>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <Dialog opened={doing?.what === 'make'} onClose={close} title="New account">
        {doing?.what === 'make' && (
          <NewAccount onDone={close} onLink={(link) => setDoing({ what: 'link', link })} />
        )}
      </Dialog>
      <Dialog opened={doing?.what === 'change'} onClose={close} title="Change the account">
        {doing?.what === 'change' && <ChangeAccount user={doing.user} onDone={close} />}
      </Dialog>
      <Dialog opened={doing?.what === 'remove'} onClose={close} title="Remove the account">
        {doing?.what === 'remove' && <RemoveAccount user={doing.user} onDone={close} />}
      </Dialog>
      <Dialog opened={doing?.what === 'link'} onClose={close} title="A link to choose a password">
        {doing?.what === 'link' && (
          <Secret title="The link works once" value={doing.link} what="the link" onDone={close}>
            Hand it to the person on a way you trust. It is shown this once.
          </Secret>
        )}
      </Dialog>
    </>
  );
}

function NewAccount({ onDone, onLink }: { onDone: () => void; onLink: (link: string) => void }) {
  const make = useMakeUser();
  const [name, setName] = useState('');
  const [display, setDisplay] = useState('');
  const [email, setEmail] = useState('');
  const [roles, setRoles] = useState<RoleBinding[]>([
    { role: 'security_reader', environments: ['*'] },
  ]);
  const fault = name.trim().length < 2 ? 'Give a name to sign in with.' : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    make.mutate(
      {
        name: name.trim(),
        roles,
        ...(display.trim() ? { display_name: display.trim() } : {}),
        ...(email.trim() ? { email: email.trim() } : {}),
      },
      { onSuccess: (made) => (made.invitation ? onLink(made.invitation.link) : onDone()) },
    );
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {make.error && <ProblemNotice problem={make.error} title="The account was not made" />}
      <div className={classes.row}>
        <TextInput
          label="Name"
          description="To sign in with"
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value.toLowerCase())}
        />
        <TextInput
          label="Shown as"
          description="For others to read"
          value={display}
          onChange={(event) => setDisplay(event.currentTarget.value)}
        />
      </div>
      <TextInput
        label="E-mail"
        type="email"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <RoleFields roles={roles} onChange={setRoles} />
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
          Make the account
        </Button>
      </div>
    </form>
  );
}

function ChangeAccount({ user, onDone }: { user: User; onDone: () => void }) {
  const change = useChangeUser();
  const [display, setDisplay] = useState(user.display_name);
  const [email, setEmail] = useState(user.email ?? '');
  const [roles, setRoles] = useState(user.roles);
  const isForeign = user.source === 'oidc';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate(
      {
        id: user.id,
        change: {
          display_name: display.trim(),
          ...(email.trim() ? { email: email.trim() } : {}),
          ...(isForeign ? {} : { roles }),
        },
      },
      { onSuccess: onDone },
    );
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {change.error && <ProblemNotice problem={change.error} title="It was not changed" />}
      <TextInput
        label="Shown as"
        data-autofocus
        value={display}
        onChange={(event) => setDisplay(event.currentTarget.value)}
      />
      <TextInput
        label="E-mail"
        type="email"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      {isForeign ? (
        <p className={classes.quiet}>The identity provider’s groups give this account its roles.</p>
      ) : (
        <RoleFields roles={roles} onChange={setRoles} />
      )}
      <div className={classes.buttons}>
        <Button variant="default" size="xs" onClick={onDone}>
          Cancel
        </Button>
        <Button type="submit" size="xs" loading={change.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}

function RemoveAccount({ user, onDone }: { user: User; onDone: () => void }) {
  const remove = useRemoveUser();
  return (
    <div className={classes.form}>
      {remove.error && <ProblemNotice problem={remove.error} title="It was not removed" />}
      <p>
        <b>{user.display_name}</b> is signed out everywhere, and {plural(user.tokens, 'token')} of
        theirs stop working. What they did stays in the audit trail.
      </p>
      <div className={classes.buttons}>
        <Button variant="default" size="xs" onClick={onDone} data-autofocus>
          Cancel
        </Button>
        <Button
          color="red"
          size="xs"
          loading={remove.isPending}
          onClick={() => remove.mutate(user.id, { onSuccess: onDone })}
        >
          Remove {user.name}
        </Button>
      </div>
    </div>
  );
}
