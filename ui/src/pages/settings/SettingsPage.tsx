// The frame of the settings: one place each for people, tokens, sessions,
// notifications, exports, the audit trail and the system.

import { Title } from '@mantine/core';
import { Link, useParams } from '@tanstack/react-router';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import classes from './settings.module.css';

export const PARTS: { id: string; label: string; doc: string }[] = [
  { id: 'people', label: 'People', doc: 'Accounts, roles and what they may see' },
  { id: 'tokens', label: 'API tokens', doc: 'For programs: scoped, expiring, shown once' },
  { id: 'sessions', label: 'Sessions', doc: 'Where you are signed in' },
  { id: 'notifications', label: 'Notifications', doc: 'What is told to whom, and when' },
  { id: 'exports', label: 'Exports', doc: 'Where findings go continuously' },
  { id: 'audit', label: 'Audit trail', doc: 'Who changed what, in a chain that shows tampering' },
  { id: 'system', label: 'System', doc: 'How this server is' },
];

export function SettingsPage() {
  const { part } = useParams({ strict: false }) as { part?: string };
  const chosen = PARTS.find((each) => each.id === part);
  return (
    <Page title={chosen?.label ?? 'Settings'}>
      <ul className={classes.parts}>
        {PARTS.map((each) => (
          <li key={each.id}>
            <Link
              to="/settings/$part"
              params={{ part: each.id } as never}
              search={keepEnvironment as never}
              className={classes.part}
              aria-current={each === chosen ? 'page' : undefined}
            >
              <Title order={2} fz={14}>
                {each.label}
              </Title>
              <span>{each.doc}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Page>
  );
}
