//! Scans: asking for one, watching it, stopping it.

use api::{
    Page, Scan,
    scan::{NewScan, ScanQuery},
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};

use super::{Shared, error::ApiError};

/// Scans, newest first.
#[utoipa::path(get, path = "/scans", tag = "scans", params(ScanQuery),
    responses((status = 200, body = Page<Scan>)))]
pub(crate) async fn list(
    State(_app): Shared,
    Query(_query): Query<ScanQuery>,
) -> Result<Json<Page<Scan>>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// Ask for a scan. One that is already waiting for the same target is
/// answered instead of a second one.
#[utoipa::path(post, path = "/scans", tag = "scans", request_body = NewScan,
    responses((status = 202, body = Scan, description = "queued")))]
pub(crate) async fn create(
    State(_app): Shared,
    Json(_body): Json<NewScan>,
) -> Result<(StatusCode, Json<Scan>), ApiError> {
    Err(ApiError::not_found("x"))
}

/// One scan.
#[utoipa::path(get, path = "/scans/{id}", tag = "scans",
    params(("id" = String, Path, description = "the scan's id")),
    responses((status = 200, body = Scan)))]
pub(crate) async fn read(
    State(_app): Shared,
    Path(_id): Path<String>,
) -> Result<Json<Scan>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// Stop a scan that is queued or running.
#[utoipa::path(delete, path = "/scans/{id}", tag = "scans",
    params(("id" = String, Path, description = "the scan's id")),
    responses((status = 202, body = Scan, description = "stopping"),
        (status = 409, description = "it has already ended")))]
pub(crate) async fn cancel(
    State(_app): Shared,
    Path(_id): Path<String>,
) -> Result<(StatusCode, Json<Scan>), ApiError> {
    Err(ApiError::not_found("x"))
}
