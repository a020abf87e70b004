//! Alerts other programs hand in.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the alerts of a request are about, where they do not say.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertIntakeQuery {
    /// The environment they belong to; `local` when absent.
    pub environment: Option<String>,
    /// The name of the cluster they come from; `kubernetes` when absent.
    pub cluster: Option<String>,
}

/// What became of the alerts of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertIntake {
    /// Kept, whether they opened a finding or were seen again.
    pub accepted: u64,
    /// Findings that were not open before.
    pub opened: u64,
    /// Delivered before, and not counted again.
    pub repeated: u64,
    /// Not understood; at most 100 are told.
    pub refused: Vec<RefusedAlert>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedAlert {
    /// Which of those sent, counted from 0.
    pub index: u64,
    pub reason: String,
}
