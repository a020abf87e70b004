//! The secure score, its history and its ledger.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    Score,
    overview::OverviewQuery,
    recommendation::{
        ClusterScore, EnvironmentScore, HistoryQuery, ScoreHistory, ScoreMove, ScorePoint,
    },
};
use axum::{Json, extract::State};
use jiff::SignedDuration;
use model::score::Part;
use store::Scope;

use super::{Shared, access::Access, error::ApiError, query::Query};
use crate::{app::App, compliance};

/// Points of a history.
const POINTS: u32 = 500;
/// Entries of a ledger.
const ENTRIES: u32 = 200;

/// The score of the environments in scope.
pub(crate) async fn of(app: &App, scope: &Scope) -> Result<Score, ApiError> {
    let mut all: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for standing in app.store.standings(scope).await? {
        all.entry(standing.environment.clone())
            .or_default()
            .push(standing.part());
    }
    let environments: Vec<EnvironmentScore> = all
        .iter()
        .map(|(environment, its)| {
            let its = model::score::Score::of(its);
            EnvironmentScore {
                environment: environment.clone(),
                percent: its.percent(),
                earned: its.earned,
                possible: its.possible,
            }
        })
        .collect();
    let together: Vec<Part> = all.into_values().flatten().collect();
    let total = model::score::Score::of(&together);
    let day_ago = app.clock.now() - SignedDuration::from_hours(24);
    let before = app.store.score_at(scope, day_ago).await?;
    let moved = before
        .and_then(model::score::Score::percent)
        .zip(total.percent())
        .map(|(before, now)| now - before);
    Ok(Score {
        percent: total.percent(),
        earned: total.earned,
        possible: total.possible,
        exempted: total.exempted,
        moved,
        environments,
        clusters: clusters(app, scope).await?,
    })
}

/// The score of each cluster something was judged in: of that, and
/// nothing else.
async fn clusters(app: &App, scope: &Scope) -> Result<Vec<ClusterScore>, ApiError> {
    let nodes = app.store.node_assessments(scope, None).await?;
    let of_connectors = app.store.connectors(scope).await?.into_iter();
    let names: BTreeSet<(String, String)> = nodes
        .into_iter()
        .map(|node| (node.environment, node.cluster))
        .chain(of_connectors.map(|one| (one.environment, one.cluster)))
        .collect();
    let mut scores = Vec::new();
    for (environment, cluster) in names {
        let within = app.store.scope(Some(&environment)).await?;
        let counts = compliance::of_cluster(app, &within, &cluster).await?;
        let parts: Vec<Part> = counts
            .into_iter()
            .filter_map(|(rule, standing)| {
                Some(Part {
                    severity: policy::recommendation(&rule)?.severity,
                    rule,
                    standing,
                })
            })
            .collect();
        let whole = model::score::Score::of(&parts);
        scores.push(ClusterScore {
            environment,
            cluster,
            percent: whole.percent(),
            earned: whole.earned,
            possible: whole.possible,
        });
    }
    Ok(scores)
}

/// Days back from now.
pub(crate) fn days(days: Option<u32>) -> Result<u32, ApiError> {
    match days.unwrap_or(30) {
        days @ 1..=365 => Ok(days),
        _ => Err(ApiError::invalid("days", "expected 1 to 365")),
    }
}

/// The secure score: points earned of points possible.
#[utoipa::path(get, path = "/score", tag = "recommendations", params(OverviewQuery),
    responses((status = 200, body = Score)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Score>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    Ok(Json(of(&app, &scope).await?))
}

/// The score over time, and what moved it.
#[utoipa::path(get, path = "/score/history", tag = "recommendations", params(HistoryQuery),
    responses((status = 200, body = ScoreHistory)))]
pub(crate) async fn history(
    State(app): Shared,
    access: Access,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<ScoreHistory>, ApiError> {
    let days = days(query.days)?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let now = app.clock.now();
    let since = now - SignedDuration::from_hours(24 * i64::from(days));
    let points = app.store.score_history(&scope, since, now, POINTS).await?;
    let moves = app.store.score_moves(&scope, since, ENTRIES).await?;
    Ok(Json(ScoreHistory {
        points: points
            .into_iter()
            .filter_map(|point| {
                Some(ScorePoint {
                    time: point.time,
                    percent: point.score.percent()?,
                })
            })
            .collect(),
        ledger: moves
            .into_iter()
            .map(|entry| ScoreMove {
                time: entry.time,
                environment: entry.environment,
                title: policy::recommendation(&entry.rule)
                    .map_or_else(|| entry.rule.clone(), |rule| rule.title.clone()),
                rule: entry.rule,
                change: entry.change,
                text: entry.text,
            })
            .collect(),
    }))
}
