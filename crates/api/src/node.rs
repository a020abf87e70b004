//! What checks said of a machine of a cluster, as the command that looked
//! at it hands it in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::finding::Step;

/// One machine, looked at as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNodeAssessment {
    /// `self-managed`, `eks`, `aks`, `gke`.
    pub profile: String,
    /// Every check there was; what is wrong with the node is all that is
    /// wrong with it.
    pub checks: Vec<NodeVerdict>,
    /// What could not be read.
    #[serde(default)]
    pub gaps: Vec<String>,
}

/// What one check said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeVerdict {
    pub id: String,
    pub state: NodeState,
    /// One line; of what is affected.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The facts it rests on.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    pub evidence: Value,
    /// What mends this very machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remediation: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NodeCheckState)]
pub enum NodeState {
    Healthy,
    Affected,
    NotApplicable,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeReceipt {
    /// Findings that were not open before.
    pub new: u64,
    pub resolved: u64,
    /// Checks this server does not know; they were left out.
    pub unknown: Vec<String>,
}

/// A machine, as it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeAssessment {
    pub environment: String,
    pub cluster: String,
    pub node: String,
    pub profile: String,
    /// The version of its kubelet, as a connector last told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<String>,
    pub time: Timestamp,
    pub healthy: u64,
    pub affected: Vec<String>,
    pub not_applicable: u64,
    pub gaps: Vec<String>,
}

/// What a request about machines is about.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NodeQuery {
    /// The environment; when absent the one the token is for, or all
    /// within reach when a person asks.
    pub environment: Option<String>,
}
