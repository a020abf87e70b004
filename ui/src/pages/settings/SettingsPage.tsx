// The settings: one place each for people, tokens, sessions,
// notifications, the audit trail and the system.

import { Link, useParams } from '@tanstack/react-router';
import { type ComponentType, lazy, Suspense } from 'react';
import { Waiting } from '../../components/List';
import { keepEnvironment } from '../../components/Names';
import { Page } from '../../components/Page';
import { usePermissions } from '../../components/permissions';
import { Blank } from '../../ui/Blank';
import classes from './settings.module.css';

interface Part {
  id: string;
  label: string;
  doc: string;
  content: ComponentType;
  /** What the reader must be allowed, and what to say where they are not. */
  needs?: { permission: 'configure' | 'administer'; otherwise: string };
}

const PARTS: Part[] = [
  {
    id: 'account',
    label: 'Your account',
    doc: 'Who you are here, what you may do, your password',
    content: lazy(() => import('./AccountPart').then((m) => ({ default: m.AccountPart }))),
  },
  {
    id: 'sessions',
    label: 'Sessions',
    doc: 'Where you are signed in',
    content: lazy(() => import('./SessionsPart').then((m) => ({ default: m.SessionsPart }))),
  },
  {
    id: 'tokens',
    label: 'API tokens',
    doc: 'For programs: scoped, expiring, shown once',
    content: lazy(() => import('./TokensPart').then((m) => ({ default: m.TokensPart }))),
  },
  {
    id: 'people',
    label: 'People',
    doc: 'Accounts, roles and what they may see',
    needs: { permission: 'administer', otherwise: 'People are a platform admin’s business' },
    content: lazy(() => import('./PeoplePart').then((m) => ({ default: m.PeoplePart }))),
  },
  {
    id: 'intake',
    label: 'Audit logs',
    doc: 'Which clusters’ audit logs come in, how fast, and what was wrong with them',
    content: lazy(() => import('./IntakePart').then((m) => ({ default: m.IntakePart }))),
  },
  {
    id: 'notifications',
    label: 'Notifications and export',
    doc: 'Which other systems are told of what',
    needs: { permission: 'configure', otherwise: 'Notifications are a security admin’s business' },
    content: lazy(() =>
      import('./NotificationsPart').then((m) => ({ default: m.NotificationsPart })),
    ),
  },
  {
    id: 'deliveries',
    label: 'Deliveries',
    doc: 'What was told, what waits, what was given up',
    needs: { permission: 'configure', otherwise: 'Deliveries are a security admin’s business' },
    content: lazy(() => import('./DeliveriesPart').then((m) => ({ default: m.DeliveriesPart }))),
  },
  {
    id: 'trust',
    label: 'Signatures',
    doc: 'Whose signatures images must have, and which have one',
    content: lazy(() => import('./TrustPart').then((m) => ({ default: m.TrustPart }))),
  },
  {
    id: 'audit',
    label: 'Audit trail',
    doc: 'Who changed what, in a chain that shows tampering',
    content: lazy(() => import('./AuditPart').then((m) => ({ default: m.AuditPart }))),
  },
  {
    id: 'system',
    label: 'System',
    doc: 'What this server is and keeps',
    content: lazy(() => import('./SystemPart').then((m) => ({ default: m.SystemPart }))),
  },
];

export function SettingsPage() {
  const { part } = useParams({ strict: false }) as { part?: string };
  const permissions = usePermissions();
  const chosen = PARTS.find((each) => each.id === part) ?? PARTS[0];
  if (!chosen) return null;
  const whyNot = chosen.needs && permissions[chosen.needs.permission];
  return (
    <Page title={part ? chosen.label : 'Settings'}>
      <div className={classes.frame}>
        <nav aria-label="Settings" className={classes.parts}>
          {PARTS.map((each) => (
            <Link
              key={each.id}
              to="/settings/$part"
              params={{ part: each.id } as never}
              search={keepEnvironment as never}
              className={classes.part}
              aria-current={each === chosen ? 'page' : undefined}
              title={each.doc}
            >
              {each.label}
            </Link>
          ))}
        </nav>
        <div className={classes.content}>
          {chosen.needs && whyNot ? (
            <Blank title={chosen.needs.otherwise}>
              <p>{whyNot}</p>
            </Blank>
          ) : (
            <Suspense fallback={<Waiting label={chosen.label} />}>
              <chosen.content />
            </Suspense>
          )}
        </div>
      </div>
    </Page>
  );
}
