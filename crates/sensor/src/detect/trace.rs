//! What an alert tells of what came before: the processes as a tree, and
//! what they did.

use std::collections::HashSet;

use jiff::Timestamp;
use model::alert::{Trace, TraceEvent, TraceKind, TraceProcess};
use rules::syscall::Process;

use super::{
    history::{History, Seat},
    processes::{Facts, Processes},
    secret, text,
};

/// Ancestors of whom it is about.
const MAX_ANCESTORS: usize = 32;
/// Processes in all.
const MAX_PROCESSES: usize = 80;
/// Bytes of a command line.
const MAX_COMMAND: usize = 1024;
const MAX_PATH: usize = 512;

/// Whom it is about and its ancestors, from the top; no events.
pub(super) fn chain(subject: &Process) -> Trace {
    let line = std::iter::successors(Some(subject), |it| it.parent.as_deref());
    let mut processes: Vec<_> = line.take(MAX_ANCESTORS).map(of_process).collect();
    if let Some(first) = processes.first_mut() {
        first.is_subject = true;
    }
    processes.reverse();
    Trace {
        processes,
        ..Trace::default()
    }
}

/// The same with what its container or session did lately.
pub(super) fn whole(
    subject: &Process,
    seat: Seat,
    history: &History,
    known: &Processes,
    now: i64,
) -> Trace {
    let mut trace = chain(subject);
    let (entries, omitted) = history.read(seat, now);
    trace.omitted = omitted;
    let mut pids: HashSet<u32> = trace.processes.iter().map(|it| it.pid).collect();
    let mut others: Vec<TraceProcess> = Vec::new();
    for entry in entries {
        let mut pid = entry.pid;
        // A process and those between it and one that is there already.
        while !pids.contains(&pid)
            && trace.processes.len() + others.len() < MAX_PROCESSES
            && let Some(facts) = known.get(pid)
        {
            pids.insert(pid);
            others.push(of_facts(facts));
            pid = facts.parent;
        }
        trace.events.push(TraceEvent {
            time: Timestamp::from_microsecond(entry.time).unwrap_or_default(),
            pid: entry.pid,
            kind: entry.kind,
            what: secret::hide(&text::bytes(entry.text(), 512)).into_owned(),
            count: u64::from(entry.count),
        });
    }
    others.sort_by_key(|process| process.started);
    trace.processes.append(&mut others);
    // Counted repeats carry the time of the last.
    trace.events.sort_by_key(|event| event.time);
    trace
}

/// The last entry: the alert itself.
pub(super) fn close(trace: &mut Trace, pid: i64, time: Timestamp, title: &str) {
    trace.events.push(TraceEvent {
        time,
        pid: u32::try_from(pid).unwrap_or_default(),
        kind: TraceKind::Alert,
        what: title.to_owned(),
        count: 1,
    });
}

fn of_process(process: &Process) -> TraceProcess {
    let parent = process.parent.as_ref().map_or(0, |it| it.pid);
    TraceProcess {
        pid: u32::try_from(process.pid).unwrap_or_default(),
        parent: u32::try_from(parent).unwrap_or_default(),
        name: text::bytes(&process.name, 64),
        path: text::bytes(&process.exe_path, MAX_PATH),
        command: text::command(process, MAX_COMMAND),
        user: user(&process.user.name, process.user.uid),
        started: moment(process.started),
        ended: None,
        in_container: process.container.is_some(),
        is_subject: false,
    }
}

fn of_facts(facts: &Facts) -> TraceProcess {
    TraceProcess {
        pid: facts.pid,
        parent: facts.parent,
        name: text::bytes(facts.name(), 64),
        path: text::bytes(facts.path(), MAX_PATH),
        command: secret::hide(&text::bytes(facts.command(), MAX_COMMAND)).into_owned(),
        user: user(facts.user(), facts.uid),
        started: moment(facts.started),
        ended: (facts.ended != 0).then(|| moment(facts.ended)),
        in_container: facts.is_in_container,
        is_subject: false,
    }
}

fn user(name: &[u8], uid: u32) -> String {
    if name.is_empty() {
        uid.to_string()
    } else {
        text::bytes(name, 64)
    }
}

fn moment(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default()
}
