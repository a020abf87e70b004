//! Incidents: listed, looked at, and worked on.

mod graph;

use api::{
    IncidentDetail, Page,
    incident::{
        Incident, IncidentAlert, IncidentChange, IncidentCounts, IncidentEvent, IncidentEventKind,
        IncidentQuery, IncidentRef, IncidentSort, IncidentStage, IncidentState,
    },
};
use axum::{
    Json,
    extract::{Path, State},
};
use model::{FindingState, Tactics};
use store::{FindingAction, IncidentFilter, Selected};

use super::{
    Shared,
    access::Access,
    action::{self, MAX_TEXT},
    context,
    error::ApiError,
    finding,
    query::{self, Body, Query},
    severity,
};
use crate::app::App;

/// Alerts of an incident that are shown.
const TIMELINE: u32 = 500;
/// The longest name of an assignee.
const MAX_NAME: usize = 200;

pub(crate) fn state(state: model::IncidentState) -> IncidentState {
    match state {
        model::IncidentState::Open => IncidentState::Open,
        model::IncidentState::Acknowledged => IncidentState::Acknowledged,
        model::IncidentState::Closed => IncidentState::Closed,
        model::IncidentState::Merged => IncidentState::Merged,
    }
}

pub(crate) fn reference(key: store::IncidentKey) -> IncidentRef {
    IncidentRef {
        id: key.id,
        title: key.title,
        severity: key.severity.into(),
        state: state(key.state),
    }
}

fn wire(incident: store::Incident) -> Incident {
    Incident {
        id: incident.id,
        title: incident.title,
        severity: incident.severity.into(),
        worst: incident.worst.into(),
        state: state(incident.state),
        environment: incident.environment,
        cluster: incident.cluster,
        tactics: incident.tactics.names().map(str::to_owned).collect(),
        techniques: incident.techniques,
        principals: incident
            .principals
            .into_iter()
            .map(|name| context::principal(&model::Principal::of_kubernetes(name)))
            .collect(),
        workloads: incident.workloads,
        alerts: incident.alerts,
        events: incident.events,
        first_seen: incident.first_seen,
        last_seen: incident.last_seen,
        opened: incident.opened,
        assignee: incident.assignee,
        reason: incident.reason.map(finding::reason),
        note: incident.note,
        decided_by: incident.decided_by,
        decided: incident.decided,
        merged_into: incident.merged_into,
    }
}

fn filter(access: &Access, asked: &IncidentQuery) -> Result<IncidentFilter, ApiError> {
    let states = query::list("state", asked.state.as_deref(), |word| {
        model::IncidentState::parse(word).ok_or_else(|| {
            format!("unknown state '{word}' (expected open, acknowledged, closed or merged)")
        })
    })?;
    let known = model::query::Field::Tactic.catalogued().values;
    let tactics = query::list("tactic", asked.tactic.as_deref(), |word| {
        known
            .contains(&word)
            .then(|| word.to_owned())
            .ok_or_else(|| {
                format!(
                    "unknown tactic '{word}' (expected one of {})",
                    known.join(", ")
                )
            })
    })?;
    Ok(IncidentFilter {
        states,
        severities: query::words("severity", asked.severity.as_deref())?,
        cluster: asked.cluster.clone(),
        principal: asked.user.clone(),
        workload: asked.workload.clone(),
        tactics: Tactics::named(tactics.iter().map(String::as_str)),
        technique: asked.technique.clone(),
        assignee: asked.assignee.as_deref().map(|name| match name {
            "none" => None,
            "me" => Some(access.actor.name.clone()),
            name => Some(name.to_owned()),
        }),
        text: query::text(asked.q.clone()),
        since: None,
    })
}

/// Incidents, worst first.
#[utoipa::path(get, path = "/incidents", tag = "incidents", params(IncidentQuery),
    responses((status = 200, body = Page<Incident>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(asked): Query<IncidentQuery>,
) -> Result<Json<Page<Incident>>, ApiError> {
    let request = query::page(asked.cursor.clone(), asked.limit)?;
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let filter = filter(&access, &asked)?;
    let sort = match asked.sort.unwrap_or_default() {
        IncidentSort::Severity => store::IncidentSort::Severity,
        IncidentSort::LastSeen => store::IncidentSort::LastSeen,
    };
    let page = app.store.incidents(&scope, &filter, sort, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// How many incidents there are, by severity and state.
#[utoipa::path(get, path = "/incidents/counts", tag = "incidents", params(IncidentQuery),
    responses((status = 200, body = IncidentCounts)))]
pub(crate) async fn counts(
    State(app): Shared,
    access: Access,
    Query(asked): Query<IncidentQuery>,
) -> Result<Json<IncidentCounts>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let filter = filter(&access, &asked)?;
    let counts = app.store.incident_counts(&scope, &filter).await?;
    let of = |state: model::IncidentState| {
        let known = counts.states.iter().find(|(known, _)| *known == state);
        known.map_or(0, |(_, count)| *count)
    };
    Ok(Json(IncidentCounts {
        open: of(model::IncidentState::Open),
        acknowledged: of(model::IncidentState::Acknowledged),
        closed: of(model::IncidentState::Closed),
        severities: severity::counts(counts.severities),
    }))
}

/// One incident: its timeline, who did what to what, and its history.
#[utoipa::path(get, path = "/incidents/{id}", tag = "incidents",
    params(("id" = String, Path, description = "the incident's id")),
    responses((status = 200, body = IncidentDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<IncidentDetail>, ApiError> {
    Ok(Json(detail(&app, &access, &id).await?))
}

async fn detail(app: &App, access: &Access, id: &str) -> Result<IncidentDetail, ApiError> {
    let scope = access.visible(app).await?;
    let known = app
        .store
        .incident_detail(&scope, id, TIMELINE)
        .await?
        .ok_or_else(|| ApiError::not_found("incident"))?;
    Ok(IncidentDetail {
        kill_chain: stages(&known.timeline),
        graph: graph::of(&known.timeline),
        timeline: known
            .timeline
            .into_iter()
            .map(|alert| IncidentAlert {
                finding: finding::wire(alert.finding),
                first_seen: alert.first_seen,
                last_seen: alert.last_seen,
                events: alert.events,
            })
            .collect(),
        history: known.history.into_iter().map(event).collect(),
        incident: wire(known.incident),
    })
}

/// Each tactic of the alerts, in the order an attack goes.
fn stages(timeline: &[store::IncidentAlert]) -> Vec<IncidentStage> {
    let mut stages = Vec::new();
    for tactic in model::attack::TACTICS {
        let mut of = timeline
            .iter()
            .filter(|alert| alert.finding.tactics.names().any(|name| name == tactic));
        let Some(first) = of.next() else { continue };
        stages.push(IncidentStage {
            tactic: tactic.to_owned(),
            alerts: 1 + of.count() as u64,
            first_seen: first.first_seen,
        });
    }
    stages
}

fn event(event: store::IncidentEvent) -> IncidentEvent {
    use store::IncidentEventKind as Known;
    IncidentEvent {
        id: event.id.try_into().unwrap_or(0),
        time: event.time,
        actor: event.actor,
        what: match event.what {
            Known::Opened => IncidentEventKind::Opened,
            Known::Escalated => IncidentEventKind::Escalated,
            Known::Merged => IncidentEventKind::Merged,
            Known::Acknowledged => IncidentEventKind::Acknowledged,
            Known::Reopened => IncidentEventKind::Reopened,
            Known::Closed => IncidentEventKind::Closed,
            Known::Assigned => IncidentEventKind::Assigned,
            Known::Commented => IncidentEventKind::Commented,
        },
        text: event.text,
    }
}

/// Acknowledges, closes, reopens or assigns an incident, or comments on
/// it.
#[utoipa::path(patch, path = "/incidents/{id}", tag = "incidents",
    params(("id" = String, Path, description = "the incident's id")),
    request_body = IncidentChange,
    responses((status = 200, body = IncidentDetail),
        (status = 409, description = "its alerts are another incident's")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(asked): Body<IncidentChange>,
) -> Result<Json<IncidentDetail>, ApiError> {
    let scope = access.visible(&app).await?;
    let known = app
        .store
        .incident(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("incident"))?;
    access.require_in(&known.environment)?;
    let change = checked(&access, &asked)?;
    if asked.dismiss_alerts {
        dismiss(&app, &access, &known, &change).await?;
    }
    app.store
        .change_incident(access.author(&app), &scope, &id, change)
        .await?
        .ok_or_else(|| {
            ApiError::conflict(
                "merged",
                "the incident's alerts are part of another one; see merged_into",
            )
        })?;
    app.bus.publish(&api::Event::Incidents {
        environment: known.environment,
    });
    Ok(Json(detail(&app, &access, &id).await?))
}

fn checked(access: &Access, asked: &IncidentChange) -> Result<store::IncidentChange, ApiError> {
    let state = match asked.state {
        None => None,
        Some(IncidentState::Open) => Some(model::IncidentState::Open),
        Some(IncidentState::Acknowledged) => Some(model::IncidentState::Acknowledged),
        Some(IncidentState::Closed) if asked.reason.is_none() => {
            return Err(ApiError::invalid(
                "reason",
                "closing an incident needs a reason",
            ));
        }
        Some(IncidentState::Closed) => Some(model::IncidentState::Closed),
        Some(IncidentState::Merged) => {
            return Err(ApiError::invalid(
                "state",
                "incidents are merged by their alerts, not by hand",
            ));
        }
    };
    if asked.dismiss_alerts && state != Some(model::IncidentState::Closed) {
        return Err(ApiError::invalid(
            "dismiss_alerts",
            "alerts are dismissed when their incident is closed",
        ));
    }
    let note = asked
        .note
        .as_deref()
        .map(|note| action::text("note", note, MAX_TEXT))
        .transpose()?;
    let assignee = match asked.assignee.as_deref() {
        None => None,
        Some("none") => Some(None),
        Some("me") => Some(Some(access.actor.name.clone())),
        Some(name) => Some(Some(action::text("assignee", name, MAX_NAME)?)),
    };
    Ok(store::IncidentChange {
        state,
        reason: asked.reason.map(action::reason),
        note,
        assignee,
    })
}

/// Dismisses the open alerts of an incident as it is closed.
async fn dismiss(
    app: &App,
    access: &Access,
    incident: &store::Incident,
    change: &store::IncidentChange,
) -> Result<(), ApiError> {
    let Some(reason) = change.reason else {
        return Ok(());
    };
    let scope = access.scope(app, Some(&incident.environment)).await?;
    let known = app
        .store
        .incident_detail(&scope, &incident.id, u32::MAX)
        .await?;
    let ids: Vec<String> = known
        .iter()
        .flat_map(|known| &known.timeline)
        .filter(|alert| alert.finding.state == FindingState::Open)
        .map(|alert| alert.finding.id.to_string())
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    let dismissal = FindingAction::Dismiss {
        reason,
        note: Some(
            change
                .note
                .clone()
                .unwrap_or_else(|| format!("with the incident \"{}\"", incident.title)),
        ),
    };
    let done = app
        .store
        .act(
            access.author(app),
            &scope,
            Selected::Ids(ids),
            dismissal,
            action::UNDO,
        )
        .await?;
    action::publish(app, done.touched);
    Ok(())
}
