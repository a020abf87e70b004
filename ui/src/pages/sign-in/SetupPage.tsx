import { Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { settings, useMakeFirstAccount } from '../../api/settings';
import { ProblemBlank, ProblemNotice } from '../../components/ProblemNotice';
import { ChosenPassword, passwordFault } from './ChosenPassword';
import { SignInCard } from './SignInPage';
import classes from './SignInPage.module.css';

/** The first account: whoever opened the printed link makes it. */
export function SetupPage() {
  const { data: me, error } = useQuery(settings.me());
  const make = useMakeFirstAccount();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [display, setDisplay] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const fault =
    name.trim().length < 2 ? 'Choose a name to sign in with.' : passwordFault(password, again);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    make.mutate(
      {
        name: name.trim(),
        password,
        ...(display.trim() ? { display_name: display.trim() } : {}),
      },
      { onSuccess: () => navigate({ href: '/', replace: true }) },
    );
  };
  if (error) {
    return (
      <SignInCard title="First account">
        <ProblemBlank problem={error} />
      </SignInCard>
    );
  }
  if (me && !me.first_account_needed) {
    return (
      <SignInCard title="First account">
        <p>There is an account already. More are made in the settings.</p>
        <Button component={Link} to="/settings/people" size="xs">
          Open the people of this server
        </Button>
      </SignInCard>
    );
  }
  return (
    <SignInCard title="First account">
      <p>
        The printed link made you the owner of this server. Make an account, and you no longer need
        a link: it may do everything, and make accounts for others.
      </p>
      <form onSubmit={submit} className={classes.form}>
        {make.error && <ProblemNotice problem={make.error} title="The account was not made" />}
        <TextInput
          label="Name"
          description="To sign in with: a–z, 0–9 and . _ - @"
          autoComplete="username"
          autoFocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value.toLowerCase())}
        />
        <TextInput
          label="Shown as"
          placeholder={name || 'Your name'}
          autoComplete="name"
          value={display}
          onChange={(event) => setDisplay(event.currentTarget.value)}
        />
        <ChosenPassword
          password={password}
          again={again}
          onPassword={setPassword}
          onAgain={setAgain}
        />
        <Button type="submit" fullWidth loading={make.isPending} disabled={fault !== undefined}>
          Make the account
        </Button>
        <Button component={Link} to="/" variant="subtle" size="xs">
          Later
        </Button>
      </form>
    </SignInCard>
  );
}
