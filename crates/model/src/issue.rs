//! What a scan has to say beside vulnerabilities: secrets, settings that
//! should be otherwise, licences.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{FindingKind, Fingerprint, Severity, Suppression, alert::RuleStep};

/// One thing a scan has to say of its target that is no package's
/// weakness. What the rule says is in [`crate::Report::rules`], once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    pub fingerprint: Fingerprint,
    pub kind: FindingKind,
    pub rule: String,
    pub severity: Severity,
    /// One line about this one.
    pub summary: String,
    /// The file it is in, or what of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub evidence: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
}

/// What says so: the same for every issue of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueRule {
    pub id: String,
    pub kind: FindingKind,
    pub title: String,
    pub severity: Severity,
    /// How it is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<RuleStep>,
    /// When it is nothing bad.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub false_positives: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// ATT&CK techniques.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
}

impl Issue {
    /// Worst first, then by kind, rule and place.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let key = |issue: &Self| {
            (
                issue.kind,
                issue.rule.clone(),
                issue.path.clone(),
                issue.line,
                issue.layer,
            )
        };
        other
            .severity
            .cmp(&self.severity)
            .then_with(|| key(self).cmp(&key(other)))
    }
}
