//! Scans: looking at one target, once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ImageRef, SeverityCounts};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

/// Why it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanTrigger {
    /// Somebody asked.
    User,
    /// The server found it on this machine at start.
    Start,
    /// It was due.
    Schedule,
    /// It belongs to the demonstration.
    Demo,
    /// It was pushed to a registry.
    Push,
    /// It was copied into a registry from elsewhere.
    Import,
    /// It was pulled, or run, not long ago.
    RecentPull,
    /// Containers run it.
    Running,
    /// Somebody asked a cluster to run it.
    Admission,
    /// Advisories changed; nothing is read for that.
    Advisory,
    /// A pipeline read it, and told.
    Ci,
}

/// One scan and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scan {
    pub id: String,
    pub environment: String,
    /// As it was asked for: `registry:debian:12`, `docker:web:latest`, `dir:/`.
    pub target: String,
    /// What it is called on the screen.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    pub trigger: ScanTrigger,
    pub state: ScanState,
    /// While it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ScanProgress>,
    /// Where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ScanError>,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// What it looked at, once done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// What it found, once done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ScanOutcome>,
    /// The image's digest, where it was known before it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The watched registry it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryRef>,
    /// Tries that failed so far.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried again, after a try that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<Timestamp>,
    /// It failed, and is not tried again unless somebody says so.
    #[serde(default)]
    pub given_up: bool,
}

/// Enough of a registry to name it and link to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryRef {
    pub id: String,
    pub name: String,
}

/// How far a running scan is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanProgress {
    pub phase: ScanPhase,
    /// Bytes read of the layers to read.
    pub bytes_done: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    pub layers_done: u32,
    pub layers_total: u32,
    /// Layers known from an earlier scan, which need no reading.
    pub layers_cached: u32,
    /// Files walked.
    pub files: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanPhase {
    /// Finding out what there is to read.
    #[default]
    Resolving,
    Reading,
    Matching,
    Storing,
}

/// Why a scan failed, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanError {
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What a finished scan found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanOutcome {
    pub packages: u64,
    pub counts: SeverityCounts,
    /// Findings that the look before had not.
    pub new: u64,
    /// Findings of the look before that are gone.
    pub resolved: u64,
    pub warnings: u64,
}

/// Ask for a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScan {
    /// A registry reference, `docker:NAME`, `containerd:NAME`, or, where
    /// the server allows it, a path on its machine (`archive:`, `oci:`,
    /// `dir:`, `sbom:`).
    #[schema(max_length = 1024)]
    pub target: String,
    /// `linux/arm64`; the server's own platform when absent.
    #[serde(default)]
    pub platform: Option<String>,
}

/// Which scans to list, newest first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScanQuery {
    pub environment: Option<String>,
    /// `queued`, `running`, `done`, `failed`, `cancelled`; several
    /// separated by commas.
    pub state: Option<String>,
    /// `push`, `import`, `running`, …; several separated by commas.
    pub trigger: Option<String>,
    /// Only those that were given up.
    pub given_up: Option<bool>,
    /// The registry's id.
    pub registry: Option<String>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}
