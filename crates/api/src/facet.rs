//! Facets: the values a list can be narrowed to, with their counts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything a list can be narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Facets {
    pub facets: Vec<Facet>,
}

/// One query parameter and the values it takes here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Facet {
    /// The query parameter: `severity`, `kind`, `fix`.
    pub field: String,
    /// Most frequent first; severities worst first.
    pub values: Vec<FacetValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// What to put into the query.
    pub value: String,
    /// What to show, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub count: u64,
}
