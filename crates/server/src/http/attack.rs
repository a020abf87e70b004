//! MITRE ATT&CK for containers: what is watched for, what was seen.

use api::{
    attack::{AttackMatrix, Tactic, Technique},
    overview::{OverviewQuery, TacticCount},
};
use axum::{Json, extract::State};
use policy::attack::{VERSION, matrix};
use store::{AlertRuleUse, Scope};

use super::{Shared, access::Access, error::ApiError, query::Query};
use crate::app::App;

/// The matrix for containers, with what is known of each technique.
#[utoipa::path(get, path = "/attack", tag = "attack", params(OverviewQuery),
    responses((status = 200, body = AttackMatrix)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<AttackMatrix>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let rules = app.store.alert_rules(&scope).await?;
    let tactics = matrix()
        .tactics
        .iter()
        .map(|tactic| Tactic {
            id: tactic.id.clone(),
            slug: tactic.slug.clone(),
            name: tactic.name.clone(),
            alerts: alerts(&rules, &tactic.slug),
            techniques: tactic
                .techniques
                .iter()
                .map(|known| technique(known, &tactic.slug, &rules))
                .collect(),
        })
        .collect();
    Ok(Json(AttackMatrix {
        version: VERSION.to_owned(),
        tactics,
    }))
}

/// Open alerts of a tactic.
fn alerts(rules: &[AlertRuleUse], slug: &str) -> u64 {
    let rules = rules.iter();
    let of = rules.filter(|rule| rule.tactics.names().any(|name| name == slug));
    of.map(|rule| rule.open).sum()
}

/// A technique under one tactic. A rule that names tactics of its own
/// counts under those; one that names none, wherever its technique is.
fn technique(known: &policy::attack::Technique, slug: &str, rules: &[AlertRuleUse]) -> Technique {
    let watching: Vec<&AlertRuleUse> = rules
        .iter()
        .filter(|rule| rule.techniques.contains(&known.id))
        .filter(|rule| rule.tactics.is_empty() || rule.tactics.names().any(|name| name == slug))
        .collect();
    let recommendations = policy::recommendations().iter();
    let harder = recommendations.filter(|rule| rule.techniques.contains(&known.id));
    Technique {
        id: known.id.clone(),
        name: known.name.clone(),
        parent: known.parent().map(str::to_owned),
        url: known.url.clone(),
        rules: watching.len() as u64,
        recommendations: harder.count() as u64,
        alerts: watching.iter().map(|rule| rule.open).sum(),
        severity: watching
            .iter()
            .filter_map(|rule| rule.severity)
            .max()
            .map(Into::into),
    }
}

/// Open alerts by tactic, in the matrix's order.
pub(crate) async fn tactics(app: &App, scope: &Scope) -> Result<Vec<TacticCount>, ApiError> {
    let rules = app.store.alert_rules(scope).await?;
    Ok(matrix()
        .tactics
        .iter()
        .map(|tactic| TacticCount {
            slug: tactic.slug.clone(),
            name: tactic.name.clone(),
            alerts: alerts(&rules, &tactic.slug),
        })
        .collect())
}
