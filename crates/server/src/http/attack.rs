//! MITRE ATT&CK for containers: what is watched for, what was seen.

use api::{
    attack::{AttackMatrix, AttackQuery, Tactic, Technique, TechniqueSource},
    overview::TacticCount,
};
use axum::{Json, extract::State};
use policy::attack::{VERSION, matrix};
use store::{AlertRuleUse, Scope};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::Query,
    rule::{self, Known},
};
use crate::app::App;

/// The matrix for containers, with what is known of each technique: the
/// rules that watch for it, the cases they are tested with, what they
/// found, and where nothing watches.
#[utoipa::path(get, path = "/attack", tag = "attack", params(AttackQuery),
    responses((status = 200, body = AttackMatrix)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<AttackQuery>,
) -> Result<Json<AttackMatrix>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let alerting = app.store.alert_rules(&scope).await?;
    let uses = rule::uses(&app, &scope, query.days).await?;
    let rules = rule::known(&app, &scope, &uses).await?;
    let tactics = matrix()
        .tactics
        .iter()
        .map(|tactic| {
            let techniques: Vec<Technique> = tactic
                .techniques
                .iter()
                .map(|known| technique(known, &tactic.slug, &alerting, &rules))
                .collect();
            Tactic {
                id: tactic.id.clone(),
                slug: tactic.slug.clone(),
                name: tactic.name.clone(),
                alerts: alerts(&alerting, &tactic.slug),
                covered: techniques.iter().filter(|one| !one.gap).count() as u64,
                techniques,
            }
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
fn technique(
    known: &policy::attack::Technique,
    slug: &str,
    alerting: &[AlertRuleUse],
    rules: &[Known<'_>],
) -> Technique {
    let fits =
        |tactics: model::Tactics| tactics.is_empty() || tactics.names().any(|name| name == slug);
    let open: Vec<&AlertRuleUse> = alerting
        .iter()
        .filter(|rule| rule.techniques.contains(&known.id) && fits(rule.tactics))
        .collect();
    let (watching, off): (Vec<&Known<'_>>, Vec<&Known<'_>>) = rules
        .iter()
        .filter(|rule| rule.techniques.contains(&known.id) && fits(rule.tactics))
        .partition(|rule| rule.disabled_in.is_empty());
    let recommendations = policy::recommendations().iter();
    let harder = recommendations.filter(|rule| rule.techniques.contains(&known.id));
    let all = || watching.iter().chain(&off);
    Technique {
        id: known.id.clone(),
        name: known.name.clone(),
        parent: known.parent().map(str::to_owned),
        url: known.url.clone(),
        rules: watching.len() as u64,
        sources: rule::by_source(&watching)
            .into_iter()
            .map(|(source, rules)| TechniqueSource { source, rules })
            .collect(),
        disabled: off.len() as u64,
        cases: all()
            .filter_map(|rule| rule.ours)
            .map(|rule| rule.extension.cases.len() as u64)
            .sum(),
        hits: all()
            .filter_map(|rule| rule.used)
            .map(|used| used.hits)
            .sum(),
        gap: watching.is_empty(),
        recommendations: harder.count() as u64,
        alerts: open.iter().map(|rule| rule.open).sum(),
        severity: open
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
