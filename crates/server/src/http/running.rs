//! What really runs: images and what runs them, from either side.

use std::collections::BTreeMap;

use api::{
    InUse, Page,
    overview::OverviewQuery,
    running::{
        AffectedPackageUse, AffectedWorkload, PackagesInUse, RunningExposure, RunningImage,
        RunningImageDetail, RunningInstance, RunningQuery, RunningWorkload, VulnerabilityWorkloads,
        WorkloadOwner,
    },
};
use axum::{
    Json,
    extract::{Path, State},
};
use jiff::Timestamp;
use model::in_use::NotKnown;
use store::{RunningFilter, RunningPlace, RunningRow};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    finding, image,
    query::{self, Query},
    severity,
};

/// Workloads named of each image in a list, and of one image.
const NAMED: usize = 10;
const ALL: usize = 1_000;

/// Labels that say whose something is, the plainest first.
const OWNERS: [&str; 9] = [
    "owner",
    "team",
    "app.kubernetes.io/owner",
    "app.kubernetes.io/team",
    "contact",
    "maintainer",
    "backstage.io/owner",
    "app.kubernetes.io/part-of",
    "com.docker.compose.project",
];

fn owner(labels: &BTreeMap<String, String>) -> Option<WorkloadOwner> {
    OWNERS.iter().find_map(|label| {
        let name = labels.get(*label).filter(|name| !name.is_empty())?;
        Some(WorkloadOwner {
            name: name.clone(),
            label: (*label).to_owned(),
        })
    })
}

fn workload(place: RunningPlace) -> RunningWorkload {
    let owner = owner(&place.labels);
    let asset = finding::asset(place.asset);
    RunningWorkload {
        id: asset.id,
        kind: asset.kind,
        name: asset.name,
        environment: asset.environment,
        cluster: asset.cluster,
        namespace: asset.namespace,
        owner,
        containers: place.containers,
        since: place.since,
    }
}

fn packages(row: &RunningRow) -> PackagesInUse {
    let uses = row.packages;
    let not_seen = if uses.settled { uses.unseen } else { 0 };
    let why = if row.image.is_none() {
        "the image was never scanned"
    } else if uses.watched.is_none() {
        NotKnown::NotWatched.why()
    } else if !uses.settled {
        NotKnown::TooShort(Timestamp::UNIX_EPOCH).why()
    } else {
        ""
    };
    PackagesInUse {
        total: uses.total,
        seen: uses.seen,
        not_seen,
        not_known: uses.total.saturating_sub(uses.seen + not_seen),
        watched_since: uses.watched,
        why: why.to_owned(),
    }
}

fn wire(row: RunningRow, named: usize) -> RunningImage {
    let packages = packages(&row);
    let count = row.workloads.len() as u64;
    RunningImage {
        id: row.id,
        environment: row.environment,
        name: row.name,
        scanned: row.image.is_some(),
        image: row.image.as_ref().map(image::reference),
        digest: row.digest,
        not_scanned: row.not_scanned,
        last_scanned: row.last_scanned,
        containers: row.containers,
        workloads: row
            .workloads
            .into_iter()
            .take(named)
            .map(workload)
            .collect(),
        workload_count: count,
        counts: severity::counts(row.counts),
        fixable: row.fixable,
        kev: row.kev,
        priority: row.priority,
        exposure: RunningExposure {
            reach: row.reach.into(),
            by: row.reached_by,
        },
        packages,
    }
}

/// Images that containers of clusters and hosts run now, the worst first;
/// those never scanned among them, with the reason.
#[utoipa::path(get, path = "/running", tag = "running", params(RunningQuery),
    responses((status = 200, body = Page<RunningImage>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<RunningQuery>,
) -> Result<Json<Page<RunningImage>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = RunningFilter {
        cluster: query::text(query.cluster),
        namespace: query::text(query.namespace),
        image: query::text(query.image),
        vulnerability: query::text(query.vulnerability),
        scanned: query.scanned,
        fixable: query.fixable,
    };
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = app.store.running(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, |row| wire(row, NAMED))))
}

/// One running image, with all that runs it: by its id, its digest, or
/// the name its engines call it by.
#[utoipa::path(get, path = "/running/{image}", tag = "running",
    params(("image" = String, Path, description = "the id `/running` gave"), OverviewQuery),
    responses((status = 200, body = RunningImageDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<RunningImageDetail>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let known = app
        .store
        .running_image(&scope, &id)
        .await?
        .ok_or_else(|| ApiError::not_found("running image"))?;
    let workloads = known.row.workloads.iter().take(ALL).cloned();
    Ok(Json(RunningImageDetail {
        all_workloads: workloads.map(workload).collect(),
        all_containers: known
            .containers
            .into_iter()
            .map(|one| RunningInstance {
                id: one.id,
                name: one.name,
                image: one.image,
                cluster: one.cluster,
                namespace: one.namespace,
                workload: one.workload,
                on: one.on,
                node: one.node,
                started: one.started,
                watched: one.watched,
            })
            .collect(),
        running: wire(known.row, NAMED),
    }))
}

/// Who runs a vulnerability: workloads of images with an open finding of
/// it, whose they are, and whether the package is used there.
#[utoipa::path(get, path = "/vulnerabilities/{id}/workloads", tag = "running",
    params(("id" = String, Path, description = "`CVE-2021-44228`, `GHSA-…`"), OverviewQuery),
    responses((status = 200, body = VulnerabilityWorkloads)))]
pub(crate) async fn affected(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<VulnerabilityWorkloads>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let asked = model::VulnerabilityId::new(id.trim().to_owned());
    // One asked for by another of its names is found by its own.
    let id = match app.database.advisories().vulnerability(&asked) {
        Some(known) => known.id.as_str().to_owned(),
        None => asked.as_str().to_owned(),
    };
    let now = app.clock.now();
    let affected = app.store.vulnerability_workloads(&scope, &id, now).await?;
    Ok(Json(VulnerabilityWorkloads {
        vulnerability: id,
        images: affected.images,
        containers: affected.containers,
        total: affected.total,
        workloads: affected
            .workloads
            .into_iter()
            .map(|row| AffectedWorkload {
                workload: workload(row.place),
                image: image::reference(&row.image),
                exposure: RunningExposure {
                    reach: row.reach.into(),
                    by: row.reached_by,
                },
                packages: row
                    .packages
                    .into_iter()
                    .map(|package| AffectedPackageUse {
                        finding: package.finding.to_string(),
                        kind: package.kind.into(),
                        name: package.name,
                        version: package.version,
                        severity: package.severity.into(),
                        fixed_version: package.fix.version().map(str::to_owned),
                        in_use: InUse::at(package.in_use, now),
                        priority: package.priority,
                    })
                    .collect(),
                priority: row.priority,
            })
            .collect(),
    }))
}
