//! Addresses VEX documents are fetched from.
//!
//! A server that fetches where it is told is a way into networks it can
//! reach: only whoever runs the installation may say where, and addresses
//! of this machine and of private networks have to be allowed.

use api::vex::{NewVexSource, VexQuery, VexSource};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use fetch::Url;
use store::{MAX_VEX_SOURCES, VexSourceRecord, VexSourceRefusal};

use super::{
    Shared,
    access::Access,
    error::ApiError,
    query::{Body, Query},
    sink, vex,
};
use crate::app::App;

const MAX_ADDRESS: usize = 2_000;
const MOST_HOURS: u32 = 720;
const A_DAY: u32 = 24;

fn wire(source: store::VexSource) -> VexSource {
    VexSource {
        id: source.id,
        environment: source.environment,
        name: source.record.name,
        address: source.record.address,
        allow_private: source.record.allow_private,
        every_hours: source.record.every_hours,
        created: source.created,
        created_by: source.created_by,
        documents: source.documents,
        statements: source.statements,
        left_out: source.left_out,
        asked: source.asked,
        reached: source.reached,
        changed: source.changed,
        error: source.error,
        next: source.next_try,
    }
}

fn address(text: &str, allow_private: bool) -> Result<String, ApiError> {
    let refuse = |told: &str| Err(ApiError::invalid("/address", told));
    let text = text.trim();
    if text.len() > MAX_ADDRESS {
        return refuse("is too long");
    }
    let Ok(url) = Url::parse(text) else {
        return refuse("is no address, as https://vendor.example/vex-repository.json is");
    };
    let is_plain = url.scheme() == "http" && allow_private && fetch::is_loopback(&url);
    if url.scheme() != "https" && !is_plain {
        return refuse("begins with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("holds a user's name: what it leads to must be public");
    }
    Ok(url.to_string())
}

async fn find(app: &App, access: &Access, id: &str) -> Result<store::VexSource, ApiError> {
    let scope = access.scope(app, None).await?;
    let sources = app.store.vex_sources(&scope).await?;
    let mut sources = sources.into_iter();
    sources
        .find(|source| source.id == id)
        .ok_or_else(|| ApiError::not_found("VEX source"))
}

/// Addresses VEX documents are fetched from, by name, and how that goes.
#[utoipa::path(get, path = "/vex/sources", tag = "vex", params(VexQuery),
    responses((status = 200, body = Vec<VexSource>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
    Query(asked): Query<VexQuery>,
) -> Result<Json<Vec<VexSource>>, ApiError> {
    let scope = access.scope(&app, asked.environment.as_deref()).await?;
    let sources = app.store.vex_sources(&scope).await?;
    Ok(Json(sources.into_iter().map(wire).collect()))
}

/// Have what is at an address hold here, as it is there: it is fetched
/// now, and looked at again.
#[utoipa::path(post, path = "/vex/sources", tag = "vex", request_body = NewVexSource,
    responses((status = 201, body = VexSource), (status = 409, description = "the name is taken")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewVexSource>,
) -> Result<(StatusCode, Json<VexSource>), ApiError> {
    if let Some(environment) = &body.environment {
        access.scope(&app, Some(environment)).await?;
    }
    let every_hours = body.every_hours.unwrap_or(A_DAY);
    if !(1..=MOST_HOURS).contains(&every_hours) {
        let told = format!("expected 1 to {MOST_HOURS}");
        return Err(ApiError::invalid("/every_hours", told));
    }
    let record = VexSourceRecord {
        name: sink::name(&body.name)?,
        address: address(&body.address, body.allow_private)?,
        allow_private: body.allow_private,
        every_hours,
    };
    let made = app
        .store
        .add_vex_source(access.author(&app), body.environment.as_deref(), record)
        .await?
        .map_err(|refusal| match refusal {
            VexSourceRefusal::NameTaken => {
                ApiError::conflict("name_taken", "another VEX source has this name")
            }
            VexSourceRefusal::TooMany => ApiError::conflict(
                "too_many",
                format!("there are {MAX_VEX_SOURCES} VEX sources already: remove some"),
            ),
        })?;
    app.vex_bell.notify_one();
    Ok((StatusCode::CREATED, Json(wire(made))))
}

/// Look at an address now, and take all that is there.
#[utoipa::path(post, path = "/vex/sources/{id}/fetch", tag = "vex",
    params(("id" = String, Path, description = "the source's id")),
    responses((status = 202, body = VexSource)))]
pub(crate) async fn fetch_now(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<VexSource>), ApiError> {
    let source = find(&app, &access, &id).await?;
    app.store.hurry_vex_source(&id).await?;
    app.vex_bell.notify_one();
    Ok((StatusCode::ACCEPTED, Json(wire(source))))
}

/// Forget an address and all documents that came from it.
#[utoipa::path(delete, path = "/vex/sources/{id}", tag = "vex",
    params(("id" = String, Path, description = "the source's id")),
    responses((status = 204, description = "removed")))]
pub(crate) async fn remove(
    State(app): Shared,
    access: Access,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let source = find(&app, &access, &id).await?;
    let said = app
        .store
        .remove_vex_source(access.author(&app), &id)
        .await?
        .ok_or_else(|| ApiError::not_found("VEX source"))?;
    let said = said.iter().filter_map(vex::reread).collect();
    let reason = format!("VEX source {} was removed", source.record.name);
    vex::judge_again(&app, source.environment, said, reason);
    Ok(StatusCode::NO_CONTENT)
}
