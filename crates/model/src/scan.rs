//! The result of scanning one target, whole: what `--format json` prints.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Finding, Issue, IssueRule, Sbom, Severity, Vulnerability, VulnerabilityId, db::DatabaseStatus,
};

/// What kind of thing was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// An image, wherever it was read from.
    Image,
    /// A root file system or folder.
    Rootfs,
    /// An SBOM document.
    Sbom,
}

impl TargetKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Rootfs => "rootfs",
            Self::Sbom => "sbom",
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One scan's whole result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this JSON shape; grows only when a reader must change.
    pub schema: u32,
    /// `seawall 0.1.0`.
    pub tool: String,
    pub target: Target,
    pub scanned: Timestamp,
    pub database: DatabaseStatus,
    pub sbom: Sbom,
    /// What needs attention: worst first, then by vulnerability and package.
    pub findings: Vec<Finding>,
    /// What someone has said needs none, with their reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<Finding>,
    /// Details of every vulnerability named above.
    pub vulnerabilities: BTreeMap<VulnerabilityId, Vulnerability>,
    /// Secrets, misconfigurations and licences that need attention: worst
    /// first, then by kind, rule and place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    /// Of them, those someone has said need none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed_issues: Vec<Issue>,
    /// What says so, by id: of every issue above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, IssueRule>,
    /// Whether whoever asked wants to see the licences of all packages.
    #[serde(skip)]
    pub lists_licenses: bool,
    /// Whether they asked for something else than vulnerabilities: that
    /// there are none is then not said.
    #[serde(skip)]
    pub leaves_out_vulnerabilities: bool,
}

/// What was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub kind: TargetKind,
    /// As the user named it: a reference, a path.
    pub name: String,
}

impl Report {
    /// The schema this version writes.
    pub const SCHEMA: u32 = 1;

    /// Takes in what there is to say beside vulnerabilities, and of the
    /// rules those that say so.
    pub fn tell(
        &mut self,
        issues: impl IntoIterator<Item = Issue>,
        rules: impl IntoIterator<Item = BTreeMap<String, IssueRule>>,
    ) {
        self.issues.extend(issues);
        self.issues.sort_by(Issue::order);
        let mut rules: BTreeMap<String, IssueRule> = rules.into_iter().flatten().collect();
        rules.retain(|id, _| self.issues.iter().any(|issue| issue.rule == *id));
        self.rules.extend(rules);
    }

    /// Findings by severity; severities without any are absent.
    pub fn counts(&self) -> BTreeMap<Severity, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.severity).or_default() += 1;
        }
        counts
    }

    /// Whether part of the target could not be read.
    pub fn is_partial(&self) -> bool {
        !self.sbom.warnings.is_empty()
    }
}
