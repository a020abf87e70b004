//! Webhooks of registries: proven by their secret, kept before they are
//! answered, and taken once.

use api::registry::{HookQuery, HookReceipt};
use axum::{
    Json,
    body::Body as RawBody,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use registry::Refusal;
use store::NewRegistryEvent;

use super::{Shared, access::Origin, error::ApiError, query::Query};
use crate::{
    metrics,
    registries::{self, Secrets},
};

/// The largest webhook that is read.
const MAX_HOOK: usize = 1 << 20;

/// What a registry tells by itself. It proves itself by the secret it
/// was given; what it tells is kept before it is answered, and events
/// told before are not taken again.
#[utoipa::path(post, path = "/registries/{id}/hook", tag = "registries",
    request_body(content = Value, description = "as the registry sends it"),
    params(("id" = String, Path, description = "the registry's id"), HookQuery),
    responses((status = 202, body = HookReceipt),
        (status = 413, description = "it is too large"),
        (status = 429, description = "too many from there that prove nothing")))]
pub(crate) async fn hook_in(
    State(app): Shared,
    origin: Origin,
    Path(id): Path<String>,
    Query(query): Query<HookQuery>,
    headers: HeaderMap,
    body: RawBody,
) -> Result<(StatusCode, Json<HookReceipt>), ApiError> {
    let (now, address) = (app.clock.now(), origin.key());
    app.hooks.check("", &address, now)?;
    app.hook_requests.take(&id, now)?;
    let body = axum::body::to_bytes(body, MAX_HOOK)
        .await
        .map_err(|_larger| too_large(MAX_HOOK))?;
    let scope = app.store.scope(None).await?;
    let known = app.store.registry(&scope, &id).await?;
    let unproven = || {
        app.hooks.failed("", &address, now);
        metrics::count(&app.metrics.registry_hooks_refused);
        // Whether there is such a registry is nobody's business.
        ApiError::forbidden(
            "hook_not_proven",
            "this is no webhook's address, or it does not carry the webhook's secret",
        )
    };
    let Some(known) = known else {
        return Err(unproven());
    };
    let of = registries::kind(&known.kind).map_err(|error| ApiError::internal(&error))?;
    let secrets = Secrets::open(&app, &known).map_err(|error| ApiError::internal(&error))?;
    let delivery = registry::Delivery {
        headers: &headers,
        body: &body,
        token: query.token.as_deref(),
    };
    let mut told = Err(Refusal::Unproven("none was set"));
    for secret in secrets.hooks(now) {
        told = registry::told(of, &delivery, &secret, now);
        if !matches!(told, Err(Refusal::Unproven(_))) {
            break;
        }
    }
    let told = match told {
        Ok(told) => told,
        Err(Refusal::Unproven(_)) => return Err(unproven()),
        Err(Refusal::TooLarge(most)) => return Err(too_large(most)),
        Err(other) => {
            metrics::count(&app.metrics.registry_hooks_refused);
            let reason = other.to_string();
            // One that is too old is a recording, and no loss.
            if !matches!(other, Refusal::OutOfTime { .. }) {
                app.store
                    .note_misread(&known, 1, format!("a webhook: {reason}"), now)
                    .await?;
            }
            return Err(ApiError::invalid("/", reason));
        }
    };
    let events: Vec<NewRegistryEvent> = told.into_iter().filter_map(event).collect();
    let count = events.len() as u64;
    let taken = if known.paused || events.is_empty() {
        0
    } else {
        app.store.put_told(&known, events, now).await?
    };
    metrics::add(&app.metrics.registry_events, taken);
    if taken > 0 {
        app.registries.ring();
    }
    let receipt = HookReceipt {
        taken,
        repeated: count.saturating_sub(taken),
    };
    Ok((StatusCode::ACCEPTED, Json(receipt)))
}

fn too_large(most: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("a webhook has at most {most} bytes"),
    )
}

/// What is kept of an event; what is of no use is not.
pub(crate) fn event(told: registry::Told) -> Option<NewRegistryEvent> {
    let kind = match told.what {
        registry::What::Push => "push",
        registry::What::Copy => "import",
        registry::What::Pull => "pull",
        registry::What::Delete => "delete",
        registry::What::Quarantine => return None,
    };
    Some(NewRegistryEvent {
        event: told.id,
        kind: kind.to_owned(),
        repository: told.repository,
        tag: told.tag,
        digest: told.digest.map(|digest| digest.to_string()),
        source: told.origin,
        time: told.time,
    })
}
