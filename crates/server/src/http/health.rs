//! Whether the server lives, and its numbers.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Shared, error::ApiError};
use crate::metrics::Gauges;

/// The process answers.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// The database answers too.
pub(crate) async fn ready(State(app): Shared) -> Result<&'static str, ApiError> {
    app.store.environments().await.map_err(|error| {
        tracing::error!(error = %model::error::chain(&error), "not ready");
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            "the database does not answer",
        )
    })?;
    Ok("ready\n")
}

/// The server's numbers, for Prometheus.
pub(crate) async fn metrics(State(app): Shared) -> Result<Response, ApiError> {
    let scope = app.store.scope(None).await?;
    let totals = app.store.totals(&scope).await?;
    let (mut pending, mut dead, mut lag) = (0, 0, 0);
    let now = app.clock.now();
    for sink in app.store.sinks().await? {
        let queue = app.store.sink_queue(&sink).await?;
        pending += queue.pending;
        dead += queue.dead;
        let waits = queue.oldest.map(|oldest| now.duration_since(oldest));
        lag = lag.max(waits.map_or(0, |wait| wait.as_secs().try_into().unwrap_or(0)));
    }
    let spool = app.inbox.spool_health();
    let gauges = Gauges {
        audit_spool_bytes: spool.room.used,
        audit_spool_waiting: spool.room.waiting,
        audit_lag_seconds: spool.lag.as_secs(),
        deliveries_pending: pending,
        deliveries_given_up: dead,
        delivery_lag_seconds: lag,
        images: totals.images + totals.machines + totals.sboms,
        findings_open: totals.findings.total(),
        scans_active: super::scan::active(&app, &scope).await?.total,
        scans_given_up: app.store.queue_counts(&scope).await?.dead,
        advisories: app.database.advisories().status().advisories,
        event_listeners: app.bus.listeners() as u64,
    };
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        app.metrics.text(&gauges),
    )
        .into_response())
}
