//! Who may ask, from where: checked before any handler runs.
//!
//! The server listens on loopback, so the attackers are web pages in the
//! user's own browser: pages of other sites that send requests here
//! (CSRF), and names that resolve to loopback to look like this site
//! (DNS rebinding).

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{error::ApiError, session};
use crate::app::App;

/// Refuses names that are not ours.
pub(crate) async fn known_host(request: Request, next: Next) -> Response {
    let name = host_of(request.uri(), request.headers());
    if name.is_some_and(is_loopback_name) {
        next.run(request).await
    } else {
        ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong_host",
            "this server answers to localhost, 127.0.0.1 and [::1] only",
        )
        .into_response()
    }
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
pub(crate) async fn same_site(request: Request, next: Next) -> Response {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if is_safe || is_same_origin(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        ApiError::forbidden(
            "cross_site",
            "a page of another site may not change anything here",
        )
        .into_response()
    }
}

fn is_same_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    // Every browser of today sends this, and no page can forge it.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
        Some(Ok(origin)) => {
            let ours = host_of(uri, headers);
            origin.split_once("://").map(|(_, host)| host) == ours
        }
        Some(Err(_)) => false,
        // No browser: a program that was given the cookie.
        None => true,
    }
}

/// Refuses whoever is not known, and tells the handlers who asks.
pub(crate) async fn known(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    match session::recognise(&app, request.headers()).await {
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
            is_same_origin(&Uri::from_static("/x"), &headers)
        };
        assert!(verdict("sec-fetch-site", "same-origin"));
        assert!(verdict("sec-fetch-site", "none"));
        assert!(!verdict("sec-fetch-site", "same-site"));
        assert!(!verdict("sec-fetch-site", "cross-site"));
        assert!(verdict("origin", "http://127.0.0.1:8470"));
        assert!(!verdict("origin", "http://127.0.0.1:1"));
        assert!(!verdict("origin", "null"));
    }
}
