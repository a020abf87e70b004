//! What a policy would do, before it does: on objects, and on what was
//! asked for lately.

use std::sync::Arc;

use api::policy::{
    ImpactExample, ImpactQuery, PolicyImpact, PolicyProblem, PolicyTest, PolicyTestResult,
};
use axum::{
    Json,
    extract::{Path, State},
};
use jiff::SignedDuration;
use model::{FindingKind, FindingState, Permission, Query as FindingQuery, query::Field};
use policy::World;
use store::{AdmissionFilter, FindingFilter, FindingSort, PageRequest, Suppressed};

use super::{
    Shared,
    access::Access,
    admission,
    error::ApiError,
    policy as policies_of,
    query::{Body, Query},
};
use crate::{
    app::App,
    policies::{self, MAX_TEXT, Object},
};

/// Objects of one trial.
const MAX_OBJECTS: usize = 20_000;
const MAX_PASTED: usize = 4 << 20;
const OFFENDERS: u32 = 10;
const EXAMPLES: u32 = 10;
const MOST_DAYS: u32 = 30;

/// Tries documents on objects: pasted ones, or what is in clusters now.
#[utoipa::path(post, path = "/policies/test", tag = "policies", request_body = PolicyTest,
    responses((status = 200, body = PolicyTestResult)))]
pub(crate) async fn test(
    State(app): Shared,
    access: Access,
    Body(asked): Body<PolicyTest>,
) -> Result<Json<PolicyTestResult>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    if asked.text.len() > MAX_TEXT {
        let told = format!("longer than {MAX_TEXT} bytes");
        return Err(ApiError::invalid("text", told));
    }
    let mut wrong: Vec<PolicyProblem> = Vec::new();
    let mut tell = |problems: Vec<policy::Problem>| {
        wrong.extend(problems.into_iter().map(|problem| PolicyProblem {
            document: problem.source,
            kind: problem.kind,
            name: problem.name,
            message: problem.message,
        }));
    };
    let (documents, problems) = policy::documents("document", &asked.text);
    tell(problems);
    let mut is_partial = false;
    let objects: Vec<Object> = if let Some(text) = &asked.objects {
        if text.len() > MAX_PASTED {
            let told = format!("longer than {MAX_PASTED} bytes");
            return Err(ApiError::invalid("objects", told));
        }
        let (objects, problems) = policy::documents("object", text);
        tell(problems);
        let objects = objects.into_iter();
        objects
            .map(|object| Object {
                cluster: String::new(),
                value: object.value,
            })
            .collect()
    } else {
        let cluster = asked.cluster.as_deref();
        let texts = app
            .store
            .object_texts(&scope, cluster, MAX_OBJECTS + 1)
            .await?;
        is_partial = texts.len() > MAX_OBJECTS;
        let objects = texts.into_iter().take(MAX_OBJECTS);
        objects
            .filter_map(|(cluster, text)| {
                let value = serde_json::from_str(&text).ok()?;
                Some(Object { cluster, value })
            })
            .collect()
    };
    let around = around(&app, &access, asked.environment.as_deref()).await?;
    let trying =
        tokio::task::spawn_blocking(move || policies::trial(&documents, &objects, &around));
    let mut result = trying.await.map_err(|error| ApiError::internal(&error))?;
    result.is_partial |= is_partial;
    result.problems.splice(0..0, wrong);
    Ok(Json(result))
}

/// What is known of images, as admission would know it: of the
/// environment that is asked for, else of the asker's own.
async fn around(app: &App, access: &Access, asked: Option<&str>) -> Result<World, ApiError> {
    let environment = match asked {
        Some(name) => name.to_owned(),
        None => access.own_environment(Permission::Configure),
    };
    let images = app.bundles.images_of(app, &environment).await?;
    let told = app.bundles.trusted_of(app, &environment).await?;
    Ok(World {
        images: Arc::new(policies::states(&images)),
        trust: Arc::new(told.trust()),
        now_ns: i64::try_from(app.clock.now().as_nanosecond()).unwrap_or(i64::MAX),
        ..World::default()
    })
}

/// What denying by a policy would have meant in the last days, and would
/// mean for what runs now.
#[utoipa::path(get, path = "/policies/{id}/impact", tag = "policies",
    params(("id" = String, Path, description = "the policy's id"), ImpactQuery),
    responses((status = 200, body = PolicyImpact)))]
pub(crate) async fn impact(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(asked): Query<ImpactQuery>,
) -> Result<Json<PolicyImpact>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    policies_of::find(&app, &scope, &id).await?;
    let days = asked.days.unwrap_or(7);
    if !(1..=MOST_DAYS).contains(&days) {
        let told = format!("expected 1 to {MOST_DAYS}");
        return Err(ApiError::invalid("days", told));
    }
    let now = app.clock.now();
    let filter = AdmissionFilter {
        cluster: asked.cluster.clone(),
        policy: Some(id.clone()),
        since: Some(now - SignedDuration::from_hours(i64::from(days) * 24)),
        ..AdmissionFilter::default()
    };
    let counts = app.store.policy_decisions(&scope, &filter).await?;
    let tally = counts.first().map(|one| one.tally).unwrap_or_default();
    let (offenders, objects) = app
        .store
        .admission_offenders(&scope, &filter, OFFENDERS)
        .await?;
    let watched = AdmissionFilter {
        policy: None,
        ..filter
    };
    let is_watched = !app
        .store
        .policy_decisions(&scope, &watched)
        .await?
        .is_empty();
    let findings = |state, suppressed| {
        let mut query = FindingQuery::everything().and_exactly(Field::Rule, &id);
        if let Some(cluster) = &asked.cluster {
            query = query.and_exactly(Field::Cluster, cluster);
        }
        let mut filter = FindingFilter::of_query(query, now, None);
        filter.kinds = vec![FindingKind::Misconfiguration];
        filter.states = vec![state];
        filter.suppressed = suppressed;
        filter
    };
    let open = findings(FindingState::Open, Suppressed::No);
    let held = findings(FindingState::Exempted, Suppressed::Either);
    let ask = |filter, limit| {
        let (app, scope) = (&app, &scope);
        async move {
            let request = PageRequest::first(limit);
            app.store
                .findings(scope, &filter, FindingSort::Severity, &request)
                .await
        }
    };
    let running = ask(open, EXAMPLES).await?;
    let exempted = ask(held, 1).await?.total;
    Ok(Json(PolicyImpact {
        days,
        requests: tally.denied + tally.warned + tally.audited,
        denied: tally.denied,
        objects,
        is_watched,
        offenders: offenders.into_iter().map(admission::offender).collect(),
        running: running.total,
        examples: running
            .items
            .into_iter()
            .map(|finding| ImpactExample {
                finding: finding.id.to_string(),
                cluster: finding.asset.cluster.unwrap_or_default(),
                namespace: finding.asset.namespace.unwrap_or_default(),
                workload: finding.asset.workload.unwrap_or_default(),
                summary: finding.summary.unwrap_or(finding.title),
            })
            .collect(),
        exempted,
    }))
}
