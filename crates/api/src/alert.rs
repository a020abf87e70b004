//! Alerts: what other programs hand in, and what is known beside the
//! finding.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::incident::IncidentRef;

/// What the alerts of a request are about, where they do not say.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertIntakeQuery {
    /// The environment they belong to; `local` when absent.
    pub environment: Option<String>,
    /// The name of the cluster they come from; `kubernetes` when absent.
    pub cluster: Option<String>,
}

/// What became of the alerts of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertIntake {
    /// Kept, whether they opened a finding or were seen again.
    pub accepted: u64,
    /// Findings that were not open before.
    pub opened: u64,
    /// Delivered before, and not counted again.
    pub repeated: u64,
    /// Of rules that are switched off in the environment; not kept.
    #[serde(default)]
    pub off: u64,
    /// Not understood; at most 100 are told.
    pub refused: Vec<RefusedAlert>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedAlert {
    /// Which of those sent, counted from 0.
    pub index: u64,
    pub reason: String,
}

/// Who did what an alert is about, from where, and what changed. What is
/// not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// Whom they acted as, by impersonation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_as: Option<Principal>,
    /// From where: the first is nearest to whoever asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<AlertAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<AlertChange>,
}

/// A user, a service account, a node, a part of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Principal {
    /// As whoever let them in knows them: `system:serviceaccount:shop:ci`.
    pub name: String,
    /// For people: `shop/ci` for a service account.
    pub label: String,
    pub kind: PrincipalKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// A part of Kubernetes itself.
    pub system: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    User,
    ServiceAccount,
    /// A kubelet.
    Node,
    /// A part of the control plane.
    Component,
    /// Nobody said who it was.
    Anonymous,
    /// A user of one machine or container.
    Local,
}

/// What was asked for, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertAction {
    pub verb: String,
    /// `pods`; empty for a request that is about no resource.
    pub resource: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// Absent: the core group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The path, where it is about no resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// `allow` or `forbid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// All of it for people: `pods/exec shop/web-1`.
    pub object: String,
}

/// What changed, as far as the event shows it; secrets redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub old: Option<serde_json::Value>,
    /// The object asked for, or the patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub new: Option<serde_json::Value>,
    /// The form of the patch, where `new` is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

/// An alert's context in one line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertBrief {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The address it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// `pods/exec shop/web-1`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// What else is known of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertDetail {
    pub context: AlertContext,
    /// The first tactic in the order an attack goes: where in the
    /// kill-chain it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<KillChainStage>,
    /// Techniques of Microsoft's matrix for Kubernetes: `MS-TA9003`.
    pub matrix: Vec<String>,
    /// When it is nothing bad; empty where nothing is known.
    pub false_positives: String,
    /// Events that can be read at `/findings/{id}/events`.
    pub events: u64,
    /// What its runtime calls the image that ran there; the finding's own
    /// `image` is there only where that image was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What the container or host did before; what a sensor saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<AlertTrace>,
    /// The incidents it is part of, the latest first.
    pub incidents: Vec<IncidentRef>,
}

/// A place in the order an attack goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KillChainStage {
    /// `credential-access`
    pub tactic: String,
    /// Counted from 1.
    pub number: u8,
    pub of: u8,
}

/// One event behind an alert, as it came; secrets redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RawEvent {
    pub time: Timestamp,
    #[schema(value_type = Object)]
    pub event: serde_json::Value,
}

/// An exemption an alert could be muted by, from narrow to wide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MuteProposal {
    /// "This rule for this service account".
    pub label: String,
    /// The exemption's scope: hand it to `/exemptions`.
    pub scope: String,
    /// Open findings it would take now, counted up to 10 000.
    pub open: u64,
}

/// What happened in a container, or among the processes of a host, in the
/// minutes before an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertTrace {
    /// Ancestors before descendants.
    pub processes: Vec<TraceProcess>,
    /// Oldest first; the last is what the alert is about.
    pub events: Vec<TraceEvent>,
    /// How many more there were that had no room.
    #[serde(default)]
    pub omitted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    #[serde(default)]
    pub is_subject: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceEvent {
    pub time: Timestamp,
    pub pid: u32,
    pub kind: TraceKind,
    /// The program, file, address or name it is about.
    pub what: String,
    /// How often in a row.
    #[serde(default = "once")]
    pub count: u64,
}

fn once() -> u64 {
    1
}

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

impl From<model::alert::Trace> for AlertTrace {
    fn from(trace: model::alert::Trace) -> Self {
        Self {
            processes: trace.processes.into_iter().map(Into::into).collect(),
            events: trace.events.into_iter().map(Into::into).collect(),
            omitted: trace.omitted,
        }
    }
}

impl From<model::alert::TraceProcess> for TraceProcess {
    fn from(process: model::alert::TraceProcess) -> Self {
        Self {
            pid: process.pid,
            parent: process.parent,
            name: process.name,
            path: process.path,
            command: process.command,
            user: process.user,
            started: process.started,
            ended: process.ended,
            in_container: process.in_container,
            is_subject: process.is_subject,
        }
    }
}

impl From<model::alert::TraceEvent> for TraceEvent {
    fn from(event: model::alert::TraceEvent) -> Self {
        Self {
            time: event.time,
            pid: event.pid,
            kind: event.kind.into(),
            what: event.what,
            count: event.count,
        }
    }
}

impl From<model::alert::TraceKind> for TraceKind {
    fn from(kind: model::alert::TraceKind) -> Self {
        use model::alert::TraceKind as Known;
        match kind {
            Known::Execute => Self::Execute,
            Known::Exit => Self::Exit,
            Known::Read => Self::Read,
            Known::Write => Self::Write,
            Known::Delete => Self::Delete,
            Known::Rename => Self::Rename,
            Known::Permission => Self::Permission,
            Known::Connect => Self::Connect,
            Known::Listen => Self::Listen,
            Known::Accept => Self::Accept,
            Known::Resolve => Self::Resolve,
            Known::Privilege => Self::Privilege,
            Known::Namespace => Self::Namespace,
            Known::Mount => Self::Mount,
            Known::Signal => Self::Signal,
            Known::Alert => Self::Alert,
        }
    }
}
