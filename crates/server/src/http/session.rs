//! Signing in and out.

use api::session::{Session, SignIn};
use axum::{Json, extract::State};

use super::{Shared, error::ApiError};

/// The current session.
#[utoipa::path(get, path = "/session", tag = "session",
    responses((status = 200, body = Session)))]
pub(crate) async fn read(State(_app): Shared) -> Result<Json<Session>, ApiError> {
    Err(ApiError::not_signed_in())
}

/// Sign in: exchange a one-time link's token for a session cookie.
#[utoipa::path(post, path = "/session", tag = "session", security(()),
    request_body = SignIn,
    responses((status = 200, body = Session, description = "signed in; sets the cookie")))]
pub(crate) async fn sign_in(
    State(_app): Shared,
    Json(_body): Json<SignIn>,
) -> Result<Json<Session>, ApiError> {
    Err(ApiError::not_signed_in())
}

/// Sign out.
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = 204, description = "signed out; clears the cookie")))]
pub(crate) async fn sign_out(State(_app): Shared) -> Result<(), ApiError> {
    Err(ApiError::not_signed_in())
}
