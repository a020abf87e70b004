//! Trust policies: whose signatures images must have, and which have one.

use api::{
    Page,
    trust::{
        NewTrustPolicy, TrustCounts, TrustImageQuery, TrustOutcome, TrustPolicy, TrustQuery,
        TrustSigner, TrustVerdict,
    },
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::Permission;
use store::{MAX_TRUST_POLICIES, TrustRecord, TrustRefusal};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    image::reference,
    query::{self, Body, Query},
    sink,
};
use crate::{app::App, trust};

const MAX_DESCRIPTION: usize = 2_000;
const MAX_REPOSITORIES: usize = 200;
const MAX_ROOT: usize = 512 << 10;

pub(crate) fn verdict(verdict: store::TrustVerdict) -> TrustVerdict {
    match verdict {
        store::TrustVerdict::Pending => TrustVerdict::Pending,
        store::TrustVerdict::Signed => TrustVerdict::Signed,
        store::TrustVerdict::Refused => TrustVerdict::Refused,
        store::TrustVerdict::Unknown => TrustVerdict::Unknown,
    }
}

fn wire(policy: store::TrustPolicy) -> TrustPolicy {
    let (signers, stampers) = trust::parts(&policy.record);
    let record = policy.record;
    TrustPolicy {
        id: policy.id,
        environment: policy.environment,
        name: record.name,
        description: record.description,
        repositories: record.repositories,
        signers: trust::described(signers),
        stampers,
        has_root: record.root.is_some(),
        enabled: record.enabled,
        revision: policy.revision,
        created: policy.created,
        updated: policy.updated,
        updated_by: policy.updated_by,
        counts: TrustCounts {
            signed: policy.tally.signed,
            refused: policy.tally.refused,
            pending: policy.tally.pending,
            unknown: policy.tally.unknown,
        },
    }
}

pub(crate) fn outcome(outcome: store::TrustOutcome) -> TrustOutcome {
    let found = outcome.found;
    TrustOutcome {
        policy: outcome.policy,
        policy_name: outcome.policy_name,
        repository: outcome.repository,
        digest: outcome.digest,
        verdict: verdict(found.verdict),
        why: found.why,
        reason: found.reason,
        mend: found.mend,
        signer: found.signer,
        scheme: found.scheme,
        through: found.through,
        signed_at: found.logged,
        ends: found.ends,
        since: outcome.since,
        checked: outcome.checked,
        next_check: outcome.next_check,
        image: outcome.image.as_ref().map(reference),
    }
}

/// What a body asks for; `before`: the trusted root that is set.
fn record(body: NewTrustPolicy, before: Option<String>) -> Result<TrustRecord, ApiError> {
    if body.description.len() > MAX_DESCRIPTION {
        let told = format!("longer than {MAX_DESCRIPTION} bytes");
        return Err(ApiError::invalid("/description", told));
    }
    if body.repositories.is_empty() || body.repositories.len() > MAX_REPOSITORIES {
        let told = format!("expected 1 to {MAX_REPOSITORIES}");
        return Err(ApiError::invalid("/repositories", told));
    }
    let mut repositories = Vec::new();
    for (index, text) in body.repositories.iter().enumerate() {
        let pattern = trust::pattern(text)
            .map_err(|told| ApiError::invalid(&format!("/repositories/{index}"), told))?;
        if !repositories.contains(&pattern) {
            repositories.push(pattern);
        }
    }
    let root = match body.trusted_root {
        Some(serde_json::Value::String(text)) => Some(text),
        Some(value) => Some(value.to_string()),
        None => before,
    };
    if root.as_ref().is_some_and(|text| text.len() > MAX_ROOT) {
        let told = format!("longer than {MAX_ROOT} bytes");
        return Err(ApiError::invalid("/trusted_root", told));
    }
    for (index, signer) in body.signers.iter().enumerate() {
        let (TrustSigner::Key { name, .. } | TrustSigner::Certificate { name, .. }) = signer else {
            continue;
        };
        sink::name(name).map_err(|_why| {
            let told = "expected a short name on one line";
            ApiError::invalid(&format!("/signers/{index}/name"), told)
        })?;
    }
    trust::asked(&body.signers, &body.stampers, root.as_deref()).map_err(|told| {
        let part = if told.contains("trusted root") {
            "/trusted_root"
        } else {
            "/signers"
        };
        ApiError::invalid(part, told)
    })?;
    let plain = "invariant: the contract is plain data";
    Ok(TrustRecord {
        name: sink::name(&body.name)?,
        description: body.description,
        repositories,
        signers: serde_json::to_value(trust::described(body.signers)).expect(plain),
        stampers: serde_json::to_value(&body.stampers).expect(plain),
        root,
        enabled: body.enabled,
    })
}

fn refused(refusal: TrustRefusal) -> ApiError {
    match refusal {
        TrustRefusal::NameTaken => ApiError::conflict(
            "name_taken",
            "another trust policy of the environment has this name",
        ),
        TrustRefusal::TooMany => ApiError::conflict(
            "too_many",
            format!("there are {MAX_TRUST_POLICIES} trust policies already: remove some"),
        ),
        TrustRefusal::Gone => ApiError::not_found("trust policy"),
    }
}

async fn find(app: &App, access: &Access, id: &str) -> Result<store::TrustPolicy, ApiError> {
    let scope = access.visible(app).await?;
    app.store
        .trust_policy(&scope, id)
        .await?
        .ok_or_else(|| ApiError::not_found("trust policy"))
}

/// It holds, or holds no longer, from now on.
fn changed(app: &App, environment: &str) {
    app.trust.look_again();
    app.bundles.trust_changed(environment);
    app.bus.publish(&api::Event::Admission {
        environment: environment.to_owned(),
    });
}

/// Every trust policy, by name, and how many images are signed as it
/// asks.
#[utoipa::path(get, path = "/trust", tag = "trust", params(TrustQuery),
    responses((status = 200, body = Vec<TrustPolicy>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(asked): Query<TrustQuery>,
) -> Result<Json<Vec<TrustPolicy>>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let policies = app.store.trust_policies(&scope).await?;
    Ok(Json(policies.into_iter().map(wire).collect()))
}

/// Ask for signatures on images of some repositories. Images that are
/// known are verified within seconds; nothing is refused by this alone:
/// the policy `pods-images-signed` says what is done about it.
#[utoipa::path(post, path = "/trust", tag = "trust", request_body = NewTrustPolicy,
    responses((status = 201, body = TrustPolicy), (status = 409, description = "the name is taken")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewTrustPolicy>,
) -> Result<(StatusCode, Json<TrustPolicy>), ApiError> {
    let environment = body
        .environment
        .clone()
        .unwrap_or_else(|| access.own_environment(Permission::Configure));
    access.require_in(&environment)?;
    // It must be there, not merely be allowed.
    access.scope(&app, Some(&environment)).await?;
    let record = record(body, None)?;
    let made = app
        .store
        .add_trust_policy(access.author(&app), &environment, record)
        .await?
        .map_err(refused)?;
    changed(&app, &environment);
    Ok((StatusCode::CREATED, Json(wire(made))))
}

/// One trust policy.
#[utoipa::path(get, path = "/trust/{id}", tag = "trust",
    params(("id" = String, Path, description = "the policy's id")),
    responses((status = 200, body = TrustPolicy)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<TrustPolicy>, ApiError> {
    Ok(Json(wire(find(&app, &access, &id).await?)))
}

/// Change a trust policy. What was verified by it counts no more until it
/// is verified again, which is at once.
#[utoipa::path(put, path = "/trust/{id}", tag = "trust", request_body = NewTrustPolicy,
    params(("id" = String, Path, description = "the policy's id")),
    responses((status = 200, body = TrustPolicy), (status = 409, description = "the name is taken")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(body): Body<NewTrustPolicy>,
) -> Result<Json<TrustPolicy>, ApiError> {
    let before = find(&app, &access, &id).await?;
    access.require_in(&before.environment)?;
    if body
        .environment
        .as_ref()
        .is_some_and(|name| *name != before.environment)
    {
        let told = "a policy stays in its environment: make another there";
        return Err(ApiError::invalid("/environment", told));
    }
    let record = record(body, before.record.root)?;
    let policy = app
        .store
        .change_trust_policy(access.author(&app), &id, record)
        .await?
        .map_err(refused)?;
    changed(&app, &policy.environment);
    Ok(Json(wire(policy)))
}

/// Remove a trust policy: nothing is asked of images by it any more.
#[utoipa::path(delete, path = "/trust/{id}", tag = "trust",
    params(("id" = String, Path, description = "the policy's id")),
    responses((status = 204, description = "removed")))]
pub(crate) async fn remove(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let policy = find(&app, &access, &id).await?;
    access.require_in(&policy.environment)?;
    if !app
        .store
        .remove_trust_policy(access.author(&app), &id)
        .await?
    {
        return Err(ApiError::not_found("trust policy"));
    }
    changed(&app, &policy.environment);
    Ok(StatusCode::NO_CONTENT)
}

/// Images a trust policy holds for, by repository, each with what was
/// found.
#[utoipa::path(get, path = "/trust/{id}/images", tag = "trust",
    params(("id" = String, Path, description = "the policy's id"), TrustImageQuery),
    responses((status = 200, body = Page<TrustOutcome>)))]
pub(crate) async fn images(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Query(asked): Query<TrustImageQuery>,
) -> Result<Json<Page<TrustOutcome>>, ApiError> {
    let policy = find(&app, &access, &id).await?;
    let request = query::page(asked.cursor, asked.limit)?;
    let wanted = asked.verdict.map(|verdict| match verdict {
        TrustVerdict::Pending => store::TrustVerdict::Pending,
        TrustVerdict::Signed => store::TrustVerdict::Signed,
        TrustVerdict::Refused => store::TrustVerdict::Refused,
        TrustVerdict::Unknown => store::TrustVerdict::Unknown,
    });
    let text = query::text(asked.q);
    let page = app
        .store
        .trust_outcomes(&policy, wanted, text.as_deref(), &request)
        .await?;
    Ok(Json(query::wire(page, outcome)))
}

/// Verify everything a trust policy holds for again, now.
#[utoipa::path(post, path = "/trust/{id}/verify", tag = "trust",
    params(("id" = String, Path, description = "the policy's id")),
    responses((status = 202, body = TrustPolicy)))]
pub(crate) async fn verify(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<TrustPolicy>), ApiError> {
    let policy = find(&app, &access, &id).await?;
    access.require_in(&policy.environment)?;
    let subjects = app.store.trust_subjects(&policy).await?;
    let now = app.clock.now();
    app.store
        .put_trust_subjects(&policy, subjects, true, now)
        .await?;
    app.trust.look_again();
    Ok((StatusCode::ACCEPTED, Json(wire(policy))))
}
