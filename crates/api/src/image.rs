//! Images: every scanned target, be it an image, a root file system or
//! an SBOM.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{SeverityCounts, TrustOutcome, overview::TopFix, work_list::WorkBase};

/// What kind of thing was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A container image, wherever it was read from.
    Image,
    /// A machine's root file system, or a folder.
    Rootfs,
    /// An SBOM document.
    Sbom,
}

impl From<model::TargetKind> for TargetKind {
    fn from(kind: model::TargetKind) -> Self {
        match kind {
            model::TargetKind::Image => Self::Image,
            model::TargetKind::Rootfs => Self::Rootfs,
            model::TargetKind::Sbom => Self::Sbom,
        }
    }
}

/// Enough of an image to name it and link to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageRef {
    pub id: String,
    pub environment: String,
    pub kind: TargetKind,
    pub name: String,
}

/// One scanned target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    pub id: String,
    pub environment: String,
    pub kind: TargetKind,
    pub name: String,
    /// The manifest's digest, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The configuration's digest: Docker's image id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_digest: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `linux/amd64`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OperatingSystem>,
    pub layers: u64,
    /// Bytes of all layers as the registry holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    pub packages: u64,
    /// Open findings.
    pub counts: SeverityCounts,
    /// Open findings that an upgrade would close.
    pub fixable: u64,
    /// Open findings known to be exploited (CISA KEV).
    pub kev: u64,
    /// Findings someone has said need no attention.
    pub suppressed: u64,
    /// Part of it could not be read; `warnings` says how many parts.
    pub partial: bool,
    pub warnings: u64,
    /// Matched against the starter set alone: true but incomplete.
    pub starter_only: bool,
    pub first_scanned: Timestamp,
    pub last_scanned: Timestamp,
    /// When its packages were last matched against advisories, which
    /// also happens without reading the image again.
    pub assessed: Timestamp,
    /// Containers that run it now.
    pub running: u64,
    /// A scan of it is queued or running.
    pub scanning: bool,
    /// The last attempt to scan it failed, with this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatingSystem {
    /// `debian`
    pub id: String,
    /// `12`
    pub version: String,
    /// `Debian GNU/Linux 12 (bookworm)`
    pub name: String,
}

impl From<model::OperatingSystem> for OperatingSystem {
    fn from(os: model::OperatingSystem) -> Self {
        Self {
            name: os.to_string(),
            id: os.id,
            version: os.version,
        }
    }
}

/// Everything about one image but its lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageDetail {
    pub image: Image,
    /// What was asked to be scanned; scanning this again refreshes it.
    pub target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// What could not be read.
    pub warnings: Vec<Warning>,
    /// The upgrades that close the most, best first.
    pub top_fixes: Vec<TopFix>,
    /// The database it was matched against.
    pub generation: String,
    /// By each trust policy that holds for it, whether it is signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<TrustOutcome>,
    /// What it is built on, where an image known here or its builder
    /// tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<WorkBase>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Empty or absent: root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

impl From<model::ImageConfig> for ImageConfig {
    fn from(config: model::ImageConfig) -> Self {
        Self {
            created: config.created,
            author: config.author,
            user: config.user,
            entrypoint: config.entrypoint,
            command: config.command,
            labels: config.labels,
        }
    }
}

/// A gap in coverage: what could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
}

impl From<model::Warning> for Warning {
    fn from(warning: model::Warning) -> Self {
        Self {
            message: warning.message,
            path: warning.path,
            layer: warning.layer.map(|digest| digest.to_string()),
        }
    }
}

/// Which images to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImageQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// Text in the name, a tag, the digest or the system's name.
    pub q: Option<String>,
    /// `image`, `rootfs`, `sbom`; several separated by commas.
    pub kind: Option<String>,
    /// Images with an open finding of any of these severities;
    /// several separated by commas.
    pub severity: Option<String>,
    /// Only images that could (`false`) or could not (`true`) be read whole.
    pub partial: Option<bool>,
    /// Only images with a finding an upgrade would close.
    pub fixable: Option<bool>,
    /// Only images holding a package of this name.
    pub package: Option<String>,
    /// Only images with an open finding of this vulnerability.
    pub vulnerability: Option<String>,
    pub sort: Option<ImageSort>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// The order of images. `severity`: worst first, the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ImageSort {
    #[default]
    #[serde(rename = "severity")]
    Severity,
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameDescending,
    #[serde(rename = "-last_scanned")]
    Newest,
    #[serde(rename = "last_scanned")]
    Oldest,
    #[serde(rename = "-packages")]
    Packages,
}

/// Which packages of an image to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImagePackageQuery {
    /// Text in the name.
    pub q: Option<String>,
    /// Package kinds (`deb`, `npm`, …), separated by commas.
    pub kind: Option<String>,
    /// The layer that brought it, counted from 0.
    pub layer: Option<u32>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// How to write an image's report.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// `json` when absent.
    pub format: Option<ReportFormat>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    #[default]
    Json,
    Sarif,
    Cyclonedx,
    Spdx,
    Csv,
}
