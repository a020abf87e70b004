//! Alerts handed in by other programs.

use api::alert::{AlertIntake, AlertIntakeQuery, RefusedAlert};
use axum::{
    Json,
    body::{self, Body},
    extract::State,
    http::{HeaderMap, StatusCode, header},
};

use super::{Shared, access::Access, error::ApiError, query::Query};
use crate::{
    app::LOCAL,
    intake::falco::{self, Context, MAX_BODY},
    work::alert,
};

/// Refusals told one by one.
const TOLD: usize = 100;
/// The longest name of a cluster.
const MAX_CLUSTER: usize = 200;

/// Take alerts in Falco's JSON form: one, an array, or one a line. For
/// Falco's `http_output` and falcosidekick's `webhook`.
#[utoipa::path(post, path = "/alerts/falco", tag = "alerts", params(AlertIntakeQuery),
    request_body(content_type = "application/json", description = "events as Falco writes them"),
    responses((status = 200, body = AlertIntake),
        (status = 413, description = "more than 1 MiB or 1,000 events"),
        (status = 415, description = "neither JSON nor NDJSON")))]
pub(crate) async fn falco(
    State(app): Shared,
    access: Access,
    Query(query): Query<AlertIntakeQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AlertIntake>, ApiError> {
    let environment = query.environment.as_deref().unwrap_or(LOCAL);
    access.require_in(environment)?;
    // It must be there, too.
    access.scope(&app, Some(environment)).await?;
    if !is_json(&headers) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "expected application/json or application/x-ndjson; is json_output on in falco.yaml?",
        ));
    }
    let cluster = query.cluster.as_deref().map(str::trim);
    if cluster.is_some_and(|name| name.is_empty() || name.len() > MAX_CLUSTER) {
        return Err(ApiError::invalid(
            "cluster",
            format!("expected 1 to {MAX_CLUSTER} bytes"),
        ));
    }
    let too_large =
        |detail: String| ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail);
    let bytes = body::to_bytes(body, MAX_BODY)
        .await
        .map_err(|_longer| too_large(format!("more than {MAX_BODY} bytes at once")))?;
    let context = Context {
        cluster,
        now: app.clock.now(),
    };
    let parsed = falco::parse(&bytes, context).map_err(|error| match error {
        falco::FalcoError::TooMany => too_large(error.to_string()),
        falco::FalcoError::Empty => ApiError::invalid("body", error.to_string()),
    })?;
    if let ([], Some(first)) = (parsed.alerts.as_slice(), parsed.refused.first()) {
        return Err(ApiError::invalid(
            &format!("/{}", first.index),
            &first.reason,
        ));
    }
    let taken = alert::take(&app, environment, parsed.alerts).await?;
    let refused = parsed.refused.into_iter().take(TOLD);
    Ok(Json(AlertIntake {
        accepted: taken.record.accepted,
        opened: taken.record.opened,
        repeated: taken.record.repeated,
        off: taken.off,
        refused: refused
            .map(|refused| RefusedAlert {
                index: refused.index as u64,
                reason: refused.reason,
            })
            .collect(),
    }))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    [
        "application/json",
        "application/x-ndjson",
        "application/jsonl",
    ]
    .iter()
    .any(|known| kind.eq_ignore_ascii_case(known))
}
