//! MITRE ATT&CK for containers: what is watched for, and what was seen.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// Techniques under it that some rule watches for.
    pub covered: u64,
    pub techniques: Vec<Technique>,
}

/// Which environments and days to look at.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttackQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// Over how many days matches are counted, 1 to 365; 30 when absent.
    pub days: Option<u32>,
}

/// Rules that watch one sort of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TechniqueSource {
    /// `k8s_audit`, `syscall`, `Falco`.
    pub source: String,
    pub rules: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Technique {
    pub id: String,
    pub name: String,
    /// The technique it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    pub url: String,
    /// Rules that watch for it and are on everywhere asked about, ours or
    /// those that alerts came from.
    pub rules: u64,
    /// The same by what they watch.
    pub sources: Vec<TechniqueSource>,
    /// Rules that would watch for it but are off somewhere.
    pub disabled: u64,
    /// Cases our own rules are tested with; a version whose cases fail is
    /// not released.
    pub cases: u64,
    /// Matches in the days asked about.
    pub hits: u64,
    /// No rule watches for it.
    pub gap: bool,
    /// Recommendations that make it harder.
    pub recommendations: u64,
    /// Open alerts.
    pub alerts: u64,
    /// The worst of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}
