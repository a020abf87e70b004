//! Environments: the top of the asset tree, and the scope of every row.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SeverityCounts;

/// One environment. `local` is what this server looks at itself, `demo`
/// the demonstration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    pub id: String,
    pub name: String,
    /// Made-up content that can be removed whole.
    pub demo: bool,
    pub images: u64,
    pub counts: SeverityCounts,
}

/// What preparing the demonstration environment started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DemoStarted {
    pub environment: String,
    /// The scans that fill it.
    pub scans: u64,
}

/// An environment to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnvironment {
    /// 1 to 63 of `a-z 0-9 -`.
    pub id: String,
    /// For people to read.
    pub name: String,
}
