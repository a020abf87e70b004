// The four ways of having nothing to show. They are not the same, and none
// is a blank table.

import { Anchor, Button } from '@mantine/core';
import { IconCircleCheck, IconFilterOff, IconHelpCircle, IconRadar2 } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { plural } from '../lib/format';
import { Blank } from '../ui/Blank';
import { keepEnvironment } from './Names';
import { useUrl } from './url';

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
