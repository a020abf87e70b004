import { Button, Loader, Title } from '@mantine/core';
import { useMutationState, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useSignIn } from '../../api/actions';
import { Problem } from '../../api/problem';
import { queries } from '../../api/queries';
import { Mark } from '../../components/Mark';
import { Command } from '../../ui/Copy';
import { Notice } from '../../ui/Notice';
import classes from './SignInPage.module.css';

/** The token stays in the fragment, so that no log ever sees it. */
function tokenOf(search: { token?: string }): string | undefined {
  const fragment = new URLSearchParams(location.hash.replace(/^#/, ''));
  return fragment.get('token') ?? search.token;
}

/** Only a path of ours is a place to go on to. */
function nextOf(search: { next?: string }): string {
  const next = search.next ?? '/';
  return next.startsWith('/') && !next.startsWith('//') && !next.includes('\\') ? next : '/';
}

// A link works once; a double mount must not spend it twice.
const spent = new Set<string>();

export function SignInPage() {
  const search = useSearch({ strict: false }) as { next?: string; token?: string };
  const navigate = useNavigate();
  const token = tokenOf(search);
  const { mutate } = useSignIn();
  const session = useQuery({ ...queries.session(), retry: false, enabled: token === undefined });
  const attempts = useMutationState({ select: (mutation) => mutation.state });
  const attempt = attempts.at(-1);
  const enter = () => navigate({ href: nextOf(search), replace: true });

  useEffect(() => {
    if (!token || spent.has(token)) return;
    spent.add(token);
    mutate(token, { onSuccess: () => navigate({ href: nextOf(search), replace: true }) });
  }, [token, mutate, navigate, search]);

  const problem = attempt?.error instanceof Problem ? attempt.error : undefined;
  const isWorking = token !== undefined && attempt?.status !== 'error';
  return (
    <main className={classes.page}>
      <title>Sign in · Seawall</title>
      <div className={classes.card}>
        <div className={classes.brand}>
          <Mark size={34} />
          <Title order={1} fz={22}>
            Seawall
          </Title>
        </div>
        {isWorking ? (
          <div className={classes.working} role="status">
            <Loader size="sm" /> Signing in…
          </div>
        ) : session.data ? (
          <>
            <p>You are signed in already.</p>
            <Button size="xs" onClick={enter}>
              Open the dashboard
            </Button>
          </>
        ) : (
          <>
            {problem && (
              <Notice
                tone="bad"
                title={problem.status === 401 ? 'This link no longer works' : problem.message}
              >
                {problem.status === 401
                  ? 'A sign-in link works once, and only for a short time.'
                  : problem.help}
              </Notice>
            )}
            <p>
              Seawall has no password. The server prints a link when it starts; opening it signs
              this browser in.
            </p>
            <p className={classes.step}>Started from the source tree, with a fresh link:</p>
            <Command>make run</Command>
            <p className={classes.step}>An installed server prints one in its output at start:</p>
            <Command>seawall server</Command>
          </>
        )}
      </div>
    </main>
  );
}
