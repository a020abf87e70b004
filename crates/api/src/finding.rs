//! Findings: one vulnerability in one installed package of one image.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ImageRef, PackageKind, Severity};

/// The sorts of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    Vulnerability,
}

/// `resolved`: a later look no longer saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    #[default]
    Open,
    Resolved,
}

/// The publisher's word on a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FixState {
    Fixed,
    Unfixed,
    WillNotFix,
    UnderInvestigation,
    NotAffected,
}

impl From<model::AffectedState> for FixState {
    fn from(state: model::AffectedState) -> Self {
        match state {
            model::AffectedState::Fixed => Self::Fixed,
            model::AffectedState::Unfixed => Self::Unfixed,
            model::AffectedState::WillNotFix => Self::WillNotFix,
            model::AffectedState::UnderInvestigation => Self::UnderInvestigation,
            model::AffectedState::NotAffected => Self::NotAffected,
        }
    }
}

/// Whether and how it can be mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    pub state: FixState,
    /// The versions that mend it, smallest step first.
    pub versions: Vec<String>,
}

impl From<model::Fix> for Fix {
    fn from(fix: model::Fix) -> Self {
        Self {
            state: fix.state.into(),
            versions: fix.versions,
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Its fingerprint: the same weakness in the same place keeps it.
    pub id: String,
    pub kind: FindingKind,
    pub state: FindingState,
    pub severity: Severity,
    pub vulnerability: String,
    /// One line; empty where no advisory has one.
    pub title: String,
    /// Highest CVSS base score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss: Option<f64>,
    /// Probability of exploitation within 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<f64>,
    /// Known to be exploited.
    pub kev: bool,
    pub image: ImageRef,
    pub package: FindingPackage,
    pub fix: Fix,
    /// The advisories it rests on.
    pub advisories: Vec<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
}

/// The installed package a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingPackage {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    /// The file that names it, relative to the root.
    pub path: String,
    /// The layer that brought it, counted from the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
}

/// Why a finding is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suppression {
    pub by: SuppressedBy,
    /// `not_affected`, `fixed`, `ignored`.
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// The document that says so.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressedBy {
    Vex,
    IgnoreFile,
    Advisory,
}

impl From<model::Suppression> for Suppression {
    fn from(suppression: model::Suppression) -> Self {
        Self {
            by: match suppression.by {
                model::finding::SuppressedBy::Vex => SuppressedBy::Vex,
                model::finding::SuppressedBy::IgnoreFile => SuppressedBy::IgnoreFile,
                model::finding::SuppressedBy::Advisory => SuppressedBy::Advisory,
            },
            status: suppression.status,
            justification: suppression.justification,
            statement: suppression.statement,
            source: suppression.source,
            expires: suppression.expires,
        }
    }
}

/// Which findings to list. In `/images/{id}/findings` the image is given
/// by the path and `environment` and `image` are ignored.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// One image's id.
    pub image: Option<String>,
    /// Text in the vulnerability's id or title or the package's name.
    pub q: Option<String>,
    /// Several separated by commas.
    pub severity: Option<String>,
    /// `open` (the default), `resolved` or `all`.
    pub state: Option<String>,
    /// Only findings an upgrade would close, or only those it would not.
    pub fixable: Option<bool>,
    /// Only those known to be exploited.
    pub kev: Option<bool>,
    /// Package kinds (`deb`, `npm`, …), separated by commas.
    pub kind: Option<String>,
    /// The layer that brought the package, counted from 0.
    pub layer: Option<u32>,
    /// `false` (the default): only what counts. `true`: only what is suppressed.
    pub suppressed: Option<bool>,
    /// One vulnerability's id.
    pub vulnerability: Option<String>,
    /// One package's exact name.
    pub package: Option<String>,
    pub sort: Option<FindingSort>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// The order of findings. `severity`: worst first, the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum FindingSort {
    #[default]
    #[serde(rename = "severity")]
    Severity,
    #[serde(rename = "-first_seen")]
    Newest,
    #[serde(rename = "-epss")]
    Epss,
    #[serde(rename = "package")]
    Package,
}
