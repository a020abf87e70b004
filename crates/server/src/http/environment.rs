//! Environments, and the demonstration one.

use api::{Environment, SeverityCounts, environment::DemoStarted};
use axum::{Json, extract::State, http::StatusCode};

use super::{Shared, access::Access, error::ApiError, severity};
use model::Permission;

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
