//! Search: one box over everything.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Image, Vulnerability, package::PackageUse};

/// What to look for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// At least two characters.
    pub q: String,
    #[serde(default)]
    pub environment: Option<String>,
    /// Rows of each kind, 1 to 50; 8 when absent.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// A few of each kind, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchResults {
    pub images: Vec<Image>,
    pub vulnerabilities: Vec<Vulnerability>,
    pub packages: Vec<PackageUse>,
}
