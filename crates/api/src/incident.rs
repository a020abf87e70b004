//! Incidents: alerts that belong together, and what is done about them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Finding, Severity, SeverityCounts, alert::Principal, finding::Reason};

/// What is being done about an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    Open,
    /// Somebody is at it.
    Acknowledged,
    Closed,
    /// Its alerts are another incident's.
    Merged,
}

/// One incident, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    pub id: String,
    /// "3 techniques by alice in cluster prod"
    pub title: String,
    /// The worst of its alerts', one step worse where it spans three
    /// tactics or more.
    pub severity: Severity,
    /// The worst of its alerts'.
    pub worst: Severity,
    pub state: IncidentState,
    pub environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// By their short names, in the order an attack goes.
    pub tactics: Vec<String>,
    pub techniques: Vec<String>,
    /// Whoever did it, without parts of Kubernetes; at most 50.
    pub principals: Vec<Principal>,
    /// `namespace/name`; at most 50.
    pub workloads: Vec<String>,
    pub alerts: u64,
    /// How often they happened.
    pub events: u64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// When it was known as one.
    pub opened: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Why it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who changed its state last, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Timestamp>,
    /// The incident its alerts are in now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
}

/// Enough of an incident to name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentRef {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub state: IncidentState,
}

/// Which incidents to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// `open`, `acknowledged`, `closed` or `merged`, separated by commas;
    /// the first two when absent.
    pub state: Option<String>,
    /// Several separated by commas.
    pub severity: Option<String>,
    pub cluster: Option<String>,
    /// One principal's whole name.
    pub user: Option<String>,
    /// `namespace/name`.
    pub workload: Option<String>,
    /// Any of these tactics (`execution`), separated by commas.
    pub tactic: Option<String>,
    /// `T1611`; parts of it count as it.
    pub technique: Option<String>,
    /// A name, `me` or `none`.
    pub assignee: Option<String>,
    /// Text in the title, the principals, the workloads or the id.
    pub q: Option<String>,
    pub sort: Option<IncidentSort>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// The order of incidents. `severity`: worst first, the latest first
/// among equals; the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum IncidentSort {
    #[default]
    #[serde(rename = "severity")]
    Severity,
    #[serde(rename = "-last_seen")]
    LastSeen,
}

/// How many incidents there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentCounts {
    /// Of those in the states asked for.
    pub severities: SeverityCounts,
    pub open: u64,
    pub acknowledged: u64,
    pub closed: u64,
}

/// Everything about one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    pub incident: Incident,
    /// Its alerts in the order they happened first, at most 500.
    pub timeline: Vec<IncidentAlert>,
    /// Where in an attack it stands: each tactic it spans, in the order
    /// an attack goes.
    pub kill_chain: Vec<IncidentStage>,
    /// Who did what to what.
    pub graph: IncidentGraph,
    /// What happened to it, newest first, at most 500.
    pub history: Vec<IncidentEvent>,
}

/// An alert of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentAlert {
    pub finding: Finding,
    /// Within the incident.
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub events: u64,
}

/// One tactic an incident spans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentStage {
    /// `credential-access`
    pub tactic: String,
    /// Alerts of it.
    pub alerts: u64,
    /// When the first of them happened.
    pub first_seen: Timestamp,
}

/// Principals, addresses and what they touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentGraph {
    /// At most 60.
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<GraphEdge>,
    /// Objects that are not shown.
    pub more: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// Names it within the graph.
    pub id: String,
    pub kind: GraphNodeKind,
    pub label: String,
    /// Adding this to a query finds its alerts.
    pub q: String,
    /// The worst alert about it.
    pub severity: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GraphNodeKind {
    Address,
    Principal,
    Workload,
    /// An object of the Kubernetes API that is no workload.
    Object,
    Host,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphEdge {
    pub from: String,
    pub to: String,
    /// What was done: verbs or rules, the commonest first.
    pub label: String,
    pub alerts: u64,
    pub severity: Severity,
}

/// One entry of an incident's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentEvent {
    pub id: u64,
    pub time: Timestamp,
    /// Who; absent: the product itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    pub what: IncidentEventKind,
    /// One line for people.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentEventKind {
    Opened,
    Escalated,
    Merged,
    Acknowledged,
    Reopened,
    Closed,
    Assigned,
    Commented,
}

/// Change an incident; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IncidentChange {
    /// `open`, `acknowledged` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<IncidentState>,
    /// Why it is closed; needed for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// With a new state: why. Alone: a comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// A name; `none`: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Dismiss its open alerts, too, for the reason it is closed for.
    pub dismiss_alerts: bool,
}
