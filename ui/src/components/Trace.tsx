// What a sensor saw around an alert: its processes, and what they did.

import type { AlertTrace, Finding } from '../api/types';
import { idOf, momentOf } from '../lib/trace';
import { ProcessTree } from './ProcessTree';
import classes from './Trace.module.css';
import { TraceTimeline } from './TraceTimeline';
import { useUrl } from './url';

const containerOf = ({ asset }: Finding) =>
  asset.kind === 'container' || asset.kind === 'pod' ? asset.name : undefined;

/** What of the trace is looked at is part of the address. */
function useNarrowed(trace: AlertTrace) {
  const [search, set] = useUrl();
  // Another alert's process is none of this one's.
  const chosen = trace.processes.map(idOf).find((id) => id === search.process);
  const known = new Set(trace.events.map((event) => event.kind as string));
  const kinds = (search.did ?? '').split(',').filter((kind) => known.has(kind));
  return {
    chosen,
    kinds,
    choose: (process: string | undefined) => set({ process }),
    toggle: (kind: string) => {
      const next = kinds.includes(kind) ? kinds.filter((each) => each !== kind) : [...kinds, kind];
      set({ did: next.join(',') || undefined });
    },
  };
}

export function TraceProcesses({ trace, finding }: { trace: AlertTrace; finding: Finding }) {
  const { chosen, choose } = useNarrowed(trace);
  if (trace.processes.length === 0)
    return <p className={classes.note}>The processes were gone before they could be read.</p>;
  return (
    <>
      <ProcessTree
        key={finding.id}
        processes={trace.processes}
        alert={momentOf(trace.events, finding.last_seen)}
        container={containerOf(finding)}
        chosen={chosen}
        onChoose={choose}
      />
      <p className={classes.note}>Choose a process to see only what it did.</p>
    </>
  );
}

export function TraceEvents({ trace, finding }: { trace: AlertTrace; finding: Finding }) {
  const { chosen, kinds, choose, toggle } = useNarrowed(trace);
  return (
    <TraceTimeline
      key={finding.id}
      events={trace.events}
      processes={trace.processes}
      omitted={trace.omitted ?? 0}
      alert={momentOf(trace.events, finding.last_seen)}
      kinds={kinds}
      onKind={toggle}
      chosen={chosen}
      onChoose={choose}
    />
  );
}
