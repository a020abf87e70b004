//! The advisory database.

use api::Database;
use axum::{Json, body::Body, extract::State, http::StatusCode};

use super::{Shared, error::ApiError};

/// What the advisory database knows and what is being done to it.
#[utoipa::path(get, path = "/database", tag = "database",
    responses((status = 200, body = Database)))]
pub(crate) async fn read(State(_app): Shared) -> Result<Json<Database>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// Bring it up to date from its source, in the background.
#[utoipa::path(post, path = "/database/update", tag = "database",
    responses((status = 202, body = Database, description = "started"),
        (status = 409, description = "an update or import is running")))]
pub(crate) async fn update(State(_app): Shared) -> Result<(StatusCode, Json<Database>), ApiError> {
    Err(ApiError::not_found("x"))
}

/// Import a file: a zip of OSV records or a bundle made by
/// `seawall db export`. The body is the file itself.
#[utoipa::path(post, path = "/database/import", tag = "database",
    request_body(content_type = "application/octet-stream", description = "the file"),
    responses((status = 202, body = Database, description = "received; importing"),
        (status = 409, description = "an update or import is running"),
        (status = 413, description = "the file is too large")))]
pub(crate) async fn import(
    State(_app): Shared,
    _body: Body,
) -> Result<(StatusCode, Json<Database>), ApiError> {
    Err(ApiError::not_found("x"))
}
