// What stands in a page's place until what it is about is here: it is
// waited for, it is not there, or it could not be asked for.

import { Problem } from '../api/problem';
import { Waiting } from './List';
import { Missing } from './NotFoundPage';
import { Page } from './Page';
import { ProblemBlank } from './ProblemNotice';

export function StandIn({
  what,
  error,
  onRetry,
}: {
  /** The noun, as it reads within a sentence. */
  what: string;
  error: Error | null;
  onRetry: () => void;
}) {
  if (error instanceof Problem && error.status === 404) return <Missing what={what} />;
  return (
    <Page title={what.charAt(0).toUpperCase() + what.slice(1)}>
      {error ? (
        <ProblemBlank problem={error} onRetry={onRetry} />
      ) : (
        <Waiting label={`the ${what}`} />
      )}
    </Page>
  );
}
