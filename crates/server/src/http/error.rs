//! The one error a handler returns, and how it becomes RFC 9457.
//!
//! What is the caller's to mend is told in words; what is ours to mend
//! is told by a constant sentence, and its cause goes to the log with
//! the request id.

use std::error::Error;

use api::{Problem, problem::ProblemPart};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::throttle::TooMany;

/// Why a request was not answered.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<ProblemPart>,
    cause: Option<String>,
    /// Seconds after which asking again makes sense.
    retry_after: Option<u64>,
}

/// Put into the response for the layer that knows path and request id.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    code: &'static str,
    detail: String,
    errors: Vec<ProblemPart>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            cause: None,
            retry_after: None,
        }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("no such {what}"),
        )
    }

    pub(crate) fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "sign in, or send an API token",
        )
    }

    pub(crate) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Nothing is wrong with the request, but it cannot be served now.
    pub(crate) fn come_again(code: &'static str, detail: impl Into<String>, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
        }
    }

    /// A part of the request that cannot be understood.
    pub(crate) fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            errors: vec![ProblemPart {
                pointer: pointer.to_owned(),
                detail: detail.clone(),
                ..ProblemPart::default()
            }],
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
        }
    }

    /// Several parts of the request that cannot be understood.
    pub(crate) fn unprocessable(
        code: &'static str,
        detail: impl Into<String>,
        errors: Vec<ProblemPart>,
    ) -> Self {
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        }
    }

    /// A query that cannot be read, with where and what was meant.
    pub(crate) fn invalid_query(pointer: &str, errors: &model::query::QueryErrors) -> Self {
        Self {
            errors: errors
                .0
                .iter()
                .map(|error| ProblemPart {
                    pointer: pointer.to_owned(),
                    detail: error.message.clone(),
                    start: Some(error.place.start as u64),
                    end: Some(error.place.end as u64),
                    suggestion: error.suggestion.clone(),
                })
                .collect(),
            ..Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_query",
                format!("the query cannot be read: {errors}"),
            )
        }
    }

    /// A fault of ours. The caller learns only that it happened.
    pub(crate) fn internal(cause: &(dyn Error + 'static)) -> Self {
        Self {
            cause: Some(model::error::chain(cause)),
            ..Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "something went wrong on the server; its log has the request id",
            )
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            // Logged inside the request's span, which carries the id.
            tracing::error!(error = %cause, "request failed");
        }
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Refusal {
            code: self.code,
            detail: self.detail,
            errors: self.errors,
        });
        response
    }
}

impl From<TooMany> for ApiError {
    fn from(too_many: TooMany) -> Self {
        let seconds = too_many.retry_after;
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                format!("too many requests or attempts; try again in {seconds} seconds"),
            )
        }
    }
}

impl From<store::StoreError> for ApiError {
    fn from(error: store::StoreError) -> Self {
        match error {
            store::StoreError::Cursor(error) => Self::invalid("cursor", error.to_string()),
            error => Self::internal(&error),
        }
    }
}

/// The body of a refused request.
pub(crate) fn problem(
    status: StatusCode,
    refusal: Option<Refusal>,
    path: &str,
    request_id: &str,
) -> Response {
    let refusal = refusal.unwrap_or_else(|| Refusal {
        code: match status {
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            status if status.is_server_error() => "internal",
            _ => "invalid_request",
        },
        detail: status
            .canonical_reason()
            .unwrap_or("error")
            .to_ascii_lowercase(),
        errors: Vec::new(),
    });
    let body = Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        code: refusal.code.to_owned(),
        detail: refusal.detail,
        instance: path.to_owned(),
        request_id: request_id.to_owned(),
        errors: refusal.errors,
    };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    response
}
