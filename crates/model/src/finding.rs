//! A finding: something the product has to say about an asset.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{AffectedState, Fingerprint, PackageKind, Purl, Severity, VulnerabilityId};

/// The sorts of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A weakness of an installed package.
    Vulnerability,
    /// A setting or a state that should be otherwise.
    Misconfiguration,
    /// Something that happened.
    Alert,
    /// A credential where it should not be.
    Secret,
    Malware,
}

impl FindingKind {
    pub const ALL: [Self; 5] = [
        Self::Vulnerability,
        Self::Misconfiguration,
        Self::Alert,
        Self::Secret,
        Self::Malware,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
            Self::Misconfiguration => "misconfiguration",
            Self::Alert => "alert",
            Self::Secret => "secret",
            Self::Malware => "malware",
        }
    }
}

/// Where a finding is in its life. Only open ones weigh; all are
/// counted and can be listed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    #[default]
    Open,
    /// By evidence: a later look no longer saw it.
    Resolved,
    /// By a person, with a reason.
    Dismissed,
    /// By an exemption, until that ends.
    Exempted,
}

impl FindingState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Resolved, Self::Dismissed, Self::Exempted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Dismissed => "dismissed",
            Self::Exempted => "exempted",
        }
    }
}

/// What is being done about an open finding.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    #[default]
    New,
    InProgress,
}

impl Progress {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InProgress => "in_progress",
        }
    }
}

/// Why a finding needs no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    FalsePositive,
    /// Known and lived with.
    AcceptedRisk,
    /// Something else prevents the harm.
    Mitigated,
    /// Expected behaviour.
    Benign,
    /// A test or an exercise.
    Test,
    Other,
}

impl Reason {
    pub const ALL: [Self; 6] = [
        Self::FalsePositive,
        Self::AcceptedRisk,
        Self::Mitigated,
        Self::Benign,
        Self::Test,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::FalsePositive => "false_positive",
            Self::AcceptedRisk => "accepted_risk",
            Self::Mitigated => "mitigated",
            Self::Benign => "benign",
            Self::Test => "test",
            Self::Other => "other",
        }
    }

    /// As a sentence has it: "dismissed as a false positive".
    pub fn phrase(self) -> &'static str {
        match self {
            Self::FalsePositive => "as a false positive",
            Self::AcceptedRisk => "as an accepted risk",
            Self::Mitigated => "as mitigated",
            Self::Benign => "as benign",
            Self::Test => "as a test",
            Self::Other => "for another reason",
        }
    }
}

macro_rules! printed_as_its_word {
    ($($type:ty),+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}

printed_as_its_word!(FindingKind, FindingState, Progress, Reason);

/// One vulnerability in one installed package.
///
/// Its details (text, scores, references) are in
/// [`crate::Report::vulnerabilities`] under `vulnerability`, said once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub fingerprint: Fingerprint,
    pub kind: FindingKind,
    pub vulnerability: VulnerabilityId,
    pub severity: Severity,
    pub package: AffectedPackage,
    pub fix: Fix,
    /// The advisories this rests on, sorted: `DSA-5601-1`, `GHSA-…`.
    pub advisories: Vec<String>,
    /// Set where someone has said this needs no attention. Suppressed
    /// findings are reported apart, never dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
}

/// Which installed package a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AffectedPackage {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: Purl,
    /// See [`crate::Package::path`].
    pub path: String,
    /// See [`crate::Package::layer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
}

/// Whether and how it can be mended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    pub state: AffectedState,
    /// The versions that mend it, in the ecosystem's order; the first is
    /// the smallest step up from what is installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

impl Fix {
    /// The smallest upgrade that mends it.
    pub fn version(&self) -> Option<&str> {
        self.versions.first().map(String::as_str)
    }
}

/// Why a finding is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    pub by: SuppressedBy,
    /// The VEX status (`not_affected`, `fixed`) or, for an ignore file,
    /// `ignored`.
    pub status: String,
    /// The VEX justification or the ignore entry's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Free text from the same place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// The file or document that says so.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressedBy {
    Vex,
    IgnoreFile,
    Advisory,
}
