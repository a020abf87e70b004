import { Button } from '@mantine/core';
import { IconBugOff } from '@tabler/icons-react';
import { Blank } from '../ui/Blank';
import { Command } from '../ui/Copy';

/** The dashboard itself failed: say so, and let it be reported. */
export function CrashPage({ error }: { error: unknown }) {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  // Inside the frame there is a main already.
  const Tag = document.getElementById('main') ? 'div' : 'main';
  return (
    <Tag>
      <title>Something broke · Seawall</title>
      <Blank
        level={1}
        icon={<IconBugOff size={32} stroke={1.4} aria-hidden />}
        title="This page broke"
        actions={
          <>
            <Button size="xs" onClick={() => location.reload()}>
              Reload
            </Button>
            <Button size="xs" variant="default" component="a" href="/">
              Go to the overview
            </Button>
          </>
        }
      >
        <p>That is a fault in the dashboard. Nothing was lost: everything is kept by the server.</p>
        <Command label="error">{text}</Command>
      </Blank>
    </Tag>
  );
}
