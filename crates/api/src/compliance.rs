//! Compliance: how what was judged stands, by the controls of standards.
//!
//! A control is answered by checks: recommendations, policies and checks
//! of nodes. Where none answers it, or only a part, somebody has to look,
//! and may say so for a time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Severity;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Compliance {
    pub standards: Vec<Standard>,
}

/// One standard, and how its controls stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Standard {
    pub id: String,
    pub name: String,
    /// Where it is published.
    pub source: String,
    pub description: String,
    /// Controls by how they stand.
    pub passed: u64,
    pub failed: u64,
    pub manual: u64,
    pub not_applicable: u64,
    /// Passed of passed and failed; absent where nothing was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    pub controls: Vec<Control>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Control {
    /// The standard's own.
    pub id: String,
    pub title: String,
    /// 1 or 2, where the standard has levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Somebody has to look, whatever checks say.
    pub manual: bool,
    pub state: ControlState,
    /// Affected assets, added up over its checks.
    pub affected: u64,
    /// The recommendations, policies and checks of nodes that answer it.
    pub recommendations: Vec<String>,
    /// Who answers for it, where somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlState {
    /// Every check is healthy where there was something to judge, or
    /// somebody answers for it.
    Passed,
    /// Some asset is affected.
    Failed,
    /// Somebody has to look.
    Manual,
    /// Nothing was there to check.
    NotApplicable,
}

/// Somebody's word that a control holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ControlAttestation)]
pub struct Attestation {
    pub environment: String,
    /// Empty: for the environment as a whole.
    pub cluster: String,
    pub note: String,
    pub made: Timestamp,
    pub made_by: String,
    pub expires: Timestamp,
    /// It ended and counts no more.
    pub expired: bool,
}

/// A new word; it takes the place of one for the same control and place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewControlAttestation)]
pub struct NewAttestation {
    pub control: String,
    pub environment: String,
    /// Only of this cluster; of the whole environment when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// What was looked at, and what came of it; may not be empty.
    pub note: String,
    /// At most two years from now.
    pub expires: Timestamp,
}

/// One standard with everything that answers its controls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StandardDetail {
    pub standard: Standard,
    /// What answers its controls, each once, by id.
    pub checks: Vec<Check>,
}

/// What answers controls, and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ComplianceCheck)]
pub struct Check {
    /// The recommendation's.
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub state: ControlState,
    pub healthy: u64,
    pub affected: u64,
    /// Affected, but exempted or dismissed: they fail nothing.
    pub exempted: u64,
}

/// Of which places.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ComplianceQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// One cluster: what was judged in it, and nothing else.
    pub cluster: Option<String>,
}

/// What fails a control, and of which places.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EvidenceQuery {
    pub environment: Option<String>,
    pub cluster: Option<String>,
    /// One control's id; all of the standard when absent.
    pub control: Option<String>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// How a standard is written down, and of which places.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ComplianceReportQuery {
    pub environment: Option<String>,
    pub cluster: Option<String>,
    pub format: Option<ComplianceFormat>,
}

/// `html`: a page that prints well, the default. `oscal`: assessment
/// results of OSCAL 1.1.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComplianceFormat {
    #[default]
    Html,
    Csv,
    Oscal,
}

/// Whose word is taken back.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WithdrawQuery {
    pub control: String,
    pub environment: String,
    /// The cluster it was for; absent where it was for the environment.
    #[serde(default)]
    pub cluster: Option<String>,
}
