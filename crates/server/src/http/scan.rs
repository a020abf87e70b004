//! Scans: asking for one, watching it, stopping it.

use std::str::FromStr as _;

use api::{
    Page, Scan, ScanState,
    scan::{NewScan, RegistryRef, ScanError, ScanOutcome, ScanQuery, ScanTrigger},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use store::{PageRequest, ScanEnd, ScanFilter, ScanOrigin, Scope};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    image,
    query::{self, Body, Query},
    severity,
};
use crate::{
    app::{App, LOCAL},
    work::{engine::Target, queue},
};

/// The longest target that is read.
const MAX_TARGET: usize = 1024;
/// Active scans shown at once.
const ACTIVE: u32 = 20;

pub(crate) fn trigger(origin: ScanOrigin) -> ScanTrigger {
    match origin {
        ScanOrigin::User => ScanTrigger::User,
        ScanOrigin::Start => ScanTrigger::Start,
        ScanOrigin::Schedule => ScanTrigger::Schedule,
        ScanOrigin::Demo => ScanTrigger::Demo,
        ScanOrigin::Push => ScanTrigger::Push,
        ScanOrigin::Import => ScanTrigger::Import,
        ScanOrigin::RecentPull => ScanTrigger::RecentPull,
        ScanOrigin::Running => ScanTrigger::Running,
        ScanOrigin::Admission => ScanTrigger::Admission,
        ScanOrigin::Advisory => ScanTrigger::Advisory,
        ScanOrigin::Ci => ScanTrigger::Ci,
    }
}

pub(crate) fn state(state: store::ScanState) -> ScanState {
    match state {
        store::ScanState::Queued => ScanState::Queued,
        store::ScanState::Running => ScanState::Running,
        store::ScanState::Done => ScanState::Done,
        store::ScanState::Failed => ScanState::Failed,
        store::ScanState::Cancelled => ScanState::Cancelled,
    }
}

pub(crate) fn wire(app: &App, scan: store::Scan) -> Scan {
    Scan {
        progress: app.queue.progress(&scan.id),
        id: scan.id,
        environment: scan.environment,
        target: scan.target,
        name: scan.name,
        platform: scan.platform,
        trigger: trigger(scan.origin),
        state: state(scan.state),
        error: scan.error.map(|message| ScanError {
            message,
            advice: scan.advice,
        }),
        created: scan.created,
        started: scan.started,
        finished: scan.finished,
        image: scan.image.as_ref().map(image::reference),
        digest: scan.digest,
        registry: scan.registry.map(|(id, name)| RegistryRef { id, name }),
        attempts: scan.attempts,
        next_try: scan.next_try,
        given_up: scan.dead,
        outcome: scan.outcome.map(|outcome| ScanOutcome {
            packages: outcome.packages,
            counts: severity::counts(outcome.counts),
            new: outcome.new,
            resolved: outcome.resolved,
            warnings: outcome.warnings,
        }),
    }
}

pub(crate) fn states(text: Option<&str>) -> Result<Vec<store::ScanState>, ApiError> {
    query::list("state", text, |word| {
        store::ScanState::parse(word).ok_or_else(|| {
            format!("unknown state '{word}' (expected queued, running, done, failed or cancelled)")
        })
    })
}

/// Scans queued or running, running ones first.
pub(crate) async fn active(app: &App, scope: &Scope) -> Result<store::Page<store::Scan>, ApiError> {
    let filter = ScanFilter {
        states: vec![store::ScanState::Queued, store::ScanState::Running],
        ..ScanFilter::default()
    };
    let mut page = app
        .store
        .scans(scope, &filter, &PageRequest::first(ACTIVE))
        .await?;
    page.items
        .sort_by_key(|scan| scan.state != store::ScanState::Running);
    Ok(page)
}

/// Scans, newest first.
#[utoipa::path(get, path = "/scans", tag = "scans", params(ScanQuery),
    responses((status = 200, body = Page<Scan>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<ScanQuery>,
) -> Result<Json<Page<Scan>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = ScanFilter {
        states: states(query.state.as_deref())?,
        image: None,
        origins: query::list("trigger", query.trigger.as_deref(), |word| {
            ScanOrigin::parse(word).ok_or_else(|| {
                let known = ScanOrigin::ALL.map(ScanOrigin::as_str).join(", ");
                format!("unknown trigger '{word}' (expected {known})")
            })
        })?,
        dead: query.given_up.unwrap_or_default(),
        registry: query.registry,
    };
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = app.store.scans(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, |scan| wire(&app, scan))))
}

/// Ask for a scan. One that is already waiting for the same target is
/// answered instead of a second one.
#[utoipa::path(post, path = "/scans", tag = "scans", request_body = NewScan,
    responses((status = 202, body = Scan, description = "queued")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewScan>,
) -> Result<(StatusCode, Json<Scan>), ApiError> {
    access.require_in(LOCAL)?;
    let text = body.target.trim();
    if text.is_empty() || text.len() > MAX_TARGET {
        return Err(ApiError::invalid(
            "/target",
            format!("expected 1 to {MAX_TARGET} bytes"),
        ));
    }
    let target = Target::parse(text, &app.host)
        .map_err(|error| ApiError::invalid("/target", model::error::chain(&error)))?;
    if target.is_local_path() && !app.config.scan.local_paths {
        return Err(ApiError::forbidden(
            "local_paths_not_allowed",
            "this server does not scan files and folders of its machine; its operator can allow \
             it with scan.local_paths",
        ));
    }
    if let Some(platform) = &body.platform {
        model::Platform::from_str(platform)
            .map_err(|error| ApiError::invalid("/platform", error.to_string()))?;
    }
    let scan = store::NewScan {
        environment: LOCAL.to_owned(),
        target: target.canonical(),
        name: target.name.clone(),
        platform: body.platform,
        origin: ScanOrigin::User,
        created: app.clock.now(),
        reason: format!("{} asked for it", access.actor.name),
        ..store::NewScan::default()
    };
    let scan = queue::ask(&app, scan).await?;
    Ok((StatusCode::ACCEPTED, Json(wire(&app, scan))))
}

async fn find(app: &App, access: &Access, id: &str) -> Result<store::Scan, ApiError> {
    let scope = access.scope(app, None).await?;
    app.store
        .scan(&scope, id)
        .await?
        .ok_or_else(|| ApiError::not_found("scan"))
}

/// One scan.
#[utoipa::path(get, path = "/scans/{id}", tag = "scans",
    params(("id" = String, Path, description = "the scan's id")),
    responses((status = 200, body = Scan)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Scan>, ApiError> {
    let scan = find(&app, &access, &id).await?;
    Ok(Json(wire(&app, scan)))
}

/// Stop a scan that is queued or running.
#[utoipa::path(delete, path = "/scans/{id}", tag = "scans",
    params(("id" = String, Path, description = "the scan's id")),
    responses((status = 202, body = Scan, description = "stopping"),
        (status = 409, description = "it has already ended")))]
pub(crate) async fn cancel(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Scan>), ApiError> {
    let scan = find(&app, &access, &id).await?;
    match scan.state {
        // A running scan's worker writes down the end when it gets there.
        store::ScanState::Running if app.queue.cancel(&id) => {}
        store::ScanState::Queued | store::ScanState::Running => {
            queue::end_scan(&app, &id, ScanEnd::Cancelled).await;
        }
        store::ScanState::Done | store::ScanState::Failed | store::ScanState::Cancelled => {
            return Err(ApiError::conflict(
                "scan_ended",
                "this scan has already ended",
            ));
        }
    }
    let scan = find(&app, &access, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(wire(&app, scan))))
}
