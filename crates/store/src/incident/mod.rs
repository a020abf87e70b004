//! Incidents: alerts that belong together, kept as they come.
//!
//! What relates alerts is [`model::incident`]'s to say. This gathers them
//! in the transaction that takes them in, so that an alert and its
//! incident are there together or not at all, and one delivered twice is
//! gathered once.

mod change;
mod gather;
mod list;
mod write;

use jiff::Timestamp;
use model::{IncidentState, Reason, Severity, Tactics, notice::NoticedIncident};

pub use change::IncidentChange;
pub(crate) use gather::gather;
pub use list::{IncidentAlert, IncidentCounts, IncidentDetail, IncidentFilter, IncidentSort};

use crate::{
    StoreError,
    counts::severity_of,
    db::{Connection, Row, insert},
    finding::reason_of,
};

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: String,
    pub environment: String,
    /// Absent: of no cluster.
    pub cluster: Option<String>,
    pub title: String,
    /// The worst of its alerts', raised where it spans many tactics.
    pub severity: Severity,
    /// The worst of its alerts'.
    pub worst: Severity,
    pub state: IncidentState,
    pub tactics: Tactics,
    pub techniques: Vec<String>,
    /// Whoever did it, without parts of Kubernetes.
    pub principals: Vec<String>,
    pub workloads: Vec<String>,
    pub alerts: u64,
    /// How often they happened.
    pub events: u64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// When it was known as one.
    pub opened: Timestamp,
    pub assignee: Option<String>,
    pub reason: Option<Reason>,
    pub note: Option<String>,
    /// Who changed its state last, and when.
    pub decided_by: Option<String>,
    pub decided: Option<Timestamp>,
    /// Where its alerts are now.
    pub merged_into: Option<String>,
    pub(crate) number: i64,
    pub(crate) is_shown: bool,
}

/// Enough of an incident to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentKey {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub state: IncidentState,
}

/// What can happen to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl IncidentEventKind {
    const ALL: [Self; 8] = [
        Self::Opened,
        Self::Escalated,
        Self::Merged,
        Self::Acknowledged,
        Self::Reopened,
        Self::Closed,
        Self::Assigned,
        Self::Commented,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Escalated => "escalated",
            Self::Merged => "merged",
            Self::Acknowledged => "acknowledged",
            Self::Reopened => "reopened",
            Self::Closed => "closed",
            Self::Assigned => "assigned",
            Self::Commented => "commented",
        }
    }
}

/// One thing that happened to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentEvent {
    pub id: i64,
    pub time: Timestamp,
    /// Absent: the product itself.
    pub actor: Option<String>,
    pub what: IncidentEventKind,
    pub text: String,
}

/// A thing that happens.
struct NewEvent {
    incident: i64,
    time: Timestamp,
    actor: Option<String>,
    what: IncidentEventKind,
    text: String,
}

async fn append(connection: &mut Connection, events: &[NewEvent]) -> Result<(), StoreError> {
    insert("INSERT INTO incident_event (incident_id, time, actor, what, text) ")
        .rows(connection, events, |row, event| {
            row.push_bind(event.incident)
                .push_bind(event.time)
                .push_bind(event.actor.clone())
                .push_bind(event.what.as_str())
                .push_bind(&event.text);
        })
        .await?;
    Ok(())
}

/// The number a state has in the record.
fn state_number(state: IncidentState) -> i64 {
    match state {
        IncidentState::Open => 0,
        IncidentState::Acknowledged => 1,
        IncidentState::Closed => 2,
        IncidentState::Merged => 3,
    }
}

fn state_of(number: i64) -> IncidentState {
    match number {
        1 => IncidentState::Acknowledged,
        2 => IncidentState::Closed,
        3 => IncidentState::Merged,
        _ => IncidentState::Open,
    }
}

const SELECT: &str = "SELECT incident.*, environment.name AS environment FROM incident
    JOIN environment ON environment.id = incident.environment_id WHERE ";

/// From [`SELECT`].
fn read(row: &Row) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: row.text("uid")?,
        environment: row.text("environment")?,
        cluster: Some(row.text("cluster")?).filter(|name| !name.is_empty()),
        title: row.text("title")?,
        severity: severity_of(row.int("severity")?),
        worst: severity_of(row.int("worst")?),
        state: state_of(row.int("state")?),
        tactics: Tactics::from_bits(row.int("tactics")?.try_into().unwrap_or(0)),
        techniques: row.json("techniques")?,
        principals: row.json("principals")?,
        workloads: row.json("workloads")?,
        alerts: row.count("alerts")?,
        events: row.count("events")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        opened: row.time("opened")?,
        assignee: row.maybe_text("assignee")?,
        reason: row.maybe_text("reason")?.map(|word| reason_of(&word)),
        note: row.maybe_text("note")?,
        decided_by: row.maybe_text("decided_by")?,
        decided: row.maybe_time("decided")?,
        merged_into: row.maybe_text("merged_into")?,
        number: row.int("id")?,
        is_shown: row.flag("shown")?,
    })
}

/// As other systems are told of it.
fn picture(incident: &Incident) -> NoticedIncident {
    NoticedIncident {
        id: incident.id.clone(),
        title: incident.title.clone(),
        severity: incident.severity,
        state: incident.state.as_str().to_owned(),
        cluster: incident.cluster.clone(),
        alerts: incident.alerts,
        events: incident.events,
        tactics: incident.tactics.names().map(str::to_owned).collect(),
        techniques: incident.techniques.clone(),
        principals: incident.principals.clone(),
        workloads: incident.workloads.clone(),
        first_seen: incident.first_seen,
        last_seen: incident.last_seen,
        assignee: incident.assignee.clone(),
        actor: None,
        reason: None,
    }
}
