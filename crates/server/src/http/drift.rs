//! What sensors do about programs that are not in the image.

use api::sensor::{DriftSettings, NewDriftSettings, SensorQuery};
use axum::{
    Json,
    body::{self, Body},
    extract::State,
    http::StatusCode,
};

use super::{Shared, access::Access, error::ApiError, query::Query};
use crate::{app::LOCAL, sensors};

/// The largest body: a few hundred rules with all their patterns.
const MAX_BODY: usize = 1 << 20;

/// The drift policy of an environment, and its deny lists.
#[utoipa::path(get, path = "/drift/policy", tag = "sensors", params(SensorQuery),
    responses((status = 200, body = DriftSettings)))]
pub(crate) async fn read(
    State(app): Shared,
    access: Access,
    Query(query): Query<SensorQuery>,
) -> Result<Json<DriftSettings>, ApiError> {
    let environment = query.environment.as_deref().unwrap_or(LOCAL);
    access.scope(&app, Some(environment)).await?;
    Ok(Json(sensors::drift_of(&app, environment).await?))
}

/// Change the drift policy of an environment. Its sensors act by it
/// within seconds.
#[utoipa::path(put, path = "/drift/policy", tag = "sensors", request_body = NewDriftSettings,
    responses((status = 200, body = DriftSettings),
        (status = 409, description = "somebody else changed it meanwhile: read it again")))]
pub(crate) async fn change(
    State(app): Shared,
    access: Access,
    body: Body,
) -> Result<Json<DriftSettings>, ApiError> {
    let bytes = body::to_bytes(body, MAX_BODY).await.map_err(|_longer| {
        let told = format!("more than {MAX_BODY} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", told)
    })?;
    let asked: NewDriftSettings = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::invalid("body", error.to_string()))?;
    let environment = asked.environment.as_deref().unwrap_or(LOCAL);
    access.require_in(environment)?;
    access.scope(&app, Some(environment)).await?;
    sensors::document(&asked.drift).map_err(|(part, told)| ApiError::invalid(&part, told))?;
    let policy = sensors::written(&asked.drift, &asked.deny);
    let author = access.author(&app);
    app.store
        .put_sensor_policy(author, environment, asked.revision, policy)
        .await?
        .map_err(|stale| {
            ApiError::conflict(
                "policy_changed",
                format!(
                    "somebody else changed the policy: it is at revision {}, and this is a \
                     change of {}; read it again",
                    stale.revision, asked.revision
                ),
            )
        })?;
    app.sensors.changed(environment);
    app.bus.publish(&api::Event::Sensors {
        environment: environment.to_owned(),
    });
    Ok(Json(sensors::drift_of(&app, environment).await?))
}
