//! The query grammar, as programs ask about it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What queries may say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryFields {
    pub fields: Vec<QueryField>,
}

/// One field of the grammar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryField {
    pub name: String,
    pub aliases: Vec<String>,
    pub kind: QueryFieldKind,
    /// The words it takes, where they are a closed set; else a few that
    /// occur, commonest first.
    pub values: Vec<String>,
    /// One line for people.
    pub doc: String,
    pub example: String,
    /// May stand in an exemption's scope.
    pub identity: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueryFieldKind {
    /// One of `values`.
    Word,
    /// As `word`, and ordered: `>=` works.
    Rank,
    Text,
    Number,
    /// `2h`, `7d` ago, or a date.
    Time,
    /// `is:` and `has:`.
    Flag,
}

/// A query to look at.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueryCheck {
    pub q: String,
}

/// Whether a query can be read, and how it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryChecked {
    /// The same query in its plainest form; absent where it has errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    pub errors: Vec<QueryError>,
}

/// What cannot be read, and what was perhaps meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryError {
    pub message: String,
    /// Where it is, in characters: from, up to but not including.
    pub start: u64,
    pub end: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}
