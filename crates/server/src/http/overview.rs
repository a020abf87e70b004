//! How things stand, and what happened.

use api::{Change, Overview, Page, change::ChangeQuery, overview::OverviewQuery};
use axum::{
    Json,
    extract::{Query, State},
};

use super::{Shared, error::ApiError};

/// How things stand, and what to do first.
#[utoipa::path(get, path = "/overview", tag = "overview", params(OverviewQuery),
    responses((status = 200, body = Overview)))]
pub(crate) async fn read(
    State(_app): Shared,
    Query(_query): Query<OverviewQuery>,
) -> Result<Json<Overview>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// What happened, newest first.
#[utoipa::path(get, path = "/changes", tag = "overview", params(ChangeQuery),
    responses((status = 200, body = Page<Change>)))]
pub(crate) async fn changes(
    State(_app): Shared,
    Query(_query): Query<ChangeQuery>,
) -> Result<Json<Page<Change>>, ApiError> {
    Err(ApiError::not_found("x"))
}
