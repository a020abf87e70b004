//! One search box over everything.

use api::{SearchResults, search::SearchQuery};
use axum::{
    Json,
    extract::{Query, State},
};

use super::{Shared, error::ApiError};

/// Images, vulnerabilities and packages that match.
#[utoipa::path(get, path = "/search", tag = "search", params(SearchQuery),
    responses((status = 200, body = SearchResults)))]
pub(crate) async fn search(
    State(_app): Shared,
    Query(_query): Query<SearchQuery>,
) -> Result<Json<SearchResults>, ApiError> {
    Err(ApiError::not_found("x"))
}
