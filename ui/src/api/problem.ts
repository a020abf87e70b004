// What went wrong with a request, in words for the person reading.

/** The refused parts of a request, in one line. */
function parts(errors: unknown): string | undefined {
  if (!Array.isArray(errors)) return undefined;
  const details = errors.flatMap((part: unknown) => {
    const detail = (part as { detail?: unknown } | null)?.detail;
    return typeof detail === 'string' ? [detail] : [];
  });
  return details.length > 0 ? details.join('; ') : undefined;
}

/** An answer that is no success, RFC 9457 where the server could speak. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly help: string | undefined;
  readonly requestId: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    help?: string | null,
    requestId?: string | null,
  ) {
    super(message);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.help = help ?? undefined;
    this.requestId = requestId ?? undefined;
  }

  static unreachable(): Problem {
    return new Problem(
      0,
      'unreachable',
      'The server does not answer',
      'Check that `seawall server` is still running, then try again.',
    );
  }

  static fromBody(status: number, body: unknown): Problem {
    const fields =
      typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
    const text = (key: string) =>
      typeof fields[key] === 'string' ? (fields[key] as string) : undefined;
    return new Problem(
      status,
      text('code') ?? `http_${status}`,
      text('detail') ?? text('title') ?? `The server answered with status ${status}`,
      parts(fields.errors),
      text('request_id'),
    );
  }
}
