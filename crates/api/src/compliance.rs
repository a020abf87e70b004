//! Compliance: how the recommendations stand, by the controls they serve.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Compliance {
    pub standards: Vec<Standard>,
}

/// One standard, with the controls that something is known about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standard {
    pub id: String,
    pub name: String,
    pub passed: u64,
    pub failed: u64,
    pub controls: Vec<Control>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Control {
    pub id: String,
    pub title: String,
    pub state: ControlState,
    /// Affected assets, added up over its recommendations.
    pub affected: u64,
    /// The recommendations that serve it.
    pub recommendations: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlState {
    Passed,
    Failed,
    /// Nothing was there to check.
    NotApplicable,
}
