//! Exemptions: decisions, with owner, reason and end, that findings of a
//! scope need no work.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Finding, SeverityCounts, finding::Reason};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExemptionState {
    Active,
    Expired,
    /// Ended by a person before its time.
    Revoked,
}

/// One exemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exemption {
    pub id: String,
    /// What it covers, in the query grammar, by identity alone:
    /// `finding: rule: package: cve: image: repository: ns: cluster:
    /// label: kind: severity:` (`/query/fields` says which).
    pub scope: String,
    /// Only in this environment; everywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    pub reason: Reason,
    pub note: String,
    /// Who answers for it.
    pub owner: String,
    pub created: Timestamp,
    pub created_by: String,
    /// Absent: never. Findings reopen then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    pub state: ExemptionState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Findings it holds now.
    pub findings: u64,
}

/// A new exemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExemption {
    pub scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    pub reason: Reason,
    /// Why, in words; may not be empty.
    pub note: String,
    /// The maker when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// A change to an exemption; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExemptionChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What an exemption would do, before it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExemptionPreview {
    /// Open findings it would take.
    pub counts: SeverityCounts,
    /// A few of them, worst first.
    pub examples: Vec<Finding>,
    /// How the secure score would change, in points.
    pub score: f64,
}

/// Which exemptions to list, newest first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExemptionQuery {
    pub environment: Option<String>,
    /// `active`, `expired`, `revoked`; several separated by commas.
    pub state: Option<String>,
    /// Text in the scope, the note or the owner.
    pub q: Option<String>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}
