//! Recommendations: how each stands, and what mending it is worth.

use std::collections::BTreeMap;

use api::{
    Recommendation,
    finding::Step,
    overview::OverviewQuery,
    recommendation::{Effort, RecommendationDetail, RecommendationQuery, RecommendationState},
};
use axum::{
    Json,
    extract::{Path, State},
};
use model::Severity;
use store::{RuleStanding, Scope};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{self, Query},
};
use crate::app::App;

/// Every recommendation over the environments in scope, most points to
/// gain first.
pub(crate) async fn all(app: &App, scope: &Scope) -> Result<Vec<Recommendation>, ApiError> {
    let mut by_rule: BTreeMap<String, Vec<RuleStanding>> = BTreeMap::new();
    for standing in app.store.standings(scope).await? {
        by_rule
            .entry(standing.rule.clone())
            .or_default()
            .push(standing);
    }
    let mut rows: Vec<Recommendation> = policy::recommendations()
        .iter()
        .map(|rule| gather(rule, by_rule.get(&rule.id).map_or(&[], Vec::as_slice)))
        .collect();
    rows.sort_by(|a, b| {
        b.gain
            .total_cmp(&a.gain)
            .then(b.weight.total_cmp(&a.weight))
            .then_with(|| a.id.cmp(&b.id))
    });
    Ok(rows)
}

/// One recommendation over several environments.
fn gather(rule: &policy::Recommendation, standings: &[RuleStanding]) -> Recommendation {
    let sum = |count: fn(&RuleStanding) -> u64| standings.iter().map(count).sum::<u64>();
    let affected = sum(|at| at.standing.affected);
    let assessed = sum(|at| at.standing.assessed());
    let weight = model::score::weight(rule.severity);
    let possible: f64 = standings.iter().map(|at| at.part().possible()).sum();
    Recommendation {
        id: rule.id.clone(),
        title: rule.title.clone(),
        severity: rule.severity.into(),
        effort: match rule.effort {
            policy::Effort::Low => Effort::Low,
            policy::Effort::Moderate => Effort::Moderate,
            policy::Effort::High => Effort::High,
        },
        state: match (affected, assessed) {
            (0, 0) => RecommendationState::NotApplicable,
            (0, _) => RecommendationState::Healthy,
            _ => RecommendationState::Open,
        },
        affected,
        exempted: sum(|at| at.standing.exempted),
        assessed,
        gain: standings.iter().map(|at| at.part().gain()).sum(),
        weight: weight.max(possible),
        controls: rule.controls().to_vec(),
        techniques: rule.techniques.clone(),
        first_seen: standings.iter().filter_map(|at| at.affected_since).min(),
        last_checked: standings.iter().map(|at| at.checked).max(),
    }
}

fn step(step: policy::Step) -> Step {
    Step {
        text: step.text,
        code: step.code,
        language: step.language,
    }
}

/// What should be otherwise, most points to gain first.
#[utoipa::path(get, path = "/recommendations", tag = "recommendations",
    params(RecommendationQuery),
    responses((status = 200, body = Vec<Recommendation>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<RecommendationQuery>,
) -> Result<Json<Vec<Recommendation>>, ApiError> {
    let severities: Vec<Severity> = query::words("severity", query.severity.as_deref())?;
    let severities: Vec<api::Severity> = severities.into_iter().map(Into::into).collect();
    let wanted = match query.state.as_deref() {
        None | Some("open") => Some(RecommendationState::Open),
        Some("healthy") => Some(RecommendationState::Healthy),
        Some("not_applicable") => Some(RecommendationState::NotApplicable),
        Some("all") => None,
        Some(other) => {
            return Err(ApiError::invalid(
                "state",
                format!("unknown state '{other}' (expected open, healthy, not_applicable or all)"),
            ));
        }
    };
    let text = query::text(query.q).map(|text| text.to_lowercase());
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let mut rows = all(&app, &scope).await?;
    rows.retain(|row| {
        wanted.is_none_or(|state| state == row.state)
            && (severities.is_empty() || severities.contains(&row.severity))
            && text.as_ref().is_none_or(|text| {
                row.title.to_lowercase().contains(text) || row.id.contains(text.as_str())
            })
    });
    Ok(Json(rows))
}

/// One recommendation; its assets are the findings of its rule.
#[utoipa::path(get, path = "/recommendations/{id}", tag = "recommendations",
    params(("id" = String, Path, description = "the recommendation's id"), OverviewQuery),
    responses((status = 200, body = RecommendationDetail)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<RecommendationDetail>, ApiError> {
    let rule = policy::recommendation(&id).ok_or_else(|| ApiError::not_found("recommendation"))?;
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let standings = app.store.standings(&scope).await?;
    let standings: Vec<RuleStanding> = standings
        .into_iter()
        .filter(|standing| standing.rule == rule.id)
        .collect();
    Ok(Json(RecommendationDetail {
        recommendation: gather(rule, &standings),
        description: rule.description.trim().to_owned(),
        why: rule.why.trim().to_owned(),
        remediation: rule.remediation.iter().cloned().map(step).collect(),
        checked_by: rule.checked_by.trim().to_owned(),
        references: rule.references.clone(),
    }))
}
