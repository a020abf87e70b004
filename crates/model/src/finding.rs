//! A finding: something the product has to say about an asset.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{AffectedState, Fingerprint, PackageKind, Purl, Severity, VulnerabilityId};

/// The sorts of findings. Vulnerabilities are the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    Vulnerability,
}

impl FindingKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

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
