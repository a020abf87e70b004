//! What changed: the last day's news and the days before.

use api::{
    overview::{Day, KindCounts, Trend, TrendDay},
    recommendation::HistoryQuery,
};
use axum::{Json, extract::State};
use jiff::SignedDuration;
use model::FindingKind;
use store::{Counts, Scope};

use super::{Shared, access::Access, error::ApiError, query::Query, score, severity};
use crate::app::App;

/// Open findings at the end of each day.
#[utoipa::path(get, path = "/overview/trend", tag = "overview", params(HistoryQuery),
    responses((status = 200, body = Trend)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<Trend>, ApiError> {
    let days = score::days(query.days)?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let days = app.store.trend(&scope, days, app.clock.now()).await?;
    Ok(Json(Trend {
        days: days
            .into_iter()
            .map(|day| TrendDay {
                date: day.date,
                open: severity::counts(day.open),
                new: day.new,
                resolved: day.resolved,
            })
            .collect(),
    }))
}

/// The last 24 hours, and findings of each kind.
pub(crate) async fn day(app: &App, scope: &Scope) -> Result<(Day, Vec<KindCounts>), ApiError> {
    let since = app.clock.now() - SignedDuration::from_hours(24);
    let activity = app.store.activity(scope, since).await?;
    let counts = app.store.kind_counts(scope).await?;
    let mut new = Counts::default();
    for happened in activity.values() {
        for severity in model::Severity::WORST_FIRST {
            *new.of(severity) += *happened.new.clone().of(severity);
        }
    }
    let sum = |count: fn(&store::Activity) -> u64| activity.values().map(count).sum::<u64>();
    let day = Day {
        new: severity::counts(new),
        resolved: sum(|happened| happened.resolved),
        dismissed: sum(|happened| happened.dismissed),
        exempted: sum(|happened| happened.exempted),
    };
    let kinds = FindingKind::ALL
        .into_iter()
        .map(|kind| {
            let counted = counts.get(&kind).copied().unwrap_or_default();
            KindCounts {
                kind: wire(kind),
                open: severity::counts(counted.open),
                dismissed: counted.dismissed,
                exempted: counted.exempted,
                new: activity
                    .get(&kind)
                    .map_or(0, |happened| happened.new.total()),
            }
        })
        .collect();
    Ok((day, kinds))
}

/// A kind, as the wire has it.
pub(crate) fn wire(kind: FindingKind) -> api::FindingKind {
    match kind {
        FindingKind::Vulnerability => api::FindingKind::Vulnerability,
        FindingKind::Misconfiguration => api::FindingKind::Misconfiguration,
        FindingKind::Alert => api::FindingKind::Alert,
        FindingKind::Secret => api::FindingKind::Secret,
        FindingKind::Malware => api::FindingKind::Malware,
    }
}
