//! How things stand, and what happened.

use api::{
    Change, ChangeKind, Overview, Page,
    change::ChangeQuery,
    overview::{Coverage, Gap, GapKind, OverviewQuery, TopFix, Totals},
    recommendation::RecommendationState,
};
use axum::{Json, extract::State};
use model::{FindingKind, FindingState};
use store::{
    FindingFilter, FindingSort, ImageFilter, ImageSort, PageRequest, VulnerabilityFilter,
    VulnerabilitySort,
};

use super::{
    Shared,
    access::Access,
    attack,
    error::ApiError,
    finding, image,
    query::{self, Query},
    recommendation, scan, score, severity, trend, vulnerability,
};
use crate::{app::App, work::discovery};

/// Rows of each short list.
const SHORT: u32 = 8;
/// Gaps of one kind that are named one by one.
const NAMED_GAPS: u32 = 5;

/// How things stand, and what to do first.
#[utoipa::path(get, path = "/overview", tag = "overview", params(OverviewQuery),
    responses((status = 200, body = Overview)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Overview>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let short = PageRequest::first(SHORT);
    let totals = app.store.totals(&scope).await?;
    let active = scan::active(&app, &scope).await?;
    let risky = ImageFilter {
        severities: model::Severity::WORST_FIRST.to_vec(),
        ..ImageFilter::default()
    };
    let top_images = app
        .store
        .images(&scope, &risky, ImageSort::Severity, &short)
        .await?;
    let top_vulnerabilities = app
        .store
        .vulnerabilities(
            &scope,
            &VulnerabilityFilter::default(),
            VulnerabilitySort::Exploited,
            &short,
        )
        .await?;
    let changes = app.store.changes(&scope, &PageRequest::first(12)).await?;
    let alerts = FindingFilter {
        kinds: vec![FindingKind::Alert],
        states: vec![FindingState::Open],
        ..FindingFilter::default()
    };
    let top_alerts = app
        .store
        .findings(&scope, &alerts, FindingSort::Severity, &short)
        .await?;
    let (day, kinds) = trend::day(&app, &scope).await?;
    let mut top_recommendations = recommendation::all(&app, &scope).await?;
    top_recommendations.retain(|row| row.state == RecommendationState::Open);
    top_recommendations.truncate(SHORT as usize);
    let looked_at = totals.images + totals.machines + totals.sboms;
    Ok(Json(Overview {
        totals: Totals {
            images: totals.images,
            machines: totals.machines,
            sboms: totals.sboms,
            packages: totals.packages,
            findings: severity::counts(totals.findings),
            vulnerabilities: severity::counts(totals.vulnerabilities),
            fixable: totals.fixable,
            kev: totals.kev,
            suppressed: totals.suppressed,
            scans_active: active.total,
        },
        top_images: image::wire_all(&app, &scope, top_images.items).await?,
        top_fixes: app
            .store
            .top_fixes(&scope, None, SHORT)
            .await?
            .into_iter()
            .map(top_fix)
            .collect(),
        top_vulnerabilities: top_vulnerabilities
            .items
            .into_iter()
            .map(vulnerability::wire)
            .collect(),
        coverage: Coverage {
            complete: looked_at - totals.partial.min(looked_at),
            partial: totals.partial,
            failed: totals.failed,
            gaps: gaps(&app, &scope).await?,
        },
        database: app.database.describe(&app),
        scans: active
            .items
            .into_iter()
            .map(|scan| scan::wire(&app, scan))
            .collect(),
        changes: changes.items.into_iter().map(change).collect(),
        score: score::of(&app, &scope).await?,
        top_recommendations,
        top_alerts: top_alerts.items.into_iter().map(finding::wire).collect(),
        day,
        kinds,
        tactics: attack::tactics(&app, &scope).await?,
    }))
}

/// What the picture does not show, and what to do about it.
async fn gaps(app: &App, scope: &store::Scope) -> Result<Vec<Gap>, ApiError> {
    let mut gaps = Vec::new();
    let gap = |kind, message: String, advice: &str| Gap {
        kind,
        message,
        advice: advice.to_owned(),
        image: None,
    };
    let advisories = app.database.advisories();
    let status = advisories.status();
    if status.starter_only {
        gaps.push(gap(
            GapKind::Database,
            format!(
                "only the embedded starter set of {} advisories is in use: what is found is true, \
                 but most is missing",
                status.advisories
            ),
            "update the advisory database, or import one on a machine without network",
        ));
    }
    for warning in discovery::unreachable(app) {
        gaps.push(gap(
            GapKind::Runtime,
            warning.to_string(),
            "let the server's user open the engine's socket, or scan those images by name",
        ));
    }
    let page = PageRequest::first(NAMED_GAPS);
    let partial = ImageFilter {
        partial: Some(true),
        ..ImageFilter::default()
    };
    let partial = app
        .store
        .images(scope, &partial, ImageSort::Severity, &page)
        .await?;
    for image in partial.items {
        let parts = match image.warnings {
            1 => "1 part".to_owned(),
            count => format!("{count} parts"),
        };
        gaps.push(Gap {
            kind: GapKind::Partial,
            message: format!("{parts} of {} could not be read", image.key.name),
            advice: "see its warnings for which, and why".to_owned(),
            image: Some(image::reference(&image.key)),
        });
    }
    let failed = ImageFilter {
        failed: Some(true),
        ..ImageFilter::default()
    };
    let failed = app
        .store
        .images(scope, &failed, ImageSort::Severity, &page)
        .await?;
    for image in failed.items {
        gaps.push(Gap {
            kind: GapKind::Failed,
            message: format!(
                "{} could not be scanned again: {}",
                image.key.name,
                image.last_error.as_deref().unwrap_or("unknown reason")
            ),
            advice: "scan it again once the reason is gone".to_owned(),
            image: Some(image::reference(&image.key)),
        });
    }
    Ok(gaps)
}

pub(crate) fn top_fix(top: store::TopFix) -> TopFix {
    TopFix {
        kind: top.fix.kind.into(),
        package: top.fix.package,
        installed: top.fix.installed,
        version: top.fix.version,
        closes: severity::counts(top.fix.closes),
        images: top.images,
        layer: top.fix.layer,
    }
}

/// What happened, newest first.
#[utoipa::path(get, path = "/changes", tag = "overview", params(ChangeQuery),
    responses((status = 200, body = Page<Change>)))]
pub(crate) async fn changes(
    State(app): Shared,
    access: Access,
    Query(query): Query<ChangeQuery>,
) -> Result<Json<Page<Change>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = app.store.changes(&scope, &request).await?;
    Ok(Json(query::wire(page, change)))
}

fn change(change: store::Change) -> Change {
    Change {
        id: u64::try_from(change.id).unwrap_or(0),
        time: change.entry.time,
        kind: match change.entry.kind {
            store::ChangeKind::ImageAdded => ChangeKind::ImageAdded,
            store::ChangeKind::ImageChanged => ChangeKind::ImageChanged,
            store::ChangeKind::ImageRemoved => ChangeKind::ImageRemoved,
            store::ChangeKind::ScanFailed => ChangeKind::ScanFailed,
            store::ChangeKind::DatabaseUpdated => ChangeKind::DatabaseUpdated,
            store::ChangeKind::DatabaseFailed => ChangeKind::DatabaseFailed,
        },
        environment: change.environment,
        image: change.image.as_ref().map(image::reference),
        summary: change.entry.summary,
        new: severity::counts(change.entry.new),
        resolved: change.entry.resolved,
    }
}
