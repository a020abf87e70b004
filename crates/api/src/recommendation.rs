//! Recommendations: what should be otherwise, gathered over its assets,
//! and what mending it is worth.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Severity, finding::Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    Low,
    Moderate,
    High,
}

/// How a recommendation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecommendationState {
    /// Some asset is affected.
    Open,
    /// Looked at, nothing affected.
    Healthy,
    /// Nothing to look at.
    NotApplicable,
}

/// One recommendation over the assets in scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Recommendation {
    /// The rule's id.
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub effort: Effort,
    pub state: RecommendationState,
    /// Assets with an open finding.
    pub affected: u64,
    /// Assets whose findings are all exempted or dismissed.
    pub exempted: u64,
    /// Assets looked at in all.
    pub assessed: u64,
    /// Points that mending all would add to the score.
    pub gain: f64,
    /// Points it can give at most.
    pub weight: f64,
    /// Compliance controls it serves (`CIS-K8S 5.2.1`).
    pub controls: Vec<String>,
    pub techniques: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_checked: Option<Timestamp>,
}

/// Everything about one recommendation but its assets
/// (`/findings?q=rule:ID`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecommendationDetail {
    pub recommendation: Recommendation,
    /// Markdown.
    pub description: String,
    pub why: String,
    pub remediation: Vec<Step>,
    /// How it is checked, in words.
    pub checked_by: String,
    pub references: Vec<String>,
}

/// Which recommendations to list: most points to gain first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecommendationQuery {
    pub environment: Option<String>,
    /// Text in the title or id.
    pub q: Option<String>,
    /// Several separated by commas.
    pub severity: Option<String>,
    /// `open` (the default), `healthy`, `not_applicable` or `all`.
    pub state: Option<String>,
}

/// The secure score: points earned of points possible.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Score {
    /// 0 to 100; absent where nothing was assessed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    pub earned: f64,
    pub possible: f64,
    /// Points that exemptions count as earned.
    pub exempted: f64,
    /// The change since a day ago, in percent points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<f64>,
    pub environments: Vec<EnvironmentScore>,
    /// Of what was judged in each cluster, and nothing else.
    pub clusters: Vec<ClusterScore>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterScore {
    pub environment: String,
    pub cluster: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    pub earned: f64,
    pub possible: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentScore {
    pub environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    pub earned: f64,
    pub possible: f64,
}

/// The score over time, and what moved it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreHistory {
    /// Oldest first.
    pub points: Vec<ScorePoint>,
    /// Newest first, at most 200.
    pub ledger: Vec<ScoreMove>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScorePoint {
    pub time: Timestamp,
    pub percent: f64,
}

/// One reason why the score moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScoreMove {
    pub time: Timestamp,
    pub environment: String,
    /// The recommendation.
    pub rule: String,
    pub title: String,
    /// Percent points, either sign.
    pub change: f64,
    /// `3 images newly affected`.
    pub text: String,
}

/// Which stretch of time.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    pub environment: Option<String>,
    /// Days back from now, 1 to 365; 30 when absent.
    pub days: Option<u32>,
}
