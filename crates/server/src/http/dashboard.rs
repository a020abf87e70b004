//! The dashboard's files, embedded at build time.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::error::ApiError;
use crate::secret::Token;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Files;

/// Stands for the page's nonce in `index.html`.
const NONCE: &str = "__CSP_NONCE__";

/// Shown when the server was built without the dashboard.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Seawall</title>
<p>This server was built without its dashboard. Run <code>npm ci &amp;&amp; npm run build</code>
in <code>ui/</code> and build the server again, or use the API at
<a href=\"/api/v1/openapi.json\">/api/v1</a>.</p>
</html>
";

/// A file, or the one page that routes itself.
pub(crate) async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "only reading is possible here",
        )
        .into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if path.starts_with("api/") {
        return ApiError::not_found("operation").into_response();
    }
    let is_page = path.is_empty() || path == "index.html";
    if !is_page && let Some(file) = Files::get(path) {
        return asset(path, file, request.headers());
    }
    // A missing asset must not be answered with a page.
    let is_file = path
        .rsplit('/')
        .next()
        .is_some_and(|name| name.contains('.') && path.starts_with("assets/"));
    if is_file {
        return ApiError::not_found("file").into_response();
    }
    page()
}

/// `index.html` under a nonce of its own, never kept by anybody.
fn page() -> Response {
    let html = match Files::get("index.html") {
        Some(file) => String::from_utf8_lossy(&file.data).into_owned(),
        None => NOT_BUILT.to_owned(),
    };
    let nonce = match Token::new() {
        Ok(nonce) => nonce,
        Err(error) => return ApiError::internal(&error).into_response(),
    };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        nonce = nonce.reveal()
    );
    let mut response = html.replace(NONCE, nonce.reveal()).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// One file, compressed beforehand where the browser can take that.
fn asset(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let accepts = |encoding: &str| {
        asked
            .get(header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value
                    .split(',')
                    .any(|offer| offer.split(';').next().map(str::trim) == Some(encoding))
            })
    };
    let compressed = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(encoding))
        .find_map(|(encoding, extension)| {
            Some((encoding, Files::get(&format!("{path}.{extension}"))?))
        });
    let mime = file.metadata.mimetype().to_owned();
    let (encoding, file) = match compressed {
        Some((encoding, file)) => (Some(encoding), file),
        None => (None, file),
    };
    let tag = format!(
        "\"{}\"",
        model::Digest::from_bytes(file.metadata.sha256_hash()).short()
    );
    let is_known = asked
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data).into_response()
    };
    let headers = response.headers_mut();
    let mut put = |name, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    put(header::ETAG, &tag);
    put(header::VARY, "accept-encoding");
    // Names under assets/ carry a hash of their content.
    let caching = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    put(header::CACHE_CONTROL, caching);
    if !is_known {
        put(header::CONTENT_TYPE, &mime);
        if let Some(encoding) = encoding {
            put(header::CONTENT_ENCODING, encoding);
        }
    }
    response
}
