// The event stream.

import type { Finding, Scan } from '../src/api/types';

/** A running scan moves on every so often, and begins again when done. */
export function events(scans: Scan[], happen?: () => Finding | undefined): Response {
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setInterval> | undefined;
  let sequence = 0;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      send(': hello\n\n');
      timer = setInterval(() => {
        const finding = sequence < 12 ? happen?.() : undefined;
        if (finding) {
          sequence += 1;
          const event = {
            type: 'findings',
            environment: finding.asset.environment,
            kind: finding.kind,
            new: 1,
          };
          send(`id: ${sequence}\nevent: findings\ndata: ${JSON.stringify(event)}\n\n`);
        }
        const scan = scans.find((each) => each.state === 'running' && each.progress?.bytes_total);
        if (!scan?.progress?.bytes_total) return send(': still here\n\n');
        const { progress } = scan;
        const total = progress.bytes_total ?? 1;
        progress.bytes_done =
          progress.bytes_done >= total ? 0 : Math.min(total, progress.bytes_done + total / 60);
        progress.layers_done = Math.floor((progress.bytes_done / total) * progress.layers_total);
        progress.files = Math.round((progress.bytes_done / total) * 18_000);
        sequence += 1;
        send(`id: ${sequence}\nevent: scan\ndata: ${JSON.stringify({ type: 'scan', scan })}\n\n`);
      }, 700);
    },
    cancel() {
      clearInterval(timer);
    },
  });
  return new Response(stream, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  });
}
