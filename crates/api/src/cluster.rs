//! Clusters: how their audit logs come in, and how they are set up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::posture::ClusterPosture;

/// Where handed-in audit events belong, where that is not clear.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditIntakeQuery {
    /// The environment; when absent the one the token is for, or `local`.
    pub environment: Option<String>,
    /// Said by API servers, and not heeded.
    pub timeout: Option<String>,
}

/// Which clusters are meant.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClusterQuery {
    /// An environment; all within reach when absent.
    pub environment: Option<String>,
}

/// A cluster: how its audit log comes in, at the server that answers, and
/// how it is set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterAudit {
    pub environment: String,
    pub cluster: String,
    pub first_seen: Timestamp,
    /// When something was last handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_received: Option<Timestamp>,
    /// When the newest event happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event: Option<Timestamp>,
    /// From when the newest event happened until it was judged, in
    /// milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Over the last minute.
    pub events_per_second: f64,
    pub requests: u64,
    pub bytes: u64,
    /// Good and bad.
    pub events: u64,
    /// Matches of rules.
    pub alerts: u64,
    /// What was wrong with events, most frequent first.
    pub faults: Vec<AuditFaultCount>,
    /// Times somebody was told to come again, since the server started.
    pub refused: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<AuditRefusal>,
    /// Logs of this cluster the server reads by itself.
    pub sources: Vec<AuditSource>,
    pub spool: AuditSpool,
    /// How it is set up, where a connector tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posture: Option<ClusterPosture>,
}

/// How often events had a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditFaultCount {
    pub fault: AuditFault,
    pub events: u64,
    /// Whether such events are left out, or judged all the same.
    pub left_out: bool,
}

/// What can be wrong with an audit event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
// The audit trail has faults of its own, under the shorter name.
#[schema(as = AuditEventFault)]
pub enum AuditFault {
    /// Half of something, or nothing that could be one.
    NotJson,
    /// JSON, but no audit event.
    WrongKind,
    /// A field is not of its type.
    WrongShape,
    /// Without an id, a time, or what was asked for.
    MissingField,
    /// Longer than is judged.
    TooLarge,
    /// The same stage of the same request came before.
    Duplicate,
    /// Of a version that is not known.
    UnknownVersion,
    /// Held bytes that are no text; they were replaced.
    NotUtf8,
    /// Its clock and the server's are more than five minutes apart.
    ClockSkew,
    /// Came more than a minute after something newer.
    OutOfOrder,
}

/// Somebody was told to come again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRefusal {
    pub at: Timestamp,
    pub reason: String,
}

/// A log the server reads by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditSource {
    pub name: String,
    /// Since when it can be read, or cannot.
    pub since: Timestamp,
    /// What keeps it from being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where audit events of all clusters wait until they are judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditSpool {
    /// Disk they take.
    pub bytes: u64,
    /// Disk they may take; once it is reached, nothing is taken in.
    pub limit_bytes: u64,
    /// Bodies that were not judged yet.
    pub waiting: u64,
    /// How long the body judged last had waited, in milliseconds; 0: none
    /// waits.
    pub lag_ms: u64,
    /// Bodies lost on the server's own disk since it started.
    pub damaged: u64,
}
