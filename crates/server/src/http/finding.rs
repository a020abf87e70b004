//! Findings, across images.

use api::{
    AssetKind, AssetRef, Facets, Finding, FindingKind, FindingState, Page,
    finding::{FindingPackage, FindingQuery, FindingSort, Progress},
    overview::OverviewQuery,
};
use axum::{Json, extract::State};
use store::FindingFilter;

use super::{
    Shared,
    access::Access,
    error::ApiError,
    image,
    query::{self, Query},
    severity,
};
use crate::app::App;

pub(crate) fn wire(finding: store::Finding) -> Finding {
    let image = image::reference(&finding.image);
    Finding {
        id: finding.fingerprint.clone(),
        fingerprint: finding.fingerprint,
        kind: FindingKind::Vulnerability,
        state: if finding.open {
            FindingState::Open
        } else {
            FindingState::Resolved
        },
        severity: finding.severity.into(),
        rule: finding.vulnerability,
        title: finding.title,
        summary: None,
        asset: AssetRef {
            id: image.id.clone(),
            kind: AssetKind::Image,
            name: image.name.clone(),
            environment: image.environment.clone(),
            cluster: None,
            namespace: None,
            workload: None,
        },
        image: Some(image),
        cvss: finding.cvss,
        epss: finding.epss,
        kev: finding.kev,
        package: Some(FindingPackage {
            kind: finding.package_kind.into(),
            name: finding.package,
            version: finding.version,
            purl: finding.purl,
            path: finding.path,
            layer: finding.layer,
        }),
        fix: Some(finding.fix.into()),
        advisories: finding.advisories,
        tactics: Vec::new(),
        techniques: Vec::new(),
        occurrences: 1,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        resolved: finding.resolved,
        progress: Progress::New,
        assignee: None,
        due: None,
        comments: 0,
        decision: None,
        suppression: finding.suppression.map(Into::into),
    }
}

/// Findings of every image.
#[utoipa::path(get, path = "/findings", tag = "findings", params(FindingQuery),
    responses((status = 200, body = Page<Finding>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<FindingQuery>,
) -> Result<Json<Page<Finding>>, ApiError> {
    page(&app, &access, query).await
}

pub(crate) async fn page(
    app: &App,
    access: &Access,
    query: FindingQuery,
) -> Result<Json<Page<Finding>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = FindingFilter {
        image: query.image,
        text: query::text(query.q),
        severities: query::words("severity", query.severity.as_deref())?,
        open: match query.state.as_deref() {
            None | Some("open") => Some(true),
            Some("resolved") => Some(false),
            Some("all") => None,
            Some(other) => {
                return Err(ApiError::invalid(
                    "state",
                    format!("unknown state '{other}' (expected open, resolved or all)"),
                ));
            }
        },
        suppressed: query.suppressed.unwrap_or(false),
        fixable: query.fixable,
        kev: query.kev,
        kinds: query::package_kinds(query.kind.as_deref())?,
        layer: query.layer,
        vulnerability: query.vulnerability,
        package: query.package,
    };
    let sort = match query.sort.unwrap_or_default() {
        FindingSort::Severity => store::FindingSort::Severity,
        FindingSort::Newest | FindingSort::LastSeen => store::FindingSort::Newest,
        FindingSort::Epss => store::FindingSort::Epss,
        FindingSort::Package => store::FindingSort::Package,
    };
    let scope = access.scope(app, query.environment.as_deref()).await?;
    let page = app.store.findings(&scope, &filter, sort, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// What the list of findings can be narrowed to.
#[utoipa::path(get, path = "/findings/facets", tag = "findings", params(OverviewQuery),
    responses((status = 200, body = Facets)))]
pub(crate) async fn facets(
    State(app): Shared,
    access: Access,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Facets>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let totals = app.store.totals(&scope).await?;
    Ok(Json(Facets {
        facets: vec![
            severity::facet(totals.findings),
            severity::flag("fixable", totals.fixable),
            severity::flag("kev", totals.kev),
            severity::flag("suppressed", totals.suppressed),
        ],
    }))
}
