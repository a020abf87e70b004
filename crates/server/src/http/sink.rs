//! Sinks: the other systems that are told. Secrets go in and never come
//! out.

use api::{
    NewSink, Sink,
    sink::{
        Answer, SinkDescription, SinkField, SinkHealth, SinkInput, SinkKind, SinkState, Verdict,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use export::{Batch, Kind, describe::Input};
use model::{Notice, NoticeEvent};

use super::{Shared, access::Access, error::ApiError, query::Body};
use crate::{
    app::App,
    sinks::{self, RecordError, Settings},
    work::delivery,
};

/// The longest name of a sink or route.
pub(super) const MAX_NAME: usize = 100;
/// The most sinks; each has a task of its own.
const MOST_SINKS: usize = 100;

pub(super) fn kind(text: &str) -> SinkKind {
    // Both lists have the same words; a test holds them together.
    serde_json::from_value(text.into()).unwrap_or(SinkKind::Http)
}

fn kind_of(kind: SinkKind) -> Result<Kind, ApiError> {
    let word = serde_json::to_value(kind).unwrap_or_default();
    word.as_str()
        .unwrap_or_default()
        .parse()
        .map_err(|error: export::sink::ParseKindError| {
            ApiError::invalid("/kind", error.to_string())
        })
}

pub(super) fn answer(answer: store::DeliveryAnswer) -> Answer {
    Answer {
        time: answer.time,
        verdict: match answer.verdict.as_str() {
            "delivered" => Verdict::Delivered,
            "rejected" => Verdict::Rejected,
            _ => Verdict::Retry,
        },
        status: answer.status,
        text: answer.text,
        milliseconds: answer.milliseconds,
    }
}

async fn wire(app: &App, sink: store::Sink) -> Result<Sink, ApiError> {
    let queue = app.store.sink_queue(&sink).await?;
    let now = app.clock.now();
    let failed_last = sink
        .answer
        .as_ref()
        .is_some_and(|answer| answer.verdict != "delivered");
    let state = if sink.paused {
        SinkState::Paused
    } else if queue.attempts > 0 {
        SinkState::Retrying
    } else if failed_last {
        SinkState::Failing
    } else if sink.last_delivered.is_none() {
        SinkState::Idle
    } else {
        SinkState::Working
    };
    let lag = queue
        .oldest
        .map(|oldest| now.duration_since(oldest).as_secs().try_into().unwrap_or(0));
    Ok(Sink {
        kind: kind(&sink.kind),
        settings: serde_json::from_str(&sink.settings).unwrap_or_default(),
        id: sink.id,
        name: sink.name,
        secrets: sink.secret_names,
        paused: sink.paused,
        created: sink.created,
        updated: sink.updated,
        health: SinkHealth {
            state,
            pending: queue.pending,
            dead: queue.dead,
            lag_seconds: lag,
            last_delivered: sink.last_delivered,
            last_answer: sink.answer.map(answer),
            next_try: queue.next_try,
        },
    })
}

pub(super) async fn find(app: &App, id: &str) -> Result<store::Sink, ApiError> {
    app.store
        .sink(id)
        .await?
        .ok_or_else(|| ApiError::not_found("sink"))
}

/// A name people can tell apart.
pub(super) fn name(text: &str) -> Result<String, ApiError> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(ApiError::invalid(
            "/name",
            format!("expected 1 to {MAX_NAME} characters on one line"),
        ));
    }
    Ok(name.to_owned())
}

fn refused(error: RecordError) -> ApiError {
    match error {
        RecordError::Invalid(invalid) if invalid.field.is_empty() => {
            ApiError::invalid("/settings", invalid.detail)
        }
        RecordError::Invalid(invalid) => {
            ApiError::invalid(&format!("/settings/{}", invalid.field), invalid.detail)
        }
        RecordError::Vault(error) => ApiError::internal(&error),
    }
}

fn name_taken() -> ApiError {
    ApiError::conflict("name_taken", "another sink has this name")
}

/// The sorts of sinks and what each has to be told.
#[utoipa::path(get, path = "/sinks/kinds", tag = "sinks",
    responses((status = 200, body = Vec<SinkDescription>)))]
pub(crate) async fn kinds() -> Json<Vec<SinkDescription>> {
    let describe = |kind: Kind| {
        let description = kind.describe();
        SinkDescription {
            kind: self::kind(kind.as_str()),
            title: description.title.to_owned(),
            about: description.about.to_owned(),
            for_people: description.for_people,
            fields: description
                .fields
                .iter()
                .map(|field| SinkField {
                    name: field.name.to_owned(),
                    title: field.title.to_owned(),
                    input: match field.input {
                        Input::Text => SinkInput::Text,
                        Input::Url => SinkInput::Url,
                        Input::Lines => SinkInput::Lines,
                        Input::Number => SinkInput::Number,
                        Input::Boolean => SinkInput::Boolean,
                        Input::Choice => SinkInput::Choice,
                        Input::List => SinkInput::List,
                        Input::Pairs => SinkInput::Pairs,
                    },
                    required: field.required,
                    secret: field.secret,
                    choices: field.choices.iter().map(|&word| word.to_owned()).collect(),
                    default: serde_json::from_str(field.default).ok(),
                    help: field.help.to_owned(),
                })
                .collect(),
        }
    };
    Json(Kind::ALL.into_iter().map(describe).collect())
}

/// Every sink, by name, and how it does.
#[utoipa::path(get, path = "/sinks", tag = "sinks",
    responses((status = 200, body = Vec<Sink>)))]
pub(crate) async fn list(State(app): Shared) -> Result<Json<Vec<Sink>>, ApiError> {
    let mut sinks = Vec::new();
    for sink in app.store.sinks().await? {
        sinks.push(wire(&app, sink).await?);
    }
    Ok(Json(sinks))
}

/// Add a sink. Nothing is sent before a route leads to it.
#[utoipa::path(post, path = "/sinks", tag = "sinks", request_body = NewSink,
    responses((status = 201, body = Sink), (status = 409, description = "the name is taken")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewSink>,
) -> Result<(StatusCode, Json<Sink>), ApiError> {
    if app.store.sinks().await?.len() >= MOST_SINKS {
        return Err(ApiError::conflict(
            "too_many_sinks",
            format!("there are {MOST_SINKS} sinks already"),
        ));
    }
    let settings: Settings = body.settings.into_iter().collect();
    let record = sinks::record(
        &app,
        name(&body.name)?,
        kind_of(body.kind)?,
        settings,
        body.paused,
    )
    .map_err(refused)?;
    let sink = app
        .store
        .add_sink(access.author(&app), record)
        .await?
        .ok_or_else(name_taken)?;
    app.deliverer.ring();
    Ok((StatusCode::CREATED, Json(wire(&app, sink).await?)))
}

/// One sink.
#[utoipa::path(get, path = "/sinks/{id}", tag = "sinks",
    params(("id" = String, Path, description = "the sink's id")),
    responses((status = 200, body = Sink)))]
pub(crate) async fn read(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Sink>, ApiError> {
    let sink = find(&app, &id).await?;
    Ok(Json(wire(&app, sink).await?))
}

/// Change a sink. Secrets that are left out stay as they are; `null`
/// removes one.
#[utoipa::path(put, path = "/sinks/{id}", tag = "sinks", request_body = NewSink,
    params(("id" = String, Path, description = "the sink's id")),
    responses((status = 200, body = Sink), (status = 409, description = "the name is taken")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(body): Body<NewSink>,
) -> Result<Json<Sink>, ApiError> {
    let sink = find(&app, &id).await?;
    if kind(&sink.kind) != body.kind {
        return Err(ApiError::invalid(
            "/kind",
            format!("a sink stays what it is: {}", sink.kind),
        ));
    }
    let kind = kind_of(body.kind)?;
    let mut settings: Settings = body.settings.into_iter().collect();
    let left_out: Vec<&str> = kind
        .secrets()
        .filter(|name| !settings.contains_key(*name))
        .filter(|name| sink.secret_names.iter().any(|set| set == name))
        .collect();
    if !left_out.is_empty() {
        keeps_its_place(&sink, &settings, kind)?;
        let mut known = sinks::settings(&app, &sink).map_err(|error| {
            ApiError::conflict(
                "secrets_not_readable",
                format!("{}; give every secret anew", model::error::chain(&error)),
            )
        })?;
        for name in left_out {
            if let Some(value) = known.remove(name) {
                settings.insert(name.to_owned(), value);
            }
        }
    }
    let record =
        sinks::record(&app, name(&body.name)?, kind, settings, body.paused).map_err(refused)?;
    let sink = app
        .store
        .change_sink(access.author(&app), &id, record)
        .await?
        .ok_or_else(name_taken)?;
    app.deliverer.ring();
    Ok(Json(wire(&app, sink).await?))
}

/// A secret that nobody types again goes nowhere else than before:
/// otherwise whoever may change an address could have it sent to them.
fn keeps_its_place(sink: &store::Sink, settings: &Settings, kind: Kind) -> Result<(), ApiError> {
    let before: Settings = serde_json::from_str(&sink.settings).unwrap_or_default();
    let places = [
        "url",
        "host",
        "port",
        "endpoint",
        "brokers",
        "security",
        "transport",
        "ca_certificate",
        "store",
        "bucket",
    ];
    for field in kind.describe().fields {
        if field.secret || !places.contains(&field.name) {
            continue;
        }
        let given = |settings: &Settings| {
            settings
                .get(field.name)
                .filter(|value| !value.is_null() && value.as_str() != Some(""))
                .cloned()
        };
        if given(&before) != given(settings) {
            return Err(ApiError::invalid(
                &format!("/settings/{}", field.name),
                "changes where secrets are sent: give the secrets again, too",
            ));
        }
    }
    Ok(())
}

/// Remove a sink with its routes and deliveries.
#[utoipa::path(delete, path = "/sinks/{id}", tag = "sinks",
    params(("id" = String, Path, description = "the sink's id")),
    responses((status = 204, description = "removed")))]
pub(crate) async fn remove(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    if !app.store.remove_sink(access.author(&app), &id).await? {
        return Err(ApiError::not_found("sink"));
    }
    app.deliverer.ring();
    Ok(StatusCode::NO_CONTENT)
}

/// Send a test notice now, past the queue, and show the receiver's real
/// answer.
#[utoipa::path(post, path = "/sinks/{id}/test", tag = "sinks",
    params(("id" = String, Path, description = "the sink's id")),
    responses((status = 200, body = Answer, description = "the receiver's answer, good or bad")))]
pub(crate) async fn test(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Answer>, ApiError> {
    let sink = find(&app, &id).await?;
    let began = app.clock.now();
    let reply = match sinks::open(&app, &sink) {
        Ok(opened) => {
            let mut notice = Notice {
                id: uuid::Uuid::now_v7().to_string(),
                event: NoticeEvent::Test,
                time: began,
                environment: crate::app::LOCAL.to_owned(),
                finding: None,
                recommendation: None,
                incident: None,
                digest: None,
                link: Some("/".to_owned()),
            };
            delivery::link(&mut notice, &app.public_url());
            let notices = [notice];
            let batch = Batch {
                id: &notices[0].id,
                created: began,
                now: began,
                attempts: 0,
                notices: &notices,
                known: &std::collections::BTreeMap::new(),
            };
            opened.sink.deliver(&batch).await
        }
        Err(error) => export::Answer::new(
            export::Verdict::Rejected,
            None,
            &model::error::chain(&error),
        ),
    };
    let kept = delivery::kept(&reply, app.clock.now(), began);
    Ok(Json(answer(kept)))
}

/// Deliver nothing until resumed; what happens meanwhile waits.
#[utoipa::path(post, path = "/sinks/{id}/pause", tag = "sinks",
    params(("id" = String, Path, description = "the sink's id")),
    responses((status = 200, body = Sink)))]
pub(crate) async fn pause(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Sink>, ApiError> {
    set_paused(&app, &access, &id, true).await
}

/// Deliver again, beginning with what waited.
#[utoipa::path(post, path = "/sinks/{id}/resume", tag = "sinks",
    params(("id" = String, Path, description = "the sink's id")),
    responses((status = 200, body = Sink)))]
pub(crate) async fn resume(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Sink>, ApiError> {
    set_paused(&app, &access, &id, false).await
}

async fn set_paused(
    app: &App,
    access: &Access,
    id: &str,
    paused: bool,
) -> Result<Json<Sink>, ApiError> {
    if !app.store.pause_sink(access.author(app), id, paused).await? {
        return Err(ApiError::not_found("sink"));
    }
    app.deliverer.ring();
    let sink = find(app, id).await?;
    Ok(Json(wire(app, sink).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_knows_every_kind_there_is() {
        for known in Kind::ALL {
            assert_eq!(kind_of(kind(known.as_str())).unwrap(), known);
        }
    }
}
