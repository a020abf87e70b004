//! Images and what is in them.

use std::collections::HashMap;

use api::{
    Facets, Finding, Image, ImageDetail, ImageRef, InUse, Layers, Package, Page, Scan,
    finding::FindingQuery,
    image::{ImagePackageQuery, ImageQuery, ImageSort, ReportFormat, ReportQuery},
    layer::LayerTotals,
    overview::OverviewQuery,
    scan::ScanQuery,
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use store::{FindingColumn, ImageColumn, ImageFilter, ImageKey, PackageFilter, ScanFilter, Scope};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    finding, overview,
    query::{self, Query},
    scan, severity, trust, work_list,
};
use crate::{
    app::App,
    work::{engine, queue},
};

/// The most upgrades shown beside one image.
const FIXES: u32 = 10;

pub(crate) fn reference(key: &ImageKey) -> ImageRef {
    ImageRef {
        id: key.id.clone(),
        environment: key.environment.clone(),
        kind: key.kind.into(),
        name: key.name.clone(),
    }
}

/// Images as they go out, each with the number of containers that run it.
pub(crate) async fn wire_all(
    app: &App,
    scope: &Scope,
    images: Vec<store::Image>,
) -> Result<Vec<Image>, ApiError> {
    let running = app.store.running_images(scope).await?;
    Ok(images
        .into_iter()
        .map(|image| wire(image, &running))
        .collect())
}

fn wire(image: store::Image, running: &HashMap<String, u64>) -> Image {
    let running = running.get(&image.key.id).copied().unwrap_or_default();
    Image {
        id: image.key.id,
        environment: image.key.environment,
        kind: image.key.kind.into(),
        name: image.key.name,
        digest: image.digest,
        config_digest: image.config_digest,
        tags: image.tags,
        platform: image.platform,
        os: image.os.map(Into::into),
        layers: image.layers,
        size_bytes: image.size_bytes,
        packages: image.packages,
        counts: severity::counts(image.counts),
        fixable: image.fixable,
        kev: image.kev,
        suppressed: image.suppressed,
        partial: image.warnings > 0,
        warnings: image.warnings,
        starter_only: image.starter_only,
        first_scanned: image.first_scanned,
        last_scanned: image.last_scanned,
        assessed: image.assessed,
        running,
        scanning: image.scanning,
        last_error: image.last_error,
    }
}

pub(crate) async fn find(app: &App, scope: &Scope, id: &str) -> Result<store::Image, ApiError> {
    app.store
        .image(scope, id)
        .await?
        .ok_or_else(|| ApiError::not_found("image"))
}

/// Every scanned target.
#[utoipa::path(get, path = "/images", tag = "images", params(ImageQuery),
    responses((status = 200, body = Page<Image>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<ImageQuery>,
) -> Result<Json<Page<Image>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = ImageFilter {
        text: query::text(query.q),
        kinds: query::list("kind", query.kind.as_deref(), |word| match word {
            "image" => Ok(model::TargetKind::Image),
            "rootfs" => Ok(model::TargetKind::Rootfs),
            "sbom" => Ok(model::TargetKind::Sbom),
            _ => Err(format!(
                "unknown kind '{word}' (expected image, rootfs or sbom)"
            )),
        })?,
        severities: query::words("severity", query.severity.as_deref())?,
        partial: query.partial,
        failed: None,
        fixable: query.fixable,
        package: query.package,
        vulnerability: query.vulnerability,
    };
    let sort = match query.sort.unwrap_or_default() {
        ImageSort::Severity => store::ImageSort::Severity,
        ImageSort::Name => store::ImageSort::Name,
        ImageSort::NameDescending => store::ImageSort::NameDescending,
        ImageSort::Newest => store::ImageSort::Newest,
        ImageSort::Oldest => store::ImageSort::Oldest,
        ImageSort::Packages => store::ImageSort::Packages,
    };
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = app.store.images(&scope, &filter, sort, &request).await?;
    let running = app.store.running_images(&scope).await?;
    Ok(Json(query::wire(page, |image| wire(image, &running))))
}

/// What the list of images can be narrowed to.
#[utoipa::path(get, path = "/images/facets", tag = "images", params(OverviewQuery),
    responses((status = 200, body = Facets)))]
pub(crate) async fn facets(
    State(app): Shared,
    access: Access,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Facets>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let kinds = app.store.image_tallies(&scope, ImageColumn::Kind).await?;
    let environments = app
        .store
        .image_tallies(&scope, ImageColumn::Environment)
        .await?;
    let (severities, partial, fixable) = app.store.image_flags(&scope).await?;
    Ok(Json(Facets {
        facets: vec![
            severity::facet(severities),
            severity::tallied("kind", kinds),
            severity::flag("fixable", fixable),
            severity::flag("partial", partial),
            severity::tallied("environment", environments),
        ],
    }))
}

/// One image.
#[utoipa::path(get, path = "/images/{id}", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = ImageDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<ImageDetail>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let image = find(&app, &scope, &id).await?;
    let document = app
        .store
        .image_document(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("image"))?;
    let fixes = app.store.top_fixes(&scope, Some(&id), FIXES).await?;
    let running = app.store.running_images(&scope).await?;
    let signatures = match &image.digest {
        Some(digest) => {
            app.store
                .trust_of_digest(&image.key.environment, digest)
                .await?
        }
        None => Vec::new(),
    };
    let base = app.store.image_base(&scope, &id).await?;
    Ok(Json(ImageDetail {
        target: image.target.clone(),
        generation: image.generation.clone(),
        image: wire(image, &running),
        config: document.config.map(Into::into),
        warnings: document.warnings.into_iter().map(Into::into).collect(),
        top_fixes: fixes.into_iter().map(overview::top_fix).collect(),
        signatures: signatures.into_iter().map(trust::outcome).collect(),
        base: base.map(work_list::base),
    }))
}

/// Forget an image and all that is known of it.
#[utoipa::path(delete, path = "/images/{id}", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 204, description = "forgotten")))]
pub(crate) async fn delete(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let scope = access.scope(&app, None).await?;
    app.store
        .delete_image(&scope, &id, app.clock.now())
        .await?
        .ok_or_else(|| ApiError::not_found("image"))?;
    app.bus.publish(&api::Event::ImageRemoved { id });
    Ok(StatusCode::NO_CONTENT)
}

/// An image's findings.
#[utoipa::path(get, path = "/images/{id}/findings", tag = "images",
    params(("id" = String, Path, description = "the image's id"), FindingQuery),
    responses((status = 200, body = Page<Finding>)))]
pub(crate) async fn findings(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<FindingQuery>,
) -> Result<Json<Page<Finding>>, ApiError> {
    let scope = access.scope(&app, None).await?;
    find(&app, &scope, &id).await?;
    let query = FindingQuery {
        environment: None,
        image: Some(id),
        ..query
    };
    finding::page(&app, &access, query).await
}

/// What an image's findings can be narrowed to.
#[utoipa::path(get, path = "/images/{id}/findings/facets", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = Facets)))]
pub(crate) async fn finding_facets(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Facets>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let image = find(&app, &scope, &id).await?;
    let mut facets = Vec::new();
    for (field, column) in [
        ("severity", FindingColumn::Severity),
        ("kind", FindingColumn::Kind),
        ("fixable", FindingColumn::Fixable),
        ("layer", FindingColumn::Layer),
    ] {
        let tallies = app.store.finding_tallies(&scope, &id, column).await?;
        facets.push(severity::tallied(field, tallies));
    }
    facets.push(severity::flag("kev", image.kev));
    facets.push(severity::flag("suppressed", image.suppressed));
    Ok(Json(Facets { facets }))
}

/// An image's packages, by kind and name.
#[utoipa::path(get, path = "/images/{id}/packages", tag = "images",
    params(("id" = String, Path, description = "the image's id"), ImagePackageQuery),
    responses((status = 200, body = Page<Package>)))]
pub(crate) async fn packages(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<ImagePackageQuery>,
) -> Result<Json<Page<Package>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let scope = access.scope(&app, None).await?;
    find(&app, &scope, &id).await?;
    let filter = PackageFilter {
        text: query::text(query.q),
        kinds: query::package_kinds(query.kind.as_deref())?,
        layer: query.layer,
    };
    let page = app
        .store
        .image_packages(&scope, &id, &filter, &request)
        .await?;
    let now = app.clock.now();
    Ok(Json(query::wire(page, |one| package(one, now))))
}

fn package(package: store::InstalledPackage, now: Timestamp) -> Package {
    Package {
        kind: package.kind.into(),
        name: package.name,
        version: package.version,
        purl: package.purl,
        ecosystem: package.ecosystem,
        source: package.source,
        architecture: package.architecture,
        licenses: package.licenses,
        path: package.path,
        layer: package.layer,
        owned_by: package.owned_by,
        counts: severity::counts(package.counts),
        in_use: Some(InUse::at(package.in_use.judge(now), now)),
    }
}

/// An image's layers, lowest first, with what each brought.
#[utoipa::path(get, path = "/images/{id}/layers", tag = "images",
    params(("id" = String, Path, description = "the image's id")),
    responses((status = 200, body = Layers)))]
pub(crate) async fn layers(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Layers>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let (layers, unlayered) = app
        .store
        .layers(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("image"))?;
    Ok(Json(Layers {
        items: layers
            .into_iter()
            .map(|layer| api::Layer {
                index: layer.index,
                diff_id: layer.diff_id,
                digest: layer.digest,
                size_bytes: layer.size_bytes,
                created_by: layer.created_by,
                created: layer.created,
                shared_with: layer.shared_with,
                totals: totals(layer.totals),
            })
            .collect(),
        unlayered: totals(unlayered),
    }))
}

fn totals(totals: store::LayerTotals) -> LayerTotals {
    LayerTotals {
        packages: totals.packages,
        counts: severity::counts(totals.counts),
        fixable: totals.fixable,
    }
}

/// When an image was looked at, newest first.
#[utoipa::path(get, path = "/images/{id}/scans", tag = "images",
    params(("id" = String, Path, description = "the image's id"), ScanQuery),
    responses((status = 200, body = Page<Scan>)))]
pub(crate) async fn scans(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<ScanQuery>,
) -> Result<Json<Page<Scan>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let scope = access.scope(&app, None).await?;
    find(&app, &scope, &id).await?;
    let filter = ScanFilter {
        states: scan::states(query.state.as_deref())?,
        image: Some(id),
        ..ScanFilter::default()
    };
    let page = app.store.scans(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, |item| scan::wire(&app, item))))
}

/// An image's whole report as a file.
#[utoipa::path(get, path = "/images/{id}/report", tag = "images",
    params(("id" = String, Path, description = "the image's id"), ReportQuery),
    responses((status = 200, description = "the report, as an attachment",
        content((String = "application/json"), (String = "text/csv")))))]
pub(crate) async fn report(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, ApiError> {
    let scope = access.scope(&app, None).await?;
    let image = find(&app, &scope, &id).await?;
    let stored = app
        .store
        .sbom(&id)
        .await?
        .ok_or_else(|| ApiError::not_found("image"))?;
    let target = model::scan::Target {
        kind: stored.image.kind,
        name: stored.image.name.clone(),
    };
    let assessed = queue::assess(
        &app,
        &stored.image.environment,
        target,
        stored.target,
        stored.sbom,
        false,
    )
    .await;
    let (format, mime, extension) = match query.format.unwrap_or_default() {
        ReportFormat::Json => (report::Format::Json, "application/json", "json"),
        ReportFormat::Sarif => (report::Format::Sarif, "application/sarif+json", "sarif"),
        ReportFormat::Cyclonedx => (
            report::Format::Cyclonedx,
            "application/vnd.cyclonedx+json",
            "cdx.json",
        ),
        ReportFormat::Spdx => (report::Format::Spdx, "application/spdx+json", "spdx.json"),
        ReportFormat::Csv => (report::Format::Csv, "text/csv; charset=utf-8", "csv"),
    };
    let mut report = (*assessed.report).clone();
    report.scanned = image.last_scanned;
    let options = report::WriteOptions {
        width: None,
        color: false,
        hyperlinks: false,
        show_suppressed: true,
        list_packages: true,
        now: app.clock.now(),
        compare_versions: engine::COMPARE,
    };
    let bytes = engine::blocking(move || {
        let mut bytes = Vec::new();
        report::write(format, &report, &options, &mut bytes).map(|()| bytes)
    })
    .await
    .map_err(|error| ApiError::internal(&error))?;
    let disposition = format!(
        "attachment; filename=\"{}.{extension}\"",
        file_name(&image.key.name)
    );
    let mut response = ([(header::CONTENT_TYPE, mime)], bytes).into_response();
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A name made of what every file system and header takes.
fn file_name(name: &str) -> String {
    name.chars()
        .take(80)
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => character,
            _ => '_',
        })
        .collect()
}
