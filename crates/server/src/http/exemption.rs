//! Exemptions: made, looked at, changed and ended.

use api::{
    Exemption, Page,
    exemption::{ExemptionChange, ExemptionPreview, ExemptionQuery, ExemptionState, NewExemption},
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use jiff::Timestamp;
use model::{FindingState, permission::Permission, query::QueryErrors};
use store::{ExemptionFilter, FindingFilter, FindingSort, PageRequest};

use super::{
    Shared,
    access::Access,
    action::{self, MAX_TEXT},
    error::ApiError,
    finding,
    query::{self, Body, Query},
    severity,
};
use crate::{app::App, work::posture};

/// The longest name of an owner.
const MAX_NAME: usize = 200;
/// Findings shown of what an exemption would take.
const EXAMPLES: u32 = 5;

fn wire(exemption: store::Exemption) -> Exemption {
    Exemption {
        id: exemption.id,
        scope: exemption.scope,
        environment: exemption.environment,
        reason: finding::reason(exemption.reason),
        note: exemption.note,
        owner: exemption.owner,
        created: exemption.created,
        created_by: exemption.created_by,
        expires: exemption.expires,
        state: match exemption.state {
            store::ExemptionState::Active => ExemptionState::Active,
            store::ExemptionState::Expired => ExemptionState::Expired,
            store::ExemptionState::Revoked => ExemptionState::Revoked,
        },
        ended: exemption.ended,
        ended_by: exemption.ended_by,
        findings: exemption.findings,
    }
}

/// Exemptions, newest first.
#[utoipa::path(get, path = "/exemptions", tag = "exemptions", params(ExemptionQuery),
    responses((status = 200, body = Page<Exemption>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(asked): Query<ExemptionQuery>,
) -> Result<Json<Page<Exemption>>, ApiError> {
    let request = query::page(asked.cursor, asked.limit)?;
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let states = query::list("state", asked.state.as_deref(), |word| {
        store::ExemptionState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| format!("unknown state '{word}' (expected active, expired or revoked)"))
    })?;
    let filter = ExemptionFilter {
        states,
        text: query::text(asked.q),
        everywhere: true,
    };
    let page = app.store.exemptions(&scope, &filter, &request).await?;
    Ok(Json(query::wire(page, wire)))
}

/// One exemption.
#[utoipa::path(get, path = "/exemptions/{id}", tag = "exemptions",
    params(("id" = String, Path, description = "the exemption's id")),
    responses((status = 200, body = Exemption)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Exemption>, ApiError> {
    Ok(Json(wire(find(&app, &access, &id).await?)))
}

/// Makes an exemption. It takes the open findings it means, and those
/// that come later, until it ends.
#[utoipa::path(post, path = "/exemptions", tag = "exemptions", request_body = NewExemption,
    responses((status = 201, body = Exemption)))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(asked): Body<NewExemption>,
) -> Result<(StatusCode, Json<Exemption>), ApiError> {
    let exemption = checked(&app, &access, asked)?;
    if let Some(name) = &exemption.environment {
        // It must be there, not merely be allowed.
        access.scope(&app, Some(name)).await?;
    }
    let (made, touched) = app.store.exempt(access.author(&app), exemption).await?;
    action::publish(&app, touched);
    app.exemptions.notify_one();
    app.bundles.changed();
    Ok((StatusCode::CREATED, Json(wire(made))))
}

/// What an exemption would take, before it is made.
#[utoipa::path(post, path = "/exemptions/preview", tag = "exemptions",
    request_body = NewExemption, responses((status = 200, body = ExemptionPreview)))]
pub(crate) async fn preview(
    State(app): Shared,
    access: Access,
    Body(asked): Body<NewExemption>,
) -> Result<Json<ExemptionPreview>, ApiError> {
    let exemption = checked(&app, &access, asked)?;
    let scope = access.scope(&app, exemption.environment.as_deref()).await?;
    let mut filter = FindingFilter::of_query(exemption.scope, app.clock.now(), None);
    filter.states = vec![FindingState::Open];
    let facets = app.store.finding_facets(&scope, &filter).await?;
    let examples = app
        .store
        .findings(
            &scope,
            &filter,
            FindingSort::Severity,
            &PageRequest::first(EXAMPLES),
        )
        .await?;
    Ok(Json(ExemptionPreview {
        counts: severity::counts(facets.severities),
        examples: examples.items.into_iter().map(finding::wire).collect(),
        score: posture::score_change(&app, &scope, &filter).await?,
    }))
}

/// Changes note, owner or end of an active exemption.
#[utoipa::path(patch, path = "/exemptions/{id}", tag = "exemptions",
    params(("id" = String, Path, description = "the exemption's id")),
    request_body = ExemptionChange, responses((status = 200, body = Exemption)))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
    Body(asked): Body<ExemptionChange>,
) -> Result<Json<Exemption>, ApiError> {
    may_change(&app, &access, &id).await?;
    in_the_future(&app, asked.expires)?;
    let change = store::ExemptionChange {
        note: asked
            .note
            .map(|note| action::text("note", &note, MAX_TEXT))
            .transpose()?,
        owner: asked
            .owner
            .map(|owner| action::text("owner", &owner, MAX_NAME))
            .transpose()?,
        expires: asked.expires,
    };
    let changed = app
        .store
        .change_exemption(access.author(&app), &id, change)
        .await?
        .ok_or_else(over)?;
    app.exemptions.notify_one();
    app.bundles.changed();
    Ok(Json(wire(changed)))
}

/// Ends an exemption; its findings open again, unless another means
/// them.
#[utoipa::path(delete, path = "/exemptions/{id}", tag = "exemptions",
    params(("id" = String, Path, description = "the exemption's id")),
    responses((status = 204)))]
pub(crate) async fn end(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    may_change(&app, &access, &id).await?;
    let touched = app
        .store
        .revoke_exemption(access.author(&app), &id)
        .await?
        .ok_or_else(over)?;
    app.bundles.changed();
    action::publish(&app, touched);
    Ok(StatusCode::NO_CONTENT)
}

fn over() -> ApiError {
    ApiError::conflict("already_ended", "the exemption has ended already")
}

async fn find(app: &App, access: &Access, id: &str) -> Result<store::Exemption, ApiError> {
    let scope = access.visible(app).await?;
    app.store
        .exemption(&scope, id)
        .await?
        .ok_or_else(|| ApiError::not_found("exemption"))
}

/// One that holds everywhere needs the right everywhere.
async fn may_change(app: &App, access: &Access, id: &str) -> Result<(), ApiError> {
    let exemption = find(app, access, id).await?;
    may_hold_in(access, exemption.environment.as_deref())
}

fn may_hold_in(access: &Access, environment: Option<&str>) -> Result<(), ApiError> {
    match environment {
        Some(name) => access.require_in(name),
        None if access.actor.rights.may_everywhere(Permission::Exempt) => Ok(()),
        None => Err(ApiError::forbidden(
            "not_permitted",
            "an exemption for all environments needs the permission 'exempt' in all of them; name \
             one environment",
        )),
    }
}

fn in_the_future(app: &App, expires: Option<Timestamp>) -> Result<(), ApiError> {
    match expires {
        Some(time) if time <= app.clock.now() => {
            Err(ApiError::invalid("expires", "it must be in the future"))
        }
        _ => Ok(()),
    }
}

fn checked(
    app: &App,
    access: &Access,
    asked: NewExemption,
) -> Result<store::NewExemption, ApiError> {
    may_hold_in(access, asked.environment.as_deref())?;
    in_the_future(app, asked.expires)?;
    let scope = model::Query::parse_scope(&asked.scope)
        .map_err(|errors: QueryErrors| ApiError::invalid_query("scope", &errors))?;
    Ok(store::NewExemption {
        scope,
        environment: asked.environment,
        reason: action::reason(asked.reason),
        note: action::text("note", &asked.note, MAX_TEXT)?,
        owner: match asked.owner {
            Some(owner) => action::text("owner", &owner, MAX_NAME)?,
            None => access.actor.name.clone(),
        },
        expires: asked.expires,
    })
}
