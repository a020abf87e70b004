//! Secrets in images, and the kinds of them that are looked for.

use std::collections::HashMap;

use api::{
    Page,
    finding::Step,
    overview::OverviewQuery,
    secret::{ImageSecret, SecretKind, SecretPlace, SecretQuery},
};
use axum::{Json, extract::State};
use serde::Deserialize;
use store::{SecretEntry, SecretFilter};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    image,
    query::{self, Query},
};

/// What a finding of a secret rests on, as the scan wrote it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Evidence {
    place: SecretPlace,
    line: Option<u32>,
    redacted: String,
    mark: String,
    proof: Option<String>,
    removed_in: Option<u32>,
}

fn wire(entry: SecretEntry) -> ImageSecret {
    let evidence: Evidence = serde_json::from_str(&entry.evidence).unwrap_or_default();
    ImageSecret {
        id: entry.finding.to_string(),
        rule: entry.rule,
        title: entry.title,
        severity: entry.severity.into(),
        state: super::finding::state(entry.state),
        image: image::reference(&entry.image),
        place: evidence.place,
        path: entry.path,
        line: evidence.line,
        layer: entry.layer,
        removed_in: evidence.removed_in,
        redacted: evidence.redacted,
        mark: evidence.mark,
        proof: evidence.proof,
        first_seen: entry.first_seen,
        assignee: entry.assignee,
    }
}

/// Secrets found in images, worst first.
#[utoipa::path(get, path = "/secrets", tag = "images", params(SecretQuery),
    responses((status = 200, body = Page<ImageSecret>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(query): Query<SecretQuery>,
) -> Result<Json<Page<ImageSecret>>, ApiError> {
    let request = query::page(query.cursor, query.limit)?;
    let filter = SecretFilter {
        image: query.image,
        rules: query::list("rule", query.rule.as_deref(), |word| Ok(word.to_owned()))?,
        severities: query::words("severity", query.severity.as_deref())?,
        states: query::list("state", query.state.as_deref(), |word| {
            model::FindingState::ALL
                .into_iter()
                .find(|state| state.as_str() == word)
                .ok_or_else(|| {
                    format!(
                        "unknown state '{word}' (expected open, resolved, dismissed or exempted)"
                    )
                })
        })?,
        text: query::text(query.q),
    };
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let page = app.store.secrets(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// The kinds of secrets that are looked for, and how many are open.
#[utoipa::path(get, path = "/secrets/kinds", tag = "images", params(OverviewQuery),
    responses((status = 200, body = Vec<SecretKind>)))]
pub(crate) async fn kinds(
    State(app): Shared,
    access: Access,
    Query(query): Query<OverviewQuery>,
) -> Result<Json<Vec<SecretKind>>, ApiError> {
    let scope = access.scope(&app, query.environment.as_deref()).await?;
    let tallies = app.store.secret_tallies(&scope).await?;
    let open: HashMap<String, (u64, u64)> = tallies
        .into_iter()
        .map(|tally| (tally.rule, (tally.findings, tally.images)))
        .collect();
    let mut kinds: Vec<SecretKind> = scan::secret_kinds()
        .iter()
        .map(|kind| {
            let (open, images) = open.get(&kind.id).copied().unwrap_or_default();
            SecretKind {
                id: kind.id.clone(),
                title: kind.title.clone(),
                severity: kind.severity.into(),
                issuer: kind.issuer.clone(),
                files: kind.files.clone(),
                checked: kind.check.is_some() || kind.pattern.is_none(),
                why: kind.why.trim().to_owned(),
                fix: kind
                    .fix
                    .iter()
                    .map(|step| Step {
                        text: step.text.clone(),
                        code: step.code.clone(),
                        language: step.language.clone(),
                    })
                    .collect(),
                false_positives: kind.false_positives.trim().to_owned(),
                references: kind.references.clone(),
                open,
                images,
            }
        })
        .collect();
    kinds.sort_by(|a, b| {
        let key = |kind: &SecretKind| (kind.open > 0, kind.severity, kind.open);
        key(b).cmp(&key(a)).then_with(|| a.id.cmp(&b.id))
    });
    Ok(Json(kinds))
}
