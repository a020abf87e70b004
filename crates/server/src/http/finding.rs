//! Findings, across images.

use api::{
    AssetKind, AssetRef, Facets, Finding, FindingKind, FindingState, Page,
    finding::{Decision, FindingPackage, FindingQuery, FindingSort, Progress, Reason},
    overview::OverviewQuery,
};
use axum::{Json, extract::State};
use store::{FindingFilter, Suppressed};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    grammar, image,
    query::{self, Query},
    severity,
};
use crate::app::App;

pub(crate) fn wire(finding: store::Finding) -> Finding {
    let path = finding.path.unwrap_or_default();
    Finding {
        id: finding.id.to_string(),
        fingerprint: finding.fingerprint,
        kind: kind(finding.kind),
        state: match finding.state {
            model::FindingState::Open => FindingState::Open,
            model::FindingState::Resolved => FindingState::Resolved,
            model::FindingState::Dismissed => FindingState::Dismissed,
            model::FindingState::Exempted => FindingState::Exempted,
        },
        severity: finding.severity.into(),
        rule: finding.rule,
        title: finding.title,
        summary: finding.summary,
        asset: asset(finding.asset),
        image: finding.image.as_ref().map(image::reference),
        cvss: finding.cvss,
        epss: finding.epss,
        kev: finding.kev,
        package: finding.package.map(|package| FindingPackage {
            kind: package.kind.into(),
            name: package.name,
            version: package.version,
            purl: package.purl,
            path,
            layer: finding.layer,
        }),
        fix: finding.fix.map(Into::into),
        advisories: finding.advisories,
        tactics: finding.tactics.names().map(str::to_owned).collect(),
        techniques: finding.techniques,
        occurrences: finding.occurrences,
        first_seen: finding.first_seen,
        last_seen: finding.last_seen,
        resolved: finding.resolved,
        progress: match finding.progress {
            model::Progress::New => Progress::New,
            model::Progress::InProgress => Progress::InProgress,
        },
        assignee: finding.assignee,
        due: finding.due,
        comments: finding.comments,
        decision: finding.decision.map(|decision| Decision {
            reason: reason(decision.reason),
            note: decision.note,
            by: decision.by,
            at: decision.at,
            exemption: decision.exemption,
            expires: decision.expires,
        }),
        suppression: finding.suppression.map(Into::into),
    }
}

pub(crate) fn kind(kind: model::FindingKind) -> FindingKind {
    match kind {
        model::FindingKind::Vulnerability => FindingKind::Vulnerability,
        model::FindingKind::Misconfiguration => FindingKind::Misconfiguration,
        model::FindingKind::Alert => FindingKind::Alert,
        model::FindingKind::Secret => FindingKind::Secret,
        model::FindingKind::Malware => FindingKind::Malware,
    }
}

pub(crate) fn reason(reason: model::Reason) -> Reason {
    match reason {
        model::Reason::FalsePositive => Reason::FalsePositive,
        model::Reason::AcceptedRisk => Reason::AcceptedRisk,
        model::Reason::Mitigated => Reason::Mitigated,
        model::Reason::Benign => Reason::Benign,
        model::Reason::Test => Reason::Test,
        model::Reason::Other => Reason::Other,
    }
}

pub(crate) fn asset(asset: store::AssetKey) -> AssetRef {
    AssetRef {
        id: asset.id,
        kind: match asset.kind {
            model::AssetKind::Environment => AssetKind::Environment,
            model::AssetKind::Cluster => AssetKind::Cluster,
            model::AssetKind::Host => AssetKind::Host,
            model::AssetKind::Namespace => AssetKind::Namespace,
            model::AssetKind::Workload => AssetKind::Workload,
            model::AssetKind::Pod => AssetKind::Pod,
            model::AssetKind::Container => AssetKind::Container,
            model::AssetKind::Image => AssetKind::Image,
        },
        name: asset.name,
        environment: asset.environment,
        cluster: asset.cluster,
        namespace: asset.namespace,
        workload: asset.workload,
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
    let asked = grammar::read("q", query.q.as_deref())?;
    let mut filter = FindingFilter {
        image: query.image,
        severities: query::words("severity", query.severity.as_deref())?,
        states: match query.state.as_deref() {
            None if asked.speaks_of_state() => Vec::new(),
            text => states(text)?,
        },
        suppressed: match query.suppressed {
            None if asked.speaks_of(model::query::Flag::Suppressed) => Suppressed::Either,
            asked => asked.unwrap_or(false).into(),
        },
        fixable: query.fixable,
        kev: query.kev,
        kinds: Vec::new(),
        package_kinds: query::package_kinds(query.kind.as_deref())?,
        layer: query.layer,
        rule: query.vulnerability,
        package: query.package,
        ..FindingFilter::default()
    };
    filter.ask(asked, app.clock.now(), Some(&access.actor.name));
    let sort = match query.sort.unwrap_or_default() {
        FindingSort::Severity => store::FindingSort::Severity,
        FindingSort::Newest => store::FindingSort::Newest,
        FindingSort::LastSeen => store::FindingSort::LastSeen,
        FindingSort::Epss => store::FindingSort::Epss,
        FindingSort::Package => store::FindingSort::Package,
    };
    let scope = access.scope(app, query.environment.as_deref()).await?;
    let page = app.store.findings(&scope, &filter, sort, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// Open where nothing is said.
fn states(text: Option<&str>) -> Result<Vec<model::FindingState>, ApiError> {
    match text {
        None => Ok(vec![model::FindingState::Open]),
        Some("all") => Ok(Vec::new()),
        Some(text) => query::list("state", Some(text), |word| {
            model::FindingState::ALL
                .into_iter()
                .find(|state| state.as_str() == word)
                .ok_or_else(|| {
                    format!(
                        "unknown state '{word}' (expected open, resolved, dismissed, exempted or \
                         all)"
                    )
                })
        }),
    }
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
