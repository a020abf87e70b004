//! One search box over everything.

use api::{SearchResults, package::PackageUse, search::SearchQuery};
use axum::{Json, extract::State};
use store::{ImageFilter, ImageSort, PageRequest, VulnerabilityFilter, VulnerabilitySort};

use super::{Shared, access::Access, error::ApiError, image, query::Query, vulnerability};

const MAX_LIMIT: u32 = 50;
const DEFAULT_LIMIT: u32 = 8;

/// Images, vulnerabilities and packages that match.
#[utoipa::path(get, path = "/search", tag = "search", params(SearchQuery),
    responses((status = 200, body = SearchResults)))]
pub(crate) async fn search(
    State(app): Shared,
    access: Access,
    Query(query): Query<SearchQuery>,
) -> Result<Json<SearchResults>, ApiError> {
    let text = query.q.trim();
    if text.chars().count() < 2 || text.len() > 200 {
        return Err(ApiError::invalid("q", "expected 2 to 200 characters"));
    }
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid(
            "limit",
            format!("expected 1 to {MAX_LIMIT}"),
        ));
    }
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = PageRequest::first(limit);
    let images = ImageFilter {
        text: Some(text.to_owned()),
        ..ImageFilter::default()
    };
    let images = app
        .store
        .images(&scope, &images, ImageSort::Severity, &page)
        .await?;
    let vulnerabilities = VulnerabilityFilter {
        text: Some(text.to_owned()),
        ..VulnerabilityFilter::default()
    };
    let vulnerabilities = app
        .store
        .vulnerabilities(&scope, &vulnerabilities, VulnerabilitySort::Severity, &page)
        .await?;
    let packages = app.store.find_packages(&scope, text, limit).await?;
    Ok(Json(SearchResults {
        images: image::wire_all(&app, &scope, images.items).await?,
        vulnerabilities: vulnerabilities
            .items
            .into_iter()
            .map(vulnerability::wire)
            .collect(),
        packages: packages
            .into_iter()
            .map(|package| PackageUse {
                kind: package.kind.into(),
                name: package.name,
                version: package.version,
                purl: package.purl,
                images: package.images,
            })
            .collect(),
    }))
}
