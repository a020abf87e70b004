import { Anchor } from '@mantine/core';
import { IconAnchorOff } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { Blank } from '../ui/Blank';

/** No such address. */
export function NotFoundPage() {
  return <Missing />;
}

/** Nothing there, or nothing any more. */
export function Missing({ what }: { what?: string }) {
  return (
    <>
      <title>Not found · Seawall</title>
      <Blank
        level={1}
        icon={<IconAnchorOff size={32} stroke={1.4} aria-hidden />}
        title={what ? `This ${what} is not here` : 'There is no such page'}
        actions={
          <Anchor component={Link} to="/" size="sm">
            Go to the overview
          </Anchor>
        }
      >
        {what ? (
          <p>It may have been deleted, or it belongs to another environment.</p>
        ) : (
          <p>The address is not one of ours. It may have been mistyped.</p>
        )}
      </Blank>
    </>
  );
}
