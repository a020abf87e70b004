//! MITRE ATT&CK for containers: what is watched for, and what was seen.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Severity;

/// The matrix: tactics in the order an attack goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttackMatrix {
    /// The version of ATT&CK the ids are of.
    pub version: String,
    pub tactics: Vec<Tactic>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tactic {
    /// `TA0002`
    pub id: String,
    /// `execution`: what findings carry.
    pub slug: String,
    pub name: String,
    /// Open alerts.
    pub alerts: u64,
    pub techniques: Vec<Technique>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Technique {
    pub id: String,
    pub name: String,
    /// The technique it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    pub url: String,
    /// Rules that watch for it, ours or those that alerts came from.
    pub rules: u64,
    /// Recommendations that make it harder.
    pub recommendations: u64,
    /// Open alerts.
    pub alerts: u64,
    /// The worst of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}
