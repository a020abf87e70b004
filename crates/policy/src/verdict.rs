//! What a check says of one asset.

use serde::{Deserialize, Serialize};

/// One asset, judged by one recommendation.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The recommendation says nothing about this asset, or not enough
    /// is known of it.
    NotApplicable,
    Healthy,
    Affected(Box<Fault>),
}

impl Verdict {
    pub fn is_affected(&self) -> bool {
        matches!(self, Self::Affected(_))
    }
}

/// What is wrong with one asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// One line about this asset.
    pub summary: String,
    /// The facts it rests on.
    pub evidence: serde_json::Value,
    /// What mends this very asset; what holds for every one is the
    /// recommendation's own.
    pub remediation: Vec<Step>,
}

impl Fault {
    pub(crate) fn verdict(
        summary: String,
        evidence: serde_json::Value,
        remediation: Vec<Step>,
    ) -> Verdict {
        Verdict::Affected(Box::new(Self {
            summary,
            evidence,
            remediation,
        }))
    }
}

/// One step of a fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub text: String,
    /// Something to copy: a command, a patch, a Dockerfile line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `shell`, `yaml`, `dockerfile`, `diff`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Step {
    pub(crate) fn say(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: None,
            language: None,
        }
    }

    pub(crate) fn copy(
        text: impl Into<String>,
        language: &'static str,
        code: impl Into<String>,
    ) -> Self {
        Self {
            text: text.into(),
            code: Some(code.into()),
            language: Some(language.to_owned()),
        }
    }
}
