//! What people do with findings, and taking it back.

use api::{
    Event,
    finding::{Action, ActionDone, NewAction, Progress, Reason, Selection},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::SignedDuration;
use store::{FindingAction, MAX_SELECTED, Selected, StoreError, UndoError};

use super::{Shared, access::Access, error::ApiError, finding, query::Body};
use crate::app::App;

/// How long an action can be taken back.
pub(crate) const UNDO: SignedDuration = SignedDuration::from_mins(10);
/// The longest note or comment, in characters.
pub(crate) const MAX_TEXT: usize = 4000;
/// The longest name of a person.
const MAX_NAME: usize = 200;

/// Does something with many findings at once: those listed, or all that
/// a query means. Findings it does not fit, or that are out of reach,
/// are skipped and counted.
#[utoipa::path(post, path = "/findings/actions", tag = "findings", request_body = NewAction,
    responses((status = 200, body = ActionDone)))]
pub(crate) async fn act(
    State(app): Shared,
    access: Access,
    Body(asked): Body<NewAction>,
) -> Result<Json<ActionDone>, ApiError> {
    let action = action(asked.action)?;
    let (selected, scope) = match asked.select {
        Selection::Ids(ids) => {
            if ids.is_empty() {
                return Err(ApiError::invalid("select", "no findings are selected"));
            }
            if ids.len() > MAX_SELECTED {
                return Err(too_many());
            }
            (Selected::Ids(ids), access.scope(&app, None).await?)
        }
        Selection::Query { q, environment } => {
            let filter = finding::asked(&app, &access, "select/query/q", Some(&q))?;
            let scope = access.scope(&app, environment.as_deref()).await?;
            (Selected::All(Box::new(filter)), scope)
        }
    };
    let done = app
        .store
        .act(access.author(&app), &scope, selected, action, UNDO)
        .await
        .map_err(|error| match error {
            StoreError::TooMany(_) => too_many(),
            error => error.into(),
        })?;
    Ok(Json(told(&app, done)))
}

/// Takes an action back, for ten minutes, where nothing else was done
/// with its findings since.
#[utoipa::path(post, path = "/actions/{id}/undo", tag = "findings",
    params(("id" = String, Path, description = "the action's id")),
    responses((status = 200, body = ActionDone)))]
pub(crate) async fn undo(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<ActionDone>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let undone = app
        .store
        .undo(access.author(&app), &scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("action"))?;
    match undone {
        Ok(done) => Ok(Json(told(&app, done))),
        Err(why @ UndoError::Undone) => Err(ApiError::conflict("already_undone", why.to_string())),
        Err(why @ UndoError::TooLate) => Err(ApiError::conflict("too_late", why.to_string())),
    }
}

fn too_many() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "too_many",
        format!("more than {MAX_SELECTED} findings are selected; narrow the selection"),
    )
}

/// Tells listeners, and the caller.
fn told(app: &App, done: store::ActionDone) -> ActionDone {
    publish(app, done.touched);
    ActionDone {
        id: done.id,
        changed: done.changed,
        skipped: done.skipped,
        summary: done.summary,
        undo_until: done.undo_until,
    }
}

/// Tells listeners that counts moved.
pub(crate) fn publish(app: &App, touched: Vec<(String, model::FindingKind)>) {
    let is_vulnerability = |kind| kind == model::FindingKind::Vulnerability;
    if touched.iter().any(|(_, kind)| is_vulnerability(*kind)) {
        app.running.ring();
    }
    for (environment, kind) in touched {
        app.bus.publish(&Event::Findings {
            environment,
            kind: finding::kind(kind),
            new: 0,
        });
    }
}

fn action(action: Action) -> Result<FindingAction, ApiError> {
    Ok(match action {
        Action::Dismiss { reason: why, note } => FindingAction::Dismiss {
            reason: reason(why),
            note: maybe_text("action/note", note)?,
        },
        Action::Reopen { note } => FindingAction::Reopen {
            note: maybe_text("action/note", note)?,
        },
        Action::Assign { to } => FindingAction::Assign {
            to: to
                .map(|name| text("action/to", &name, MAX_NAME))
                .transpose()?,
        },
        Action::Progress { progress } => FindingAction::Progress(match progress {
            Progress::New => model::Progress::New,
            Progress::InProgress => model::Progress::InProgress,
        }),
        Action::Due { date } => FindingAction::Due(date),
        Action::Comment { text: comment } => {
            FindingAction::Comment(text("action/text", &comment, MAX_TEXT)?)
        }
    })
}

pub(crate) fn reason(reason: Reason) -> model::Reason {
    match reason {
        Reason::FalsePositive => model::Reason::FalsePositive,
        Reason::AcceptedRisk => model::Reason::AcceptedRisk,
        Reason::Mitigated => model::Reason::Mitigated,
        Reason::Benign => model::Reason::Benign,
        Reason::Test => model::Reason::Test,
        Reason::Other => model::Reason::Other,
    }
}

/// Text that says something, and not too much.
pub(crate) fn text(pointer: &str, text: &str, longest: usize) -> Result<String, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ApiError::invalid(pointer, "it may not be empty"));
    }
    if text.chars().count() > longest {
        return Err(ApiError::invalid(
            pointer,
            format!("it may have {longest} characters at most"),
        ));
    }
    Ok(text.to_owned())
}

fn maybe_text(pointer: &str, note: Option<String>) -> Result<Option<String>, ApiError> {
    match note {
        Some(note) if !note.trim().is_empty() => text(pointer, &note, MAX_TEXT).map(Some),
        _ => Ok(None),
    }
}
