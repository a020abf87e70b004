// The four ways of having nothing to show. They are not the same, and none
// is a blank table.

import { Anchor, Button } from '@mantine/core';
import {
  IconCircleCheck,
  IconFilterOff,
  IconHelpCircle,
  IconPlugOff,
  IconRadar2,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { queries } from '../api/queries';
import { plural } from '../lib/format';
import { Blank } from '../ui/Blank';
import { Command } from '../ui/Copy';
import { Waiting } from './List';
import { keepEnvironment, keepWith } from './Names';
import { useEnvironment, useUrl } from './url';

const icon = { size: 32, stroke: 1.4, 'aria-hidden': true } as const;

/** Nothing has been looked at. */
export function NotConnected() {
  const [, set] = useUrl();
  return (
    <Blank
      icon={<IconRadar2 {...icon} />}
      title="Nothing has been scanned yet"
      actions={
        <Button size="xs" onClick={() => set({ scan: 'new' }, 'push')}>
          Scan an image
        </Button>
      }
    >
      <p>
        Images in this machine’s Docker Engine and containerd are found by themselves when the
        server starts. Others are scanned on request.
      </p>
    </Blank>
  );
}

/** No alert is open: because none came, or because nobody can send one. */
export function NoAlerts() {
  const environment = useEnvironment();
  const { data } = useQuery(
    queries.findingCount(environment, 'kind:alert state:open,resolved,dismissed,exempted'),
  );
  if (!data) return <Waiting label="Alerts" />;
  if (data.total > 0) {
    return (
      <NothingFound title="No open alerts">
        <p>
          {plural(data.total, 'alert')} came before and{' '}
          <Link to="/alerts" search={keepWith({ q: 'state:resolved,dismissed,exempted' })}>
            were dealt with
          </Link>
          .
        </p>
      </NothingFound>
    );
  }
  return (
    <Blank icon={<IconPlugOff {...icon} />} title="No alert has ever arrived">
      <p>
        Alerts come from what watches:{' '}
        <Link to="/sensors" search={keepEnvironment as never}>
          sensors on nodes
        </Link>
        , and{' '}
        <Link
          to="/settings/$part"
          params={{ part: 'intake' } as never}
          search={keepEnvironment as never}
        >
          audit logs of clusters
        </Link>
        . A Falco installation that is there already can be pointed at this server, too.
      </p>
      <Command label="the setting">
        {`http_output:\n  enabled: true\n  url: ${location.origin}/api/v1/alerts/falco`}
      </Command>
    </Blank>
  );
}

/** Looked, and found nothing: good. */
export function NothingFound({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Blank icon={<IconCircleCheck {...icon} color="var(--sw-good)" />} title={title}>
      {children}
    </Blank>
  );
}

/** There is something; this filter hides it. */
export function FilteredOut({
  noun,
  nouns = `${noun}s`,
  hidden,
  onClear,
}: {
  noun: string;
  nouns?: string;
  hidden?: number | undefined;
  onClear: () => void;
}) {
  return (
    <Blank
      icon={<IconFilterOff {...icon} />}
      title={`No ${noun} matches these filters`}
      actions={
        <Button size="xs" variant="default" onClick={onClear}>
          Clear the filters
        </Button>
      }
    >
      {hidden !== undefined && hidden > 0 && (
        <p>{plural(hidden, `${noun} is`, `${nouns} are`)} hidden by them.</p>
      )}
    </Blank>
  );
}

/** Whether there is anything cannot be told; who can mend that. */
export function CannotKnow({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Blank
      icon={<IconHelpCircle {...icon} color="var(--sw-medium)" />}
      title={title}
      actions={
        <Anchor component={Link} to="/database" search={keepEnvironment as never} size="sm">
          Go to the database
        </Anchor>
      }
    >
      {children}
    </Blank>
  );
}
