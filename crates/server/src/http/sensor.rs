//! Sensors on nodes: what they send and are told, and how they are.

use api::sensor::{
    Sensor, SensorBatch, SensorDetail, SensorGap, SensorLoss, SensorNod, SensorPolicy, SensorQuery,
    SensorReceipt, SensorStatus, SensorUse, SensorUseReceipt,
};
use axum::{
    Json,
    body::{self, Body},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;
use model::Permission;
use serde::de::DeserializeOwned;

use super::{Shared, access::Access, error::ApiError, query::Query};
use crate::{
    app::App,
    intake::{
        sensor::{self, MAX_BODY, MAX_ITEMS, MAX_NAME, is_name},
        used,
    },
    metrics::{add, count},
    sensors::{self, Judge},
    work::alert,
};

/// The largest status: a node may have hundreds of containers.
const MAX_STATUS: usize = 1 << 20;
/// Containers, features, classes and notes of a status.
const MAX_LISTED: usize = 2_000;

/// Take alerts and losses of a node. Answered once every item is dealt
/// with for good: what was taken is durable, and what is sent again is
/// known by boot, run and sequence.
#[utoipa::path(post, path = "/sensors/{node}/batches", tag = "sensors",
    params(("node" = String, Path, description = "the node's name"), SensorQuery),
    request_body = SensorBatch,
    responses((status = 200, body = SensorReceipt),
        (status = 413, description = "more than 4 MiB or 1,000 items")))]
pub(crate) async fn take(
    State(app): Shared,
    access: Access,
    Path(node): Path<String>,
    Query(query): Query<SensorQuery>,
    body: Body,
) -> Result<Json<SensorReceipt>, ApiError> {
    let environment = of_sensor(&app, &access, &node, query).await?;
    let batch: SensorBatch = read_body(body, MAX_BODY).await?;
    if batch.items.len() > MAX_ITEMS {
        return Err(too_large(format!("more than {MAX_ITEMS} items at once")));
    }
    let now = app.clock.now();
    let understood = sensor::understand(&node, batch, now)
        .map_err(|(part, told)| ApiError::invalid(&part, told))?;
    let mut items = understood.items;
    let sent = items.alerts.len();
    items
        .alerts
        .retain(|(_, one)| alert::is_on(&app, &environment, &one.rule.id));
    let off = (sent - items.alerts.len()) as u64;
    let taken = app.store.put_sensor_items(&environment, items, now).await?;
    alert::announce(&app, &environment, &taken.alerts);
    count(&app.metrics.sensor_batches);
    add(&app.metrics.sensor_alerts, taken.alerts.accepted);
    add(&app.metrics.sensor_repeated, taken.repeated);
    add(&app.metrics.sensor_losses, taken.gaps);
    let policy = app.sensors.policy(&app, &environment).await?;
    Ok(Json(SensorReceipt {
        taken: taken.alerts.accepted + taken.gaps,
        repeated: taken.repeated,
        off,
        refused: understood.refused,
        policy: policy.wire.mark.clone(),
    }))
}

/// Take which files of images a node's containers execute or load. What
/// is told again changes nothing.
#[utoipa::path(post, path = "/sensors/{node}/used", tag = "sensors",
    params(("node" = String, Path, description = "the node's name"), SensorQuery),
    request_body = SensorUse,
    responses((status = 200, body = SensorUseReceipt),
        (status = 413, description = "more than 2 MiB")))]
pub(crate) async fn used(
    State(app): Shared,
    access: Access,
    Path(node): Path<String>,
    Query(query): Query<SensorQuery>,
    body: Body,
) -> Result<Json<SensorUseReceipt>, ApiError> {
    let environment = of_sensor(&app, &access, &node, query).await?;
    let told: SensorUse = read_body(body, used::MAX_BODY).await?;
    let now = app.clock.now();
    let images =
        used::understand(told, now).map_err(|(part, told)| ApiError::invalid(&part, told))?;
    let taken = app.store.put_used(&environment, &node, images, now).await?;
    if taken.packages > 0 {
        tracing::debug!(node, packages = taken.packages, "packages are in use");
    }
    app.running.ring();
    Ok(Json(SensorUseReceipt {
        images: taken.images,
        files: taken.files,
    }))
}

/// Take how a sensor is.
#[utoipa::path(post, path = "/sensors/{node}/status", tag = "sensors",
    params(("node" = String, Path, description = "the node's name"), SensorQuery),
    request_body = SensorStatus, responses((status = 200, body = SensorNod)))]
pub(crate) async fn hear(
    State(app): Shared,
    access: Access,
    Path(node): Path<String>,
    Query(query): Query<SensorQuery>,
    body: Body,
) -> Result<Json<SensorNod>, ApiError> {
    let environment = of_sensor(&app, &access, &node, query).await?;
    let mut status: SensorStatus = read_body(body, MAX_STATUS).await?;
    bound(&mut status);
    let now = app.clock.now();
    let policy = app.sensors.policy(&app, &environment).await?;
    let is_new = app
        .sensors
        .hear(&environment, &node, status, now)
        .map_err(|error| ApiError::conflict("too_many_sensors", error.to_string()))?;
    if is_new {
        tracing::info!(node, environment, "a sensor told of itself");
        sensors::save(&app, false).await?;
    }
    if app.sensors.is_to_be_told(&environment, now) {
        app.bus.publish(&api::Event::Sensors { environment });
    }
    Ok(Json(SensorNod {
        policy: policy.wire.mark.clone(),
    }))
}

/// What a sensor is to do. Its entity tag is the mark.
#[utoipa::path(get, path = "/sensors/{node}/policy", tag = "sensors",
    params(("node" = String, Path, description = "the node's name"), SensorQuery),
    responses((status = 200, body = SensorPolicy),
        (status = 304, description = "as the mark in `If-None-Match` says")))]
pub(crate) async fn policy(
    State(app): Shared,
    access: Access,
    Path(node): Path<String>,
    Query(query): Query<SensorQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let environment = of_sensor(&app, &access, &node, query).await?;
    let policy = app.sensors.policy(&app, &environment).await?;
    let tag = format!("\"{}\"", policy.wire.mark);
    let known = headers.get(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(&policy.wire).into_response()
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Sensors on nodes, and how each is.
#[utoipa::path(get, path = "/sensors", tag = "sensors", params(SensorQuery),
    responses((status = 200, body = Vec<Sensor>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<SensorQuery>,
) -> Result<Json<Vec<Sensor>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let environments = app.store.environment_names(&scope).await?;
    let marks = app.sensors.marks(&app, environments).await?;
    let mut all = app.sensors.all(&judge(&app, &marks));
    all.retain(|sensor| marks.contains_key(&sensor.environment));
    Ok(Json(all))
}

/// One sensor: what it last told, the last hour, and what it lost. Where
/// several environments have one of this name, say which.
#[utoipa::path(get, path = "/sensors/{node}", tag = "sensors",
    params(("node" = String, Path, description = "the node's name"), SensorQuery),
    responses((status = 200, body = SensorDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(node): Path<String>,
    Query(query): Query<SensorQuery>,
) -> Result<Json<SensorDetail>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let reachable = app.store.environment_names(&scope).await?;
    let of_that_name = app.sensors.environments_of(&node);
    let environment = of_that_name
        .into_iter()
        .find(|name| reachable.contains(name))
        .ok_or_else(|| ApiError::not_found("sensor"))?;
    let marks = app.sensors.marks(&app, [environment.clone()]).await?;
    let (sensor, status, history) = app
        .sensors
        .one(&environment, &node, &judge(&app, &marks))
        .ok_or_else(|| ApiError::not_found("sensor"))?;
    let gaps = app.store.sensor_gaps(&scope, &environment, &node).await?;
    let loss = |(received, gap): (jiff::Timestamp, store::SensorGap)| SensorLoss {
        received,
        gap: SensorGap {
            stage: gap.stage,
            class: gap.class,
            reason: gap.reason,
            count: gap.count,
            from: gap.from,
            to: gap.to,
        },
    };
    Ok(Json(SensorDetail {
        sensor,
        status,
        history,
        gaps: gaps.into_iter().map(loss).collect(),
    }))
}

/// Forget a sensor whose node is gone for good. One that tells of itself
/// again is there again.
#[utoipa::path(delete, path = "/sensors/{node}", tag = "sensors",
    params(("node" = String, Path, description = "the node's name"), SensorQuery),
    responses((status = 204, description = "forgotten")))]
pub(crate) async fn forget(
    State(app): Shared,
    access: Access,
    Path(node): Path<String>,
    Query(query): Query<SensorQuery>,
) -> Result<StatusCode, ApiError> {
    let environment = query
        .environment
        .unwrap_or_else(|| access.own_environment(Permission::Configure));
    access.require_in(&environment)?;
    access.scope(&app, Some(&environment)).await?;
    // One that only memory knows is written first, and so found.
    sensors::save(&app, true).await?;
    let author = access.author(&app);
    let is_gone = app.store.forget_sensor(author, &environment, &node).await?;
    if !is_gone {
        return Err(ApiError::not_found("sensor"));
    }
    app.sensors.forget(&environment, &node);
    app.bus.publish(&api::Event::Sensors { environment });
    Ok(StatusCode::NO_CONTENT)
}

/// The environment a sensor speaks for, which must be there.
async fn of_sensor(
    app: &App,
    access: &Access,
    node: &str,
    query: SensorQuery,
) -> Result<String, ApiError> {
    let environment = query
        .environment
        .unwrap_or_else(|| access.own_environment(Permission::Ingest));
    access.require_in(&environment)?;
    access.scope(app, Some(&environment)).await?;
    if !is_name(node) {
        let told = format!("expected 1 to {MAX_NAME} bytes on one line, without '/'");
        return Err(ApiError::invalid("node", told));
    }
    Ok(environment)
}

/// By what sensors are judged now.
pub(crate) fn judge<'a>(
    app: &App,
    marks: &'a std::collections::HashMap<String, String>,
) -> Judge<'a> {
    Judge {
        now: app.clock.now(),
        patience: SignedDuration::try_from(app.config.sensor.silent_after.0)
            .unwrap_or(SignedDuration::MAX),
        started: app.started,
        marks,
    }
}

fn too_large(told: String) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", told)
}

async fn read_body<T: DeserializeOwned>(body: Body, most: usize) -> Result<T, ApiError> {
    let bytes = body::to_bytes(body, most)
        .await
        .map_err(|_longer| too_large(format!("more than {most} bytes at once")))?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::invalid("body", error.to_string()))
}

/// Cuts a status to what is kept.
fn bound(status: &mut SensorStatus) {
    status.features.truncate(MAX_LISTED);
    status.classes.truncate(MAX_LISTED);
    status.containers.truncate(MAX_LISTED);
    status.notes.truncate(50);
    let texts = [
        &mut status.version,
        &mut status.kernel,
        &mut status.architecture,
        &mut status.os,
    ];
    for text in texts.into_iter().chain(&mut status.notes) {
        *text = sensor::clean(text, 500);
    }
}
