//! Who may ask, from where: checked before any handler runs.
//!
//! Among the attackers are web pages in the user's own browser: pages of
//! other sites that send requests here (CSRF), and names that resolve to
//! loopback to look like this site (DNS rebinding).

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{access::Origin, cookie::Cookie, error::ApiError, identity};
use crate::{app::App, config::Config};

/// Refuses names that are not ours. Beyond loopback the certificate
/// does: a browser that came by another name never got this far.
pub(crate) async fn known_host(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let name = host_of(request.uri(), request.headers());
    let is_ours = !app.config.listen.ip().is_loopback()
        || name.is_some_and(|name| is_loopback_name(name) || is_public_name(&app.config, name));
    if is_ours {
        return next.run(request).await;
    }
    ApiError::new(
        StatusCode::MISDIRECTED_REQUEST,
        "wrong_host",
        "this server answers to localhost, 127.0.0.1 and [::1] only, and to the name in \
         public_url if one is set",
    )
    .into_response()
}

fn is_public_name(config: &Config, authority: &str) -> bool {
    config.public_origin().is_some_and(|origin| {
        let name = origin.host_str().unwrap_or_default();
        let with_port = origin.port().map(|port| format!("{name}:{port}"));
        authority.eq_ignore_ascii_case(name)
            || with_port.is_some_and(|full| authority.eq_ignore_ascii_case(&full))
    })
}

fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    uri.authority()
        .map(axum::http::uri::Authority::as_str)
        .or_else(|| headers.get(header::HOST)?.to_str().ok())
}

fn is_loopback_name(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Refuses changes asked for by pages of other sites.
pub(crate) async fn same_site(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if is_safe || is_same_origin(&app.config, request.uri(), request.headers()) {
        return next.run(request).await;
    }
    ApiError::forbidden(
        "cross_site",
        "a page of another site may not change anything here; a program should use an API \
         token, or send 'Sec-Fetch-Site: none' with its cookie",
    )
    .into_response()
}

fn is_same_origin(config: &Config, uri: &Uri, headers: &HeaderMap) -> bool {
    // No browser adds this by itself: whoever sends it knows a secret.
    // A password it might remember and add is no such proof.
    let authorization = headers.get(header::AUTHORIZATION);
    let scheme = authorization.and_then(|value| value.as_bytes().get(..7));
    if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer ")) {
        return true;
    }
    // Every browser of today sends this, and no page can forge it.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
        Some(Ok(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            let ours = host_of(uri, headers);
            host == ours || host.is_some_and(|host| is_public_name(config, host))
        }
        Some(Err(_)) => false,
        // A program, or a browser too old to say: it may do what needs
        // no cookie.
        None => Cookie::Session.read(config, headers).is_none(),
    }
}

/// API servers send audit events, and sensors alerts, as long as they
/// have some, which is bounded where it comes in; to refuse them for
/// being many would lose some, or make them late.
fn is_stream(method: &Method, path: &str) -> bool {
    let ends = |beginning: &str, ends: &[&str]| {
        let rest = path.strip_prefix(beginning);
        rest.is_some_and(|rest| ends.iter().any(|end| rest.ends_with(end)))
    };
    *method == Method::POST
        && (ends("/api/v1/clusters/", &["/audit"])
            || ends("/api/v1/sensors/", &["/batches", "/status"]))
}

/// Refuses whoever is not known, and tells the handlers who asks.
pub(crate) async fn known(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let origin = Origin::of(request.extensions());
    let is_counted = !is_stream(request.method(), request.uri().path());
    match identity::recognise(&app, request.headers(), &origin, is_counted).await {
        Ok(Some(actor)) => {
            request.extensions_mut().insert(Arc::new(actor));
            next.run(request).await
        }
        Ok(None) => ApiError::not_signed_in().into_response(),
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_ours() {
        for ours in [
            "localhost",
            "LOCALHOST:8470",
            "127.0.0.1:8470",
            "[::1]:8470",
            "127.1.2.3",
        ] {
            assert!(is_loopback_name(ours), "{ours}");
        }
        for others in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:8470",
            "",
            "[fe80::1]",
        ] {
            assert!(!is_loopback_name(others), "{others}");
        }
    }

    #[test]
    fn another_sites_page_is_told_by_either_header() {
        let verdict = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:8470".parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            is_same_origin(&Config::default(), &Uri::from_static("/x"), &headers)
        };
        assert!(verdict("sec-fetch-site", "same-origin"));
        assert!(verdict("sec-fetch-site", "none"));
        assert!(!verdict("sec-fetch-site", "same-site"));
        assert!(!verdict("sec-fetch-site", "cross-site"));
        assert!(verdict("origin", "http://127.0.0.1:8470"));
        assert!(!verdict("origin", "http://127.0.0.1:1"));
        assert!(!verdict("origin", "null"));
        assert!(verdict("cookie", "theme=dark"));
        assert!(!verdict("cookie", "seawall_session=abc"));
        assert!(verdict("authorization", "Bearer sw_a_b"));
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "Basic eA==".parse().unwrap());
        headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
        let uri = Uri::from_static("/x");
        assert!(!is_same_origin(&Config::default(), &uri, &headers));
    }
}
