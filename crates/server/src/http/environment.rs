//! Environments, and the demonstration one.

use api::{Environment, environment::DemoStarted};
use axum::{Json, extract::State, http::StatusCode};

use super::{Shared, error::ApiError};

/// All environments.
#[utoipa::path(get, path = "/environments", tag = "environments",
    responses((status = 200, body = Vec<Environment>)))]
pub(crate) async fn list(State(_app): Shared) -> Result<Json<Vec<Environment>>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// Add the demonstration environment: made-up images, really built and
/// really scanned.
#[utoipa::path(post, path = "/demo", tag = "environments",
    responses((status = 202, body = DemoStarted, description = "started")))]
pub(crate) async fn add_demo(
    State(_app): Shared,
) -> Result<(StatusCode, Json<DemoStarted>), ApiError> {
    Err(ApiError::not_found("x"))
}

/// Remove the demonstration environment and every row of it.
#[utoipa::path(delete, path = "/demo", tag = "environments",
    responses((status = 204, description = "removed")))]
pub(crate) async fn remove_demo(State(_app): Shared) -> Result<(), ApiError> {
    Err(ApiError::not_found("x"))
}
