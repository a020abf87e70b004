import { Alert, Button, Divider, Loader, PasswordInput, TextInput, Title } from '@mantine/core';
import { useMutationState, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { useSignIn } from '../../api/actions';
import { Problem } from '../../api/problem';
import { queries } from '../../api/queries';
import { settings, useAcceptInvitation, useSignInByName } from '../../api/settings';
import { Mark } from '../../components/Mark';
import { Command } from '../../ui/Copy';
import { Notice } from '../../ui/Notice';
import { ChosenPassword, passwordFault } from './ChosenPassword';
import classes from './SignInPage.module.css';

interface Asked {
  next?: string;
  token?: string;
  error?: string;
}

/** Secrets stay in the fragment, so that no log ever sees them. */
function fragment(name: string): string | undefined {
  return new URLSearchParams(location.hash.replace(/^#/, '')).get(name) ?? undefined;
}

/** Only a path of ours is a place to go on to. */
function nextOf(search: Asked): string {
  const next = search.next ?? '/';
  return next.startsWith('/') && !next.startsWith('//') && !next.includes('\\') ? next : '/';
}

export function SignInCard({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className={classes.page}>
      <title>{`${title} · Seawall`}</title>
      <div className={classes.card}>
        <div className={classes.brand}>
          <Mark size={34} />
          <Title order={1} fz={22}>
            Seawall
          </Title>
        </div>
        {children}
      </div>
    </main>
  );
}

export function SignInPage() {
  const search = useSearch({ strict: false }) as Asked;
  const token = fragment('token') ?? search.token;
  const invitation = fragment('invitation');
  if (invitation) return <Invited invitation={invitation} />;
  if (token) return <ByLink token={token} />;
  return <ByName />;
}

// A link works once; a double mount must not spend it twice.
const spent = new Set<string>();

function ByLink({ token }: { token: string }) {
  const search = useSearch({ strict: false }) as Asked;
  const navigate = useNavigate();
  const { mutate } = useSignIn();
  const attempt = useMutationState({ select: (mutation) => mutation.state }).at(-1);

  useEffect(() => {
    if (spent.has(token)) return;
    spent.add(token);
    mutate(token, { onSuccess: () => navigate({ href: nextOf(search), replace: true }) });
  }, [token, mutate, navigate, search]);

  if (attempt?.status === 'error') return <ByName problem={attempt.error as Error} />;
  return (
    <SignInCard title="Sign in">
      <div className={classes.working} role="status">
        <Loader size="sm" /> Signing in…
      </div>
    </SignInCard>
  );
}

function ByName({ problem }: { problem?: Error }) {
  const search = useSearch({ strict: false }) as Asked;
  const navigate = useNavigate();
  const session = useQuery({ ...queries.session(), retry: false });
  const { data: providers, error, isPending } = useQuery(settings.providers());
  const signIn = useSignInByName();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const enter = () => navigate({ href: nextOf(search), replace: true });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate({ name: name.trim(), password }, { onSuccess: enter });
  };

  if (session.data) {
    return (
      <SignInCard title="Sign in">
        <p>You are signed in already.</p>
        <Button size="xs" onClick={enter}>
          Open the dashboard
        </Button>
      </SignInCard>
    );
  }
  return (
    <SignInCard title="Sign in">
      {problem && (
        <Notice tone="bad" title={isSpent(problem) ? 'This link no longer works' : problem.message}>
          {isSpent(problem)
            ? 'A sign-in link works once, and only for a short time.'
            : problem instanceof Problem && problem.help}
        </Notice>
      )}
      {search.error && (
        <Notice tone="bad" title="The identity provider did not sign you in">
          {search.error}
        </Notice>
      )}
      {error && <Notice tone="bad" title={error.message} />}
      {isPending && (
        <div className={classes.working} role="status">
          <Loader size="sm" /> Asking how to sign in…
        </div>
      )}
      {providers?.password && (
        <form onSubmit={submit} className={classes.form}>
          {signIn.error && (
            <Notice tone="bad" title={refusal(signIn.error)}>
              {signIn.error instanceof Problem && signIn.error.help}
            </Notice>
          )}
          <TextInput
            label="Name"
            autoComplete="username"
            autoFocus
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          <Button
            type="submit"
            fullWidth
            loading={signIn.isPending}
            disabled={name.trim() === '' || password === ''}
          >
            Sign in
          </Button>
        </form>
      )}
      {providers?.password && providers.oidc.length > 0 && <Divider my={16} label="or" />}
      {providers?.oidc.map((provider) => (
        <Button
          key={provider.start}
          component="a"
          href={`${provider.start}?next=${encodeURIComponent(nextOf(search))}`}
          variant="default"
          fullWidth
          mb={8}
        >
          Sign in with {provider.title}
        </Button>
      ))}
      {providers?.first_run && (
        <>
          <p>
            Nobody has an account here yet. The server prints a link when it starts; opening it
            signs this browser in, and lets you make the first account.
          </p>
          <p className={classes.step}>Started from the source tree, with a fresh link:</p>
          <Command>make run</Command>
          <p className={classes.step}>An installed server prints one in its output at start:</p>
          <Command>seawall server</Command>
        </>
      )}
      {providers?.password && (
        <details className={classes.help}>
          <summary>Forgotten the password?</summary>
          <p>A platform admin can send you a new link. On the server’s own machine:</p>
          <Command>{`seawall users reset ${name.trim() || 'NAME'}`}</Command>
        </details>
      )}
    </SignInCard>
  );
}

function isSpent(problem: Error): boolean {
  return problem instanceof Problem && problem.status === 401;
}

function refusal(problem: Error): string {
  if (problem instanceof Problem && problem.status === 401)
    return 'Name and password do not belong together';
  return problem.message;
}

/** A one-time link in hand: choose a password, and be signed in. */
function Invited({ invitation }: { invitation: string }) {
  const navigate = useNavigate();
  const accept = useAcceptInvitation();
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const fault = passwordFault(password, again);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (fault) return;
    accept.mutate(
      { invitation, password },
      { onSuccess: () => navigate({ href: '/', replace: true }) },
    );
  };
  return (
    <SignInCard title="Choose a password">
      <p>This link is yours alone and works once. Choose the password you will sign in with.</p>
      <form onSubmit={submit} className={classes.form}>
        {accept.error && (
          <Alert color="red" title="The link was not accepted" role="alert">
            {accept.error.message}
            {accept.error instanceof Problem && accept.error.help && ` ${accept.error.help}`}
          </Alert>
        )}
        <ChosenPassword
          password={password}
          again={again}
          onPassword={setPassword}
          onAgain={setAgain}
        />
        <Button type="submit" fullWidth loading={accept.isPending} disabled={fault !== undefined}>
          Set the password and sign in
        </Button>
      </form>
    </SignInCard>
  );
}
