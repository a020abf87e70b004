//! Detection rules: what is watched for, where it is switched off, and
//! how often it matched.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Severity, finding::Step};

/// One detection rule, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    pub id: String,
    pub title: String,
    /// Its id where a process of the node itself does it, and not one in a
    /// container; absent where it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_host: Option<String>,
    /// What its events are: `k8s_audit`, `syscall`; of another sensor's
    /// rule that sensor's name.
    pub source: String,
    pub origin: RuleOrigin,
    pub severity: Severity,
    /// `stable`, `incubating` or `experimental`; absent where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity: Option<String>,
    /// By their short names.
    pub tactics: Vec<String>,
    pub techniques: Vec<String>,
    /// Techniques of Microsoft's matrix for Kubernetes.
    pub matrix: Vec<String>,
    /// On in every environment asked about.
    pub enabled: bool,
    /// What it is where nobody switched it.
    pub by_default: bool,
    /// Environments asked about in which it is off.
    pub disabled_in: Vec<String>,
    /// Cases it is tested with.
    pub cases: u64,
    /// Open alerts of it.
    pub open: u64,
    /// Matches in the days asked about.
    pub hits: u64,
    /// The last match ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_hit: Option<Timestamp>,
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleOrigin {
    /// Part of the product.
    BuiltIn,
    /// From the folder `rules.folder` of the configuration.
    User,
    /// Another sensor's, known from its alerts.
    Sensor,
}

/// Which rules to list, by severity and title.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RuleQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// `k8s_audit`, `syscall` or a sensor's name.
    pub source: Option<String>,
    /// `built_in`, `user` or `sensor`.
    pub origin: Option<RuleOrigin>,
    /// Several separated by commas.
    pub severity: Option<String>,
    /// One tactic (`execution`).
    pub tactic: Option<String>,
    /// One technique; parts of it count as it.
    pub technique: Option<String>,
    /// Only those that are on everywhere asked about, or those that are
    /// off somewhere.
    pub enabled: Option<bool>,
    /// Text in the id, the title or the description.
    pub q: Option<String>,
    /// Over how many days matches are counted, 1 to 365; 30 when absent.
    pub days: Option<u32>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// Over what to look at one rule.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RuleDetailQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// Over how many days matches are counted, 1 to 365; 30 when absent.
    pub days: Option<u32>,
}

/// Everything about one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleDetail {
    pub rule: Rule,
    pub description: String,
    /// Why it matters; empty where nothing is known.
    pub why: String,
    /// How to respond, in order.
    pub steps: Vec<Step>,
    /// When it is nothing bad; empty where nothing is known.
    pub false_positives: String,
    pub references: Vec<String>,
    /// As its author wrote it; empty for another sensor's.
    pub condition: String,
    /// What an alert of it says, with fields in it.
    pub output: String,
    pub tags: Vec<String>,
    /// `file:line`; empty for another sensor's.
    pub file: String,
    pub cases: Vec<RuleCase>,
    /// Where it was switched on or off, by whom and why.
    pub switches: Vec<RuleSwitch>,
    /// Alerts of it that an exemption holds, counted up to 10 000.
    pub exempted: u64,
    /// Matches by the day (UTC), oldest first; days without are left out.
    pub days: Vec<RuleDay>,
}

/// Events a rule is tested with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleCase {
    pub name: String,
    /// Whether it shall match.
    pub matches: bool,
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
}

/// A rule switched on or off in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleSwitch {
    pub environment: String,
    pub enabled: bool,
    pub note: String,
    pub changed: Timestamp,
    pub changed_by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleDay {
    pub day: Date,
    pub hits: u64,
}

/// Switch a rule on or off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRuleSwitch {
    pub environment: String,
    pub enabled: bool,
    /// Why.
    #[serde(default)]
    pub note: String,
}
