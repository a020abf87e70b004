//! Images and what is in them.

use api::{
    Facets, Finding, Image, ImageDetail, Layers, Package, Page, Scan,
    finding::FindingQuery,
    image::{ImagePackageQuery, ImageQuery, ReportQuery},
    overview::OverviewQuery,
    scan::ScanQuery,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    response::Response,
};

use super::{Shared, error::ApiError};

/// Every scanned target.
#[utoipa::path(get, path = "/images", tag = "images", params(ImageQuery),
    responses((status = 200, body = Page<Image>)))]
pub(crate) async fn list(
    State(_app): Shared,
    Query(_query): Query<ImageQuery>,
) -> Result<Json<Page<Image>>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// What the list of images can be narrowed to.
#[utoipa::path(get, path = "/images/facets", tag = "images", params(OverviewQuery),
    responses((status = 200, body = Facets)))]
pub(crate) async fn facets(
    State(_app): Shared,
    Query(_query): Query<OverviewQuery>,
) -> Result<Json<Facets>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// One image.
#[utoipa::path(get, path = "/images/{id}", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = ImageDetail)))]
pub(crate) async fn read(
    State(_app): Shared,
    Path(_id): Path<String>,
) -> Result<Json<ImageDetail>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// Forget an image and all that is known of it.
#[utoipa::path(delete, path = "/images/{id}", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 204, description = "forgotten")))]
pub(crate) async fn delete(State(_app): Shared, Path(_id): Path<String>) -> Result<(), ApiError> {
    Err(ApiError::not_found("x"))
}

/// An image's findings.
#[utoipa::path(get, path = "/images/{id}/findings", tag = "images",
    params(("id" = String, Path, description = "the image's id"), FindingQuery),
    responses((status = 200, body = Page<Finding>)))]
pub(crate) async fn findings(
    State(_app): Shared,
    Path(_id): Path<String>,
    Query(_query): Query<FindingQuery>,
) -> Result<Json<Page<Finding>>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// What an image's findings can be narrowed to.
#[utoipa::path(get, path = "/images/{id}/findings/facets", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = Facets)))]
pub(crate) async fn finding_facets(
    State(_app): Shared,
    Path(_id): Path<String>,
) -> Result<Json<Facets>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// An image's packages, by kind and name.
#[utoipa::path(get, path = "/images/{id}/packages", tag = "images",
    params(("id" = String, Path, description = "the image's id"), ImagePackageQuery),
    responses((status = 200, body = Page<Package>)))]
pub(crate) async fn packages(
    State(_app): Shared,
    Path(_id): Path<String>,
    Query(_query): Query<ImagePackageQuery>,
) -> Result<Json<Page<Package>>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// An image's layers, lowest first, with what each brought.
#[utoipa::path(get, path = "/images/{id}/layers", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = Layers)))]
pub(crate) async fn layers(
    State(_app): Shared,
    Path(_id): Path<String>,
) -> Result<Json<Layers>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// When an image was looked at, newest first.
#[utoipa::path(get, path = "/images/{id}/scans", tag = "images",
    params(("id" = String, Path, description = "the image's id"), ScanQuery),
    responses((status = 200, body = Page<Scan>)))]
pub(crate) async fn scans(
    State(_app): Shared,
    Path(_id): Path<String>,
    Query(_query): Query<ScanQuery>,
) -> Result<Json<Page<Scan>>, ApiError> {
    Err(ApiError::not_found("x"))
}

/// An image's whole report as a file.
#[utoipa::path(get, path = "/images/{id}/report", tag = "images",
    params(("id" = String, Path, description = "the image's id"), ReportQuery),
    responses((status = 200, description = "the report, as an attachment",
        content((String = "application/json"), (String = "text/csv")))))]
pub(crate) async fn report(
    State(_app): Shared,
    Path(_id): Path<String>,
    Query(_query): Query<ReportQuery>,
) -> Result<Response, ApiError> {
    Err(ApiError::not_found("x"))
}
