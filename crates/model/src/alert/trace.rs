//! What a container did around an alert: its processes as a tree, and
//! what they did before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened in a container, or among the processes of a host, in the
/// minutes before an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Ancestors before descendants.
    pub processes: Vec<TraceProcess>,
    /// Oldest first; the last is what the alert is about.
    pub events: Vec<TraceEvent>,
    /// How many more there were that had no room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
}

/// Processes that are kept of one trace.
pub const MAX_PROCESSES: usize = 100;
/// Events that are kept of one trace.
pub const MAX_EVENTS: usize = 500;
/// Bytes that are kept of one text in it.
const MAX_TEXT: usize = 1 << 10;

impl Trace {
    /// Cuts it to what is kept: of the processes the first, which are the
    /// ancestors, and the one it is about; of the events the last.
    pub fn bound(&mut self) {
        let most = self.processes.len().saturating_sub(MAX_PROCESSES);
        let mut excess = most;
        self.omitted += most as u64;
        while excess > 0 {
            let Some(place) = self.processes.iter().rposition(|one| !one.is_subject) else {
                break;
            };
            self.processes.remove(place);
            excess -= 1;
        }
        let most = self.events.len().saturating_sub(MAX_EVENTS);
        self.omitted += most as u64;
        self.events.drain(..most);
        for process in &mut self.processes {
            let texts = [
                &mut process.name,
                &mut process.path,
                &mut process.command,
                &mut process.user,
            ];
            texts.into_iter().for_each(cut);
        }
        self.events
            .iter_mut()
            .for_each(|event| cut(&mut event.what));
    }
}

/// Between characters, and without NUL, which no database keeps.
fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceProcess {
    /// As the host counts.
    pub pid: u32,
    /// Of the process above; 0 where there is none.
    pub parent: u32,
    pub name: String,
    pub path: String,
    /// The whole command line, cut where it is long.
    pub command: String,
    pub user: String,
    pub started: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// It is in the container, not above it.
    pub in_container: bool,
    /// The alert is about this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_subject: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceEvent {
    pub time: Timestamp,
    pub pid: u32,
    pub kind: TraceKind,
    /// The program, file, address or name it is about.
    pub what: String,
    /// How often in a row.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
}

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceKind {
    Execute,
    Exit,
    Read,
    Write,
    Delete,
    Rename,
    Permission,
    Connect,
    Listen,
    Accept,
    Resolve,
    Privilege,
    Namespace,
    Mount,
    Signal,
    Alert,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(count: &u64) -> bool {
    *count == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_cut_and_says_what_is_missing() {
        let process = |pid: u32| TraceProcess {
            pid,
            parent: 0,
            name: "sh".to_owned(),
            path: "/bin/sh".to_owned(),
            command: "é".repeat(MAX_TEXT),
            user: "a\0b".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            ended: None,
            in_container: true,
            is_subject: pid == 299,
        };
        let event = |pid: u32| TraceEvent {
            time: Timestamp::UNIX_EPOCH,
            pid,
            kind: TraceKind::Read,
            what: "/etc/shadow".to_owned(),
            count: 1,
        };
        let mut trace = Trace {
            processes: (0..300).map(process).collect(),
            events: (0..600).map(event).collect(),
            omitted: 1,
        };
        trace.bound();
        assert_eq!(trace.processes.len(), MAX_PROCESSES);
        assert_eq!(trace.processes[0].pid, 0);
        assert_eq!(trace.processes.last().unwrap().pid, 299);
        assert_eq!(trace.processes[0].command.len(), MAX_TEXT);
        assert_eq!(trace.processes[0].user, "a\u{fffd}b");
        assert_eq!(trace.events.len(), MAX_EVENTS);
        assert_eq!(trace.events.last().unwrap().pid, 599);
        assert_eq!(trace.omitted, 1 + 200 + 100);
        let same = trace.clone();
        trace.bound();
        assert_eq!(trace, same);
    }
}
