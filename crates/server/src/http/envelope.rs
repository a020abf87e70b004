//! What every answer carries: a request id, security headers, and a
//! problem document where something went wrong.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::{
    access::Origin,
    error::{self, Refusal},
};
use crate::{
    address::{Network, plain},
    app::App,
    listener::Peer,
    metrics,
};

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

/// Marks an answer for a person at a browser: a refusal in words that
/// stays as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsIs;

/// Where a request came from: the connection's other end, or, if that
/// is a proxy we trust, the last address before it that is none.
fn client_address(app: &App, request: &Request) -> Option<IpAddr> {
    let ConnectInfo(Peer(peer)) = *request.extensions().get::<ConnectInfo<Peer>>()?;
    let is_proxy = |address: IpAddr| {
        app.proxies
            .iter()
            .any(|network: &Network| network.contains(address))
    };
    let mut address = plain(peer.ip());
    let said: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for before in said.into_iter().rev() {
        match before.trim().parse() {
            Ok(before) if is_proxy(address) => address = plain(before),
            _ => break,
        }
    }
    Some(address)
}

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
    let origin = Origin {
        address: client_address(&app, &request),
        request: id.clone(),
    };
    request.extensions_mut().insert(origin);
    let mut response = next.run(request).instrument(span).await;

    metrics::count(&app.metrics.requests);
    let status = response.status();
    if status.is_server_error() {
        app.metrics.request_failures.fetch_add(1, Ordering::Relaxed);
    }
    let is_page = response.extensions().get::<AsIs>().is_some();
    if !is_page && (status.is_client_error() || status.is_server_error()) {
        let refusal = response.extensions_mut().remove::<Refusal>();
        let kept = [
            header::ALLOW,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            header::SET_COOKIE,
        ]
        .map(|name| (response.headers().get(&name).cloned(), name));
        response = error::problem(status, refusal, &path, &id);
        for (value, name) in kept {
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
    }
    let headers = response.headers_mut();
    if app.config.has_own_certificate() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
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
