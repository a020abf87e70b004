//! What went wrong: RFC 9457 problem details.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error, `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says which problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    pub status: u16,
    /// A stable word a program can act on: `not_found`, `invalid_query`.
    pub code: String,
    /// What happened, for people. Constant for errors of the server.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// Quote this when reporting a fault; the server's log has it too.
    pub request_id: String,
    /// The parts of the request that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemPart>,
}

/// One refused part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemPart {
    /// A JSON pointer into the body, or the name of a query parameter.
    pub pointer: String,
    pub detail: String,
    /// Where in that text, in characters: from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Up to but not including.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// What to put there instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}
