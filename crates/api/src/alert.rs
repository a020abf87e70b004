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
