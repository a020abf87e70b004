//! The queue of scans as a whole, why images were looked at, and reports
//! that pipelines hand in.

use api::{
    queue::{
        HeldRegistry, NewReport, QueueQuery, ReportReceipt, Revived, ScanQueue, ScanQueueLine,
        TimelineEntry, TimelineKind, TimelineQuery,
    },
    scan::{RegistryRef, ScanOutcome},
};
use axum::{
    Json,
    body::Body as RawBody,
    extract::{Path, State},
    http::StatusCode,
};
use model::{Permission, TargetKind};
use store::{ImageEntry, NewImageEvent, ScanOrigin};

use super::{Shared, access::Access, error::ApiError, image, query::Query, scan, severity, trust};
use crate::{
    app::App,
    work::{engine, queue},
};

const DEFAULT_ENTRIES: u32 = 100;
const MOST_ENTRIES: u32 = 500;
/// The largest report that is read.
const MAX_REPORT: usize = 64 << 20;
const MAX_TEXT: usize = 500;

/// What waits to be scanned, why, and what was given up.
#[utoipa::path(get, path = "/queue", tag = "scans", params(QueueQuery),
    responses((status = 200, body = ScanQueue)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<QueueQuery>,
) -> Result<Json<ScanQueue>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let counts = app.store.queue_counts(&scope).await?;
    let now = app.clock.now();
    let held = app.store.registries(&scope).await?.into_iter();
    let held = held.filter_map(|registry| {
        let until = registry.hold_until.filter(|until| *until > now)?;
        Some(HeldRegistry {
            registry: RegistryRef {
                id: registry.id,
                name: registry.name,
            },
            until,
        })
    });
    Ok(Json(ScanQueue {
        queued: counts.counts.iter().map(|count| count.queued).sum(),
        running: counts.counts.iter().map(|count| count.running).sum(),
        given_up: counts.dead,
        oldest: counts.oldest,
        lines: counts
            .counts
            .into_iter()
            .map(|count| ScanQueueLine {
                trigger: scan::trigger(count.origin),
                registry: count.registry.map(|(id, name)| RegistryRef { id, name }),
                queued: count.queued,
                running: count.running,
                retrying: count.retrying,
            })
            .collect(),
        held: held.collect(),
    }))
}

/// Queue everything anew that was given up.
#[utoipa::path(post, path = "/queue/retry", tag = "scans", params(QueueQuery),
    responses((status = 200, body = Revived)))]
pub(crate) async fn retry_all(
    State(app): Shared,
    access: Access,
    Query(query): Query<QueueQuery>,
) -> Result<Json<Revived>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let revived = app
        .store
        .revive_scans(&scope, None, app.clock.now())
        .await?;
    tell(&app, &revived).await?;
    Ok(Json(Revived {
        scans: revived.len() as u64,
    }))
}

/// Queue one scan anew that failed.
#[utoipa::path(post, path = "/scans/{id}/retry", tag = "scans",
    params(("id" = String, Path, description = "the scan's id")),
    responses((status = 202, body = api::Scan),
        (status = 409, description = "it did not fail, or the same target waits already")))]
pub(crate) async fn retry(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<api::Scan>), ApiError> {
    let scope = access.scope(&app, None).await?;
    if app.store.scan(&scope, &id).await?.is_none() {
        return Err(ApiError::not_found("scan"));
    }
    let now = app.clock.now();
    let revived = app.store.revive_scans(&scope, Some(&id), now).await?;
    if revived.is_empty() {
        return Err(ApiError::conflict(
            "not_failed",
            "this scan did not fail, or its target waits already",
        ));
    }
    tell(&app, &revived).await?;
    let found = app.store.scan(&scope, &id).await?;
    let found = found.ok_or_else(|| ApiError::not_found("scan"))?;
    Ok((StatusCode::ACCEPTED, Json(scan::wire(&app, found))))
}

async fn tell(app: &App, revived: &[String]) -> Result<(), ApiError> {
    let scope = app.store.scope(None).await?;
    for id in revived.iter().take(MOST_ENTRIES as usize) {
        if let Some(scan) = app.store.scan(&scope, id).await? {
            queue::tell(app, &scan);
        }
    }
    queue::ring(app);
    Ok(())
}

/// What happened to an image, newest first: why it was looked at, what
/// the looks found, and what changed.
#[utoipa::path(get, path = "/images/{id}/timeline", tag = "images",
    params(("id" = String, Path, description = "the image's id"), TimelineQuery),
    responses((status = 200, body = Vec<TimelineEntry>)))]
pub(crate) async fn timeline(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<Vec<TimelineEntry>>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_ENTRIES);
    if !(1..=MOST_ENTRIES).contains(&limit) {
        return Err(ApiError::invalid(
            "limit",
            format!("expected 1 to {MOST_ENTRIES}"),
        ));
    }
    let scope = access.scope(&app, None).await?;
    let events = app
        .store
        .image_timeline(&scope, &id, query.before, limit)
        .await?
        .ok_or_else(|| ApiError::not_found("image"))?;
    let wire = |event: store::ImageEvent| TimelineEntry {
        time: event.time,
        what: match event.entry {
            ImageEntry::Cause {
                cause,
                reason,
                source,
                scan,
            } => TimelineKind::Trigger {
                trigger: scan::trigger(cause),
                reason,
                source,
                scan,
            },
            ImageEntry::Scan {
                id,
                state,
                outcome,
                error,
            } => TimelineKind::Scan {
                scan: id,
                state: scan::state(state),
                outcome: outcome.map(|outcome| ScanOutcome {
                    packages: outcome.packages,
                    counts: severity::counts(outcome.counts),
                    new: outcome.new,
                    resolved: outcome.resolved,
                    warnings: outcome.warnings,
                }),
                error,
            },
            ImageEntry::Change {
                summary,
                new,
                resolved,
            } => TimelineKind::Change {
                summary,
                new: severity::counts(new),
                resolved,
            },
            ImageEntry::Trust {
                policy,
                verdict,
                signer,
                reason,
            } => TimelineKind::Trust {
                policy,
                verdict: trust::verdict(verdict),
                signer,
                reason,
            },
        },
    };
    Ok(Json(events.into_iter().map(wire).collect()))
}

/// Hand in what a pipeline read: the bill of materials of its report is
/// kept, and what is vulnerable in it is decided here.
#[utoipa::path(post, path = "/reports", tag = "images", request_body = NewReport,
    responses((status = 201, body = ReportReceipt)))]
pub(crate) async fn take(
    State(app): Shared,
    access: Access,
    body: RawBody,
) -> Result<(StatusCode, Json<ReportReceipt>), ApiError> {
    let bytes = axum::body::to_bytes(body, MAX_REPORT)
        .await
        .map_err(|_larger| {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("a report has at most {MAX_REPORT} bytes"),
            )
        })?;
    let read = engine::blocking(move || -> Result<_, serde_json::Error> {
        let body: NewReport = serde_json::from_slice(&bytes)?;
        let mut report: model::Report = serde_json::from_value(body.report)?;
        // Whoever hands it in says what is shown of a secret: no value
        // may be in it.
        if let Some(secrets) = &mut report.sbom.secrets {
            secrets.retain(model::FoundSecret::is_sound);
        }
        if let Some(malware) = &mut report.sbom.malware {
            malware.retain(model::malware::FoundMalware::is_sound);
        }
        Ok((body.environment, body.pipeline, report))
    })
    .await;
    let (environment, pipeline, report) =
        read.map_err(|error| ApiError::invalid("/report", error.to_string()))?;
    let environment = environment.unwrap_or_else(|| access.own_environment(Permission::Ingest));
    access.require_in(&environment)?;
    let pipeline = short(&pipeline.unwrap_or_default());
    let mut target = report.target;
    target.name = short(&target.name);
    if target.name.is_empty() {
        return Err(ApiError::invalid("/report/target/name", "it names nothing"));
    }
    if target.kind == TargetKind::Rootfs {
        return Err(ApiError::invalid(
            "/report/target/kind",
            "machines are read where they are; images and bills of materials may be handed in",
        ));
    }
    let asked = format!("ci:{}", target.name);
    let assessment = queue::assess(&app, &environment, target, asked, report.sbom, true).await;
    let outcome = app.store.put_report(&environment, assessment).await?;
    let reason = if pipeline.is_empty() {
        format!("{} handed it in", access.actor.name)
    } else {
        format!("read in {pipeline}")
    };
    let event = NewImageEvent {
        image: outcome.image.id.clone(),
        time: app.clock.now(),
        cause: ScanOrigin::Ci,
        reason,
        source: None,
    };
    app.store.note_image_events(vec![event]).await?;
    app.bus.publish(&api::Event::Image {
        image: image::reference(&outcome.image),
    });
    app.posture.ring_read();
    app.running.ring();
    let receipt = ReportReceipt {
        image: image::reference(&outcome.image),
        packages: outcome.packages,
        counts: severity::counts(outcome.counts),
        new: outcome.new.total(),
        resolved: outcome.resolved,
    };
    Ok((StatusCode::CREATED, Json(receipt)))
}

fn short(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(MAX_TEXT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_for_people_is_one_short_line() {
        assert_eq!(short("a\nb"), "ab");
        assert_eq!(short(&"x".repeat(900)).len(), MAX_TEXT);
    }
}
