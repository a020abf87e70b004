import { Badge, Button, PasswordInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { type Me, settings, useChangePassword } from '../../api/settings';
import { useDone } from '../../components/done';
import { Waiting } from '../../components/List';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { Notice } from '../../ui/Notice';
import { Fact, Facts, Panel } from '../../ui/Panel';
import { ChosenPassword, passwordFault } from '../sign-in/ChosenPassword';
import { RoleTags } from './roles';
import classes from './settings.module.css';
import { permissionLabel } from './words';

export function AccountPart() {
  const { data: me, error, refetch } = useQuery(settings.me());
  if (error) return <ProblemBlank problem={error} onRetry={() => refetch()} />;
  if (!me) return <Waiting label="your account" rows={6} />;
  return (
    <>
      {me.first_account_needed && (
        <Notice
          tone="info"
          title="Nobody has an account here yet"
          action={
            <Button component={Link} to="/setup" size="xs">
              Make the first account
            </Button>
          }
        >
          Until then only the link that the server prints at each start signs in.
        </Notice>
      )}
      <Panel title="You">
        <Facts>
          <Fact term="Name">
            {me.display_name}
            {me.display_name !== me.name && <span className={classes.quiet}> ({me.name})</span>}
          </Fact>
          {me.email && <Fact term="E-mail">{me.email}</Fact>}
          <Fact term="Signed in as">
            {me.kind === 'owner' ? 'the owner, by the printed link' : 'an account of this server'}
          </Fact>
          <Fact term="Roles">
            {me.roles.length > 0 ? <RoleTags roles={me.roles} /> : 'everything, as the owner'}
          </Fact>
          <Fact term="May do">
            <Allowed me={me} />
          </Fact>
        </Facts>
      </Panel>
      {me.has_password && <Password />}
    </>
  );
}

function Allowed({ me }: { me: Me }) {
  const narrow = me.environments.filter((each) =>
    each.permissions.some((permission) => !me.everywhere.includes(permission)),
  );
  return (
    <div className={classes.tags}>
      {me.everywhere.map((permission) => (
        <Badge key={permission} variant="light" tt="none">
          {permissionLabel(permission)}
        </Badge>
      ))}
      {narrow.map((each) => (
        <Badge key={each.environment} variant="outline" tt="none">
          {each.environment}: {each.permissions.map(permissionLabel).join(', ')}
        </Badge>
      ))}
      {me.everywhere.length === 0 && narrow.length === 0 && 'nothing yet: ask a platform admin'}
    </div>
  );
}

function Password() {
  const change = useChangePassword();
  const { say } = useDone();
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const fault = old === '' ? 'Give the present password.' : passwordFault(password, again);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    change.mutate(
      { old, new: password },
      {
        onSuccess: () => {
          setOld('');
          setPassword('');
          setAgain('');
          say('The password was changed; your other sessions have ended.');
        },
      },
    );
  };
  return (
    <Panel title="Password">
      <form onSubmit={submit} className={classes.form} style={{ maxWidth: 420 }}>
        {change.error && <ProblemNotice problem={change.error} title="It was not changed" />}
        <PasswordInput
          label="Present password"
          autoComplete="current-password"
          value={old}
          onChange={(event) => setOld(event.currentTarget.value)}
        />
        <ChosenPassword
          password={password}
          again={again}
          onPassword={setPassword}
          onAgain={setAgain}
        />
        <div className={classes.buttons}>
          <Button type="submit" size="xs" loading={change.isPending} disabled={fault !== undefined}>
            Change the password
          </Button>
        </div>
      </form>
    </Panel>
  );
}
