//! What to do first: steps that each close many findings, those that
//! close the most pressing ones before others.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ImageRef, PackageKind, SeverityCounts};

/// Steps, most pressing first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkList {
    pub steps: Vec<WorkStep>,
    /// How many steps there are.
    pub total: u64,
    /// Open vulnerabilities that were looked at.
    pub findings: u64,
    /// Those that all steps together close.
    pub closes: u64,
    /// Those that nothing closes yet: no version that mends them is there.
    pub unfixable: u64,
    /// There are more images than were looked at: the worst were.
    pub truncated: bool,
}

/// What sort of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Build images again on a newer release of their base.
    Rebuild,
    /// Raise one package in the images that bring it themselves.
    Upgrade,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkStep {
    pub kind: WorkKind,
    /// In one line: `Rebuild 4 images on debian:12.8`.
    pub title: String,
    /// The base to build on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<WorkBase>,
    /// The package to raise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<WorkUpgrade>,
    /// Images it is to be done in, the most pressing first; the first 50.
    pub images: Vec<WorkImage>,
    pub image_count: u64,
    /// Findings it closes, in all of them.
    pub closes: SeverityCounts,
    /// Those of them that are known to be exploited.
    pub kev: u64,
    /// The sum of the priorities it closes: what steps are ordered by.
    pub weight: u64,
    /// The highest priority it closes.
    pub priority: u16,
    /// Vulnerabilities it closes, the most pressing first; the first ten.
    pub vulnerabilities: Vec<String>,
}

/// The image that others are built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkBase {
    /// `debian:12`; where nobody names it, what its layers are of.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The image, where it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// How it was recognised: `layers`, `label`, `both`.
    pub known_by: String,
    /// A newer build of it that is known here, and lacks these findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<ImageRef>,
}

/// What images are built on, those with the most images first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BaseList {
    pub bases: Vec<BaseImages>,
    /// There are more images than were looked at: the worst were.
    pub truncated: bool,
}

/// A base and the images that are built on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BaseImages {
    pub base: WorkBase,
    /// Those that run first; the first 50.
    pub images: Vec<BuiltImage>,
    pub image_count: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BuiltImage {
    pub image: ImageRef,
    /// Containers that run it.
    pub running: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct BaseQuery {
    pub environment: Option<String>,
}

/// A package and the version that closes the findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkUpgrade {
    pub kind: PackageKind,
    pub package: String,
    pub installed: Vec<String>,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkImage {
    pub image: ImageRef,
    /// Findings the step closes in it.
    pub closes: u64,
    /// Containers that run it.
    pub running: u64,
}

/// Which work to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkListQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// `true` (the default): only images that run; `false`: all.
    pub running: Option<bool>,
    /// Only findings of at least this priority, 0 to 1000.
    pub priority: Option<u16>,
    /// Steps, 1 to 1000; 50 when absent.
    pub limit: Option<u32>,
}
