import { Button } from '@mantine/core';
import { IconCloudOff, IconServerOff } from '@tabler/icons-react';
import { Problem } from '../api/problem';
import { Blank } from '../ui/Blank';
import { Inline } from '../ui/Markdown';
import { Notice } from '../ui/Notice';

/** A failed request, beside what asked for it. */
export function ProblemNotice({ problem, title }: { problem: Error; title: string }) {
  const help = problem instanceof Problem ? problem.help : undefined;
  return (
    <Notice tone="bad" title={title}>
      {problem.message}
      {help && (
        <div>
          <Inline>{help}</Inline>
        </div>
      )}
    </Notice>
  );
}

/** A page or list that could not be fetched at all. */
export function ProblemBlank({ problem, onRetry }: { problem: Error; onRetry?: () => void }) {
  const isProblem = problem instanceof Problem;
  const Icon = isProblem && problem.code === 'unreachable' ? IconCloudOff : IconServerOff;
  return (
    <Blank
      icon={<Icon size={32} stroke={1.4} aria-hidden />}
      title={problem.message}
      actions={
        onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )
      }
    >
      {isProblem && problem.help && (
        <p>
          <Inline>{problem.help}</Inline>
        </p>
      )}
      {isProblem && problem.requestId && (
        <p>
          The server’s log has the cause under <code>{problem.requestId}</code>.
        </p>
      )}
    </Blank>
  );
}
