//! The queue of scans, and why images were looked at.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{
    ScanState, SeverityCounts, TrustVerdict,
    scan::{RegistryRef, ScanOutcome, ScanTrigger},
};

/// What waits to be scanned, and what was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanQueue {
    pub queued: u64,
    pub running: u64,
    /// Scans that failed and are not tried again unless somebody says so.
    pub given_up: u64,
    /// Since when the oldest waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
    /// In the order in which they are taken.
    pub lines: Vec<ScanQueueLine>,
    /// Registries nothing is taken from for now.
    pub held: Vec<HeldRegistry>,
}

/// Scans that wait for the same reason, of the same registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanQueueLine {
    pub trigger: ScanTrigger,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryRef>,
    pub queued: u64,
    pub running: u64,
    /// Of those queued, the ones whose last try failed.
    pub retrying: u64,
}

/// A registry nothing is taken from before `until`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldRegistry {
    pub registry: RegistryRef,
    pub until: Timestamp,
}

/// Scans that were queued anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revived {
    pub scans: u64,
}

/// One entry of an image's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    pub time: Timestamp,
    #[serde(flatten)]
    pub what: TimelineKind,
}

/// What an entry tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TimelineKind {
    /// Why it was looked at, or judged again.
    Trigger {
        trigger: ScanTrigger,
        /// In words.
        reason: String,
        /// Where it was copied from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// The scan that came of it; absent where what was known
        /// sufficed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scan: Option<String>,
    },
    /// A scan ended.
    Scan {
        scan: String,
        state: ScanState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<ScanOutcome>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Its findings changed.
    Change {
        summary: String,
        new: SeverityCounts,
        resolved: u64,
    },
    /// Whether it is signed as a trust policy asks for changed.
    Trust {
        /// The policy's name.
        policy: String,
        verdict: TrustVerdict,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signer: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// Part of a timeline, newest first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// Only what was before.
    #[param(value_type = Option<String>, format = "date-time")]
    pub before: Option<Timestamp>,
    /// Entries, 1 to 500; 100 when absent.
    pub limit: Option<u32>,
}

/// Which environment's queue.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueueQuery {
    pub environment: Option<String>,
}

/// A report a pipeline made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    /// The one the token is for, else the server's own, when absent.
    #[serde(default)]
    pub environment: Option<String>,
    /// What made it, for people: a pipeline's name, or its address.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub pipeline: Option<String>,
    /// As `seawall scan --format json` writes it. Its bill of materials
    /// is taken; what is vulnerable is decided by this server.
    #[schema(value_type = Object)]
    pub report: Value,
}

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportReceipt {
    pub image: crate::ImageRef,
    pub packages: u64,
    pub counts: SeverityCounts,
    pub new: u64,
    pub resolved: u64,
}
