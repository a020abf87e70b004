//! What every answer carries: a request id, security headers, and a
//! problem document where something went wrong.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::{
    access::Origin,
    error::{self, Refusal},
};
use crate::{app::App, metrics};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For everything that is not the dashboard's own page, whose policy
/// comes with it: nothing may be loaded, framed or sniffed.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

pub(crate) async fn wrap(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = uuid::Uuid::now_v7().to_string();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!(
        "request",
        request.id = %id,
        request.method = %request.method(),
        request.path = %path
    );
    request.extensions_mut().insert(Origin {
        address: None,
        request: id.clone(),
    });
    let mut response = next.run(request).instrument(span).await;

    metrics::count(&app.metrics.requests);
    let status = response.status();
    if status.is_server_error() {
        app.metrics.request_failures.fetch_add(1, Ordering::Relaxed);
    }
    if status.is_client_error() || status.is_server_error() {
        let refusal = response.extensions_mut().remove::<Refusal>();
        let kept = response.headers().get(header::ALLOW).cloned();
        response = error::problem(status, refusal, &path, &id);
        if let Some(allow) = kept {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    if path.starts_with(super::API_PREFIX) {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
