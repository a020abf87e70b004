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
