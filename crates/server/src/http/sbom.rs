//! Bills of materials: who has a package, what tells two images apart,
//! and documents brought in.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    Event, Page,
    sbom::{
        ChangedPackage, ComparedFinding, ComparedPackage, Holder, HolderPackage, HolderQuery,
        ImageComparison, ImageComparisonQuery, SbomImportQuery, SbomImported,
    },
};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
};
use model::{Digest, ImageIdentity, PackageKind, Sbom, TargetKind};
use store::{NewImageEvent, OpenVulnerability, ScanOrigin, Scope};
use tokio_stream::StreamExt as _;
use vulns::{Wanted, version::Relation};

use super::{
    Shared,
    access::Access,
    action::MAX_TEXT,
    error::ApiError,
    image::reference,
    query::{self, Query},
    severity,
};
use crate::{
    app::{App, LOCAL},
    work::{engine, queue},
};

/// The largest document that is taken.
const MAX_DOCUMENT: usize = 128 << 20;
/// Images of one page, and of one answer at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;

/// Who has a package: from the index in memory, by the ecosystem's own
/// order of versions.
#[utoipa::path(get, path = "/sboms/search", tag = "sboms", params(HolderQuery),
    responses((status = 200, body = Page<Holder>)))]
pub(crate) async fn search(
    State(app): Shared,
    access: Access,
    Query(asked): Query<HolderQuery>,
) -> Result<Json<Page<Holder>>, ApiError> {
    let Some(name) = query::text(Some(asked.name)) else {
        return Err(ApiError::invalid("name", "is empty: name a package"));
    };
    let wanted = Wanted {
        name,
        ecosystem: query::text(asked.ecosystem),
        versions: match query::text(asked.version) {
            Some(text) => {
                Relation::parse_all(&text).map_err(|reason| ApiError::invalid("version", reason))?
            }
            None => Vec::new(),
        },
    };
    let after: i64 = match asked.cursor {
        Some(cursor) => cursor
            .parse()
            .map_err(|_not_ours| ApiError::invalid("cursor", "is none of this list"))?,
        None => 0,
    };
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE) as usize;
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    app.holdings.refresh(&app.store).await?;
    let (mut images, packages) = {
        let (holdings, environments) = (app.holdings.clone(), scope.environments().to_vec());
        engine::blocking(move || {
            let kept = holdings.read();
            let images = kept.index.images_with(&wanted, &environments);
            (images, kept.index.find(&wanted))
        })
        .await
    };
    images.sort_unstable();
    let total = images.len() as u64;
    let start = images.partition_point(|image| *image <= after);
    let rest = images.get(start..).unwrap_or_default();
    let shown = rest.get(..limit).unwrap_or(rest);
    let more = rest.len() > shown.len();
    let holders = app.store.holders(&scope, shown, &packages).await?;
    Ok(Json(Page {
        items: holders.into_iter().map(wire).collect(),
        next_cursor: shown.last().filter(|_| more).map(ToString::to_string),
        total,
        total_capped: false,
    }))
}

fn wire(holder: store::Holder) -> Holder {
    Holder {
        image: reference(&holder.image),
        packages: holder
            .packages
            .into_iter()
            .map(|package| HolderPackage {
                kind: package.kind.into(),
                name: package.name,
                version: package.version,
                purl: package.purl,
                path: package.path,
            })
            .collect(),
    }
}

/// What tells one image from another: packages and open findings.
#[utoipa::path(get, path = "/images/{id}/comparison", tag = "sboms",
    params(("id" = String, Path, description = "the earlier image's id"), ImageComparisonQuery),
    responses((status = 200, body = ImageComparison)))]
pub(crate) async fn compare(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(asked): Query<ImageComparisonQuery>,
) -> Result<Json<ImageComparison>, ApiError> {
    let scope = access.scope(&app, None).await?;
    let before = looked_up(&app, &scope, &id).await?;
    let after = looked_up(&app, &scope, &asked.with).await?;
    let (added, removed, changed) = packages(&before.sbom, &after.sbom);
    let lost = findings(&before.open, &after.open);
    let gained = findings(&after.open, &before.open);
    Ok(Json(ImageComparison {
        before: before.image,
        after: after.image,
        added,
        removed,
        changed,
        gained,
        lost,
    }))
}

struct LookedUp {
    image: api::ImageRef,
    sbom: Sbom,
    open: BTreeSet<OpenVulnerability>,
}

async fn looked_up(app: &App, scope: &Scope, id: &str) -> Result<LookedUp, ApiError> {
    // In scope first: what is stored is asked for by id alone.
    let image = app.store.image(scope, id).await?;
    let image = image.ok_or_else(|| ApiError::not_found("image"))?;
    let stored = app.store.sbom(id).await?;
    let stored = stored.ok_or_else(|| ApiError::not_found("image"))?;
    let open = app.store.open_vulnerabilities(scope, id).await?;
    Ok(LookedUp {
        image: reference(&image.key),
        sbom: stored.sbom,
        open: open.into_iter().collect(),
    })
}

type ByName<'s> = BTreeMap<(PackageKind, &'s str), BTreeSet<&'s str>>;

fn by_name(sbom: &Sbom) -> ByName<'_> {
    let mut by_name = ByName::new();
    for package in &sbom.packages {
        let versions = by_name.entry((package.kind, &package.name)).or_default();
        versions.insert(&package.version);
    }
    by_name
}

fn packages(
    before: &Sbom,
    after: &Sbom,
) -> (
    Vec<ComparedPackage>,
    Vec<ComparedPackage>,
    Vec<ChangedPackage>,
) {
    let (before, after) = (by_name(before), by_name(after));
    let only = |one: &ByName<'_>, other: &ByName<'_>| {
        one.iter()
            .filter(|(key, _)| !other.contains_key(*key))
            .map(|((kind, name), versions)| ComparedPackage {
                kind: (*kind).into(),
                name: (*name).to_owned(),
                versions: owned(versions),
            })
            .collect()
    };
    let changed = before.iter().filter_map(|((kind, name), versions)| {
        let now = after.get(&(*kind, *name)).filter(|now| *now != versions)?;
        Some(ChangedPackage {
            kind: (*kind).into(),
            name: (*name).to_owned(),
            before: owned(versions),
            after: owned(now),
        })
    });
    (
        only(&after, &before),
        only(&before, &after),
        changed.collect(),
    )
}

fn owned(versions: &BTreeSet<&str>) -> Vec<String> {
    versions.iter().map(|&version| version.to_owned()).collect()
}

/// Vulnerabilities in packages that one has and the other has not, in
/// whatever version; worst first.
fn findings(
    one: &BTreeSet<OpenVulnerability>,
    other: &BTreeSet<OpenVulnerability>,
) -> Vec<ComparedFinding> {
    let known: BTreeSet<(&str, &str)> = other
        .iter()
        .map(|open| (open.vulnerability.as_str(), open.package.as_str()))
        .collect();
    let mut only: Vec<&OpenVulnerability> = one
        .iter()
        .filter(|open| !known.contains(&(open.vulnerability.as_str(), open.package.as_str())))
        .collect();
    only.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    only.into_iter()
        .map(|open| ComparedFinding {
            vulnerability: open.vulnerability.clone(),
            severity: open.severity.into(),
            package: open.package.clone(),
            version: open.version.clone(),
        })
        .collect()
}

/// Take in an SBOM (CycloneDX as JSON or XML, SPDX as JSON), for an image
/// by its digest or to be listed by itself. The body is the document.
#[utoipa::path(post, path = "/sboms", tag = "sboms", params(SbomImportQuery),
    request_body(content_type = "application/octet-stream", description = "the document"),
    responses((status = 201, body = SbomImported),
        (status = 409, description = "the image was read itself; what was found there stays"),
        (status = 413, description = "the document is too large")))]
pub(crate) async fn import(
    State(app): Shared,
    access: Access,
    Query(asked): Query<SbomImportQuery>,
    body: Body,
) -> Result<(StatusCode, Json<SbomImported>), ApiError> {
    let Some(name) = query::text(Some(asked.name)) else {
        return Err(ApiError::invalid("name", "is empty: say what it is of"));
    };
    if name.len() > MAX_TEXT {
        return Err(ApiError::invalid("name", "is too long"));
    }
    let digest = asked
        .digest
        .as_deref()
        .map(str::parse::<Digest>)
        .transpose();
    let digest = digest.map_err(|error| ApiError::invalid("digest", error.to_string()))?;
    let environment = asked.environment.unwrap_or_else(|| LOCAL.to_owned());
    access.require_in(&environment)?;
    let scope = access.scope(&app, Some(&environment)).await?;
    if let Some(digest) = digest {
        let known = app
            .store
            .image_by_digest(&scope, &digest.to_string())
            .await?;
        if let Some((image, _)) = known.filter(|(_, layers)| *layers > 0) {
            return Err(ApiError::conflict(
                "known",
                format!(
                    "{} was read itself, and what was found there stays",
                    image.name
                ),
            ));
        }
    }
    let bytes = whole(body, MAX_DOCUMENT).await?;
    let isolation = engine::isolation(&app.config);
    let read = engine::blocking(move || {
        let cancel = model::Cancel::default();
        scan::read_sbom("the SBOM", &bytes, isolation.as_ref(), &cancel)
    })
    .await;
    let mut sbom = read.map_err(|error| {
        ApiError::invalid("body", format!("failed to {}", model::error::chain(&error)))
    })?;
    let kind = match digest {
        Some(digest) => {
            sbom.image = Some(ImageIdentity {
                manifest: Some(digest),
                config: None,
                tags: vec![name.clone()],
            });
            TargetKind::Image
        }
        None => TargetKind::Sbom,
    };
    let target = model::scan::Target {
        kind,
        name: name.clone(),
    };
    let assessment = queue::assess(&app, &environment, target, name, sbom, true).await;
    let warnings = assessment.report.sbom.warnings.iter();
    let warnings = warnings.map(ToString::to_string).collect();
    let outcome = app.store.put_report(&environment, assessment).await?;
    let event = NewImageEvent {
        image: outcome.image.id.clone(),
        time: app.clock.now(),
        cause: ScanOrigin::User,
        reason: format!("its SBOM was uploaded by {}", access.actor.name),
        source: None,
    };
    app.store.note_image_events(vec![event]).await?;
    app.bus.publish(&Event::Image {
        image: reference(&outcome.image),
    });
    Ok((
        StatusCode::CREATED,
        Json(SbomImported {
            image: reference(&outcome.image),
            packages: outcome.packages,
            counts: severity::counts(outcome.counts),
            warnings,
        }),
    ))
}

/// A body, whole, up to a bound.
pub(super) async fn whole(body: Body, most: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_cut| ApiError::invalid("body", "the upload was cut off before its end"))?;
        if bytes.len() + chunk.len() > most {
            return Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("the document is larger than {} MiB", most >> 20),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.is_empty() {
        return Err(ApiError::invalid("body", "the document is empty"));
    }
    Ok(bytes)
}
