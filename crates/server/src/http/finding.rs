//! Findings, across images.

use api::{Facets, Finding, Page, finding::FindingQuery, overview::OverviewQuery};
use axum::{
    Json,
    extract::{Query, State},
};

use super::{Shared, error::ApiError};

/// Findings of every image.
#[utoipa::path(get, path = "/findings", tag = "findings", params(FindingQuery),
    responses((status = 200, body = Page<Finding>)))]
pub(crate) async fn list(
    State(_app): Shared,
    Query(_query): Query<FindingQuery>,
) -> Result<Json<Page<Finding>>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// What the list of findings can be narrowed to.
#[utoipa::path(get, path = "/findings/facets", tag = "findings", params(OverviewQuery),
    responses((status = 200, body = Facets)))]
pub(crate) async fn facets(
    State(_app): Shared,
    Query(_query): Query<OverviewQuery>,
) -> Result<Json<Facets>, ApiError> {
    Err(ApiError::not_found("x"))
}
