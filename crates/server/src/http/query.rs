//! Reading requests: extractors and words whose refusals name the part
//! that was wrong.

use std::{fmt::Display, str::FromStr};

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use store::PageRequest;

use super::error::ApiError;

/// Query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let detail = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                ApiError::invalid("query", detail)
            })
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Json::from_request(request, state)
            .await
            .map(|Json(body)| Self(body))
            .map_err(|rejection| {
                ApiError::new(rejection.status(), "invalid_request", rejection.body_text())
            })
    }
}

/// Which page is asked for.
pub(crate) fn page(cursor: Option<String>, limit: Option<u32>) -> Result<PageRequest, ApiError> {
    let limit = limit.unwrap_or(api::page::DEFAULT_LIMIT);
    if !(1..=api::page::MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid(
            "limit",
            format!("expected 1 to {}", api::page::MAX_LIMIT),
        ));
    }
    Ok(PageRequest { limit, cursor })
}

/// A page as the wire has it.
pub(crate) fn wire<T, U>(page: store::Page<T>, item: impl Fn(T) -> U) -> api::Page<U> {
    api::Page {
        items: page.items.into_iter().map(item).collect(),
        next_cursor: page.next_cursor,
        total: page.total,
        total_capped: page.total_capped,
    }
}

/// Words separated by commas.
pub(crate) fn words<T>(name: &str, text: Option<&str>) -> Result<Vec<T>, ApiError>
where
    T: FromStr,
    T::Err: Display,
{
    list(name, text, |word| {
        word.parse().map_err(|error: T::Err| error.to_string())
    })
}

/// Words separated by commas, each read by `read`.
pub(crate) fn list<T>(
    name: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, ApiError> {
    text.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| read(word).map_err(|detail| ApiError::invalid(name, detail)))
        .collect()
}

/// Text to search for; nothing but space is no text.
pub(crate) fn text(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// Package kinds, by the words of package URLs.
pub(crate) fn package_kinds(text: Option<&str>) -> Result<Vec<model::PackageKind>, ApiError> {
    list("kind", text, |word| {
        model::PackageKind::from_purl_type(word)
            .ok_or_else(|| format!("unknown package kind '{word}' (expected deb, npm, maven, …)"))
    })
}
