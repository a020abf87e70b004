//! Environments, and the demonstration one.

use api::{
    Environment, SeverityCounts,
    environment::{DemoStarted, NewEnvironment},
};
use axum::{Json, extract::State, http::StatusCode};

use model::Permission;

use super::{Shared, access::Access, error::ApiError, query::Body, severity};

use crate::{app::DEMO, demo};

/// The environments within reach. Counts are zero where findings may not
/// be seen.
#[utoipa::path(get, path = "/environments", tag = "environments",
    responses((status = 200, body = Vec<Environment>)))]
pub(crate) async fn list(
    State(app): Shared,
    access: Access,
) -> Result<Json<Vec<Environment>>, ApiError> {
    let environments = app.store.environments().await?;
    let reach = access.reach();
    Ok(Json(
        environments
            .into_iter()
            .filter(|environment| reach.contains(&environment.name))
            .map(|environment| {
                let visible = access.actor.rights.may(Permission::View, &environment.name);
                let (images, counts) = if visible {
                    (environment.images, severity::counts(environment.counts))
                } else {
                    (0, SeverityCounts::default())
                };
                Environment {
                    id: environment.name,
                    name: environment.title,
                    demo: environment.demo,
                    images,
                    counts,
                }
            })
            .collect(),
    ))
}

/// Make an environment, for findings that are handed in and for people
/// who shall see no others.
#[utoipa::path(post, path = "/environments", tag = "environments",
    request_body = NewEnvironment,
    responses((status = 201, description = "made"), (status = 409, description = "there is one")))]
pub(crate) async fn create(
    State(app): Shared,
    access: Access,
    Body(body): Body<NewEnvironment>,
) -> Result<StatusCode, ApiError> {
    let id = body.id.trim();
    let is_plain = id
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_plain || !(1..=63).contains(&id.len()) {
        return Err(ApiError::invalid(
            "/id",
            "expected 1 to 63 of a-z, 0-9 and '-'",
        ));
    }
    let name = super::user::text("/name", &body.name)?;
    let author = access.author(&app);
    if app.store.create_environment(author, id, &name).await? {
        Ok(StatusCode::CREATED)
    } else {
        Err(ApiError::conflict(
            "id_taken",
            format!("there is an environment with the id '{id}'"),
        ))
    }
}

/// Add the demonstration environment: made-up images, really built and
/// really scanned.
#[utoipa::path(post, path = "/demo", tag = "environments",
    responses((status = 202, body = DemoStarted, description = "started")))]
pub(crate) async fn add_demo(
    State(app): Shared,
) -> Result<(StatusCode, Json<DemoStarted>), ApiError> {
    let scans = demo::add(&app)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    let started = DemoStarted {
        environment: DEMO.to_owned(),
        scans,
    };
    Ok((StatusCode::ACCEPTED, Json(started)))
}

/// Remove the demonstration environment and every row of it.
#[utoipa::path(delete, path = "/demo", tag = "environments",
    responses((status = 204, description = "removed")))]
pub(crate) async fn remove_demo(State(app): Shared) -> Result<StatusCode, ApiError> {
    demo::remove(&app)
        .await
        .map_err(|error| ApiError::internal(&error))?;
    app.bus.publish(&api::Event::Resync);
    Ok(StatusCode::NO_CONTENT)
}
