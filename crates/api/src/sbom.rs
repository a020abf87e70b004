//! Bills of materials: who has a package, what tells two images apart,
//! and documents brought in.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ImageRef, PackageKind, Severity, SeverityCounts};

/// One image that holds what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Holder {
    pub image: ImageRef,
    /// What it holds of it.
    pub packages: Vec<HolderPackage>,
}

/// One package in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HolderPackage {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    pub path: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct HolderQuery {
    /// A package's or source package's name; of a Maven package its
    /// artifact's alone will do. Letter case does not matter.
    pub name: String,
    /// Only of this ecosystem: `Maven`, `Debian`, `Debian:12`, `deb`.
    pub ecosystem: Option<String>,
    /// Only these versions, by the ecosystem's own order: `<2.17`,
    /// `>=2.0,<2.17`.
    pub version: Option<String>,
    pub environment: Option<String>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct SbomImportQuery {
    /// What it is of: an image's name where a digest is given, else a
    /// name to list it under.
    pub name: String,
    /// The manifest digest of the image it is of.
    pub digest: Option<String>,
    /// The environment to list it in; this server's own when absent.
    pub environment: Option<String>,
}

/// A document that was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SbomImported {
    pub image: ImageRef,
    pub packages: u64,
    pub counts: SeverityCounts,
    /// What of it could not be understood.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ImageComparisonQuery {
    /// The id of the image to compare with, which is taken for the later.
    pub with: String,
}

/// What tells one image from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageComparison {
    pub before: ImageRef,
    pub after: ImageRef,
    pub added: Vec<ComparedPackage>,
    pub removed: Vec<ComparedPackage>,
    pub changed: Vec<ChangedPackage>,
    /// Open findings only the later one has.
    pub gained: Vec<ComparedFinding>,
    /// Open findings only the earlier one has.
    pub lost: Vec<ComparedFinding>,
}

/// A package that only one of them has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedPackage {
    pub kind: PackageKind,
    pub name: String,
    pub versions: Vec<String>,
}

/// A package that both have, in other versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedPackage {
    pub kind: PackageKind,
    pub name: String,
    pub before: Vec<String>,
    pub after: Vec<String>,
}

/// A vulnerability in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedFinding {
    pub vulnerability: String,
    pub severity: Severity,
    pub package: String,
    pub version: String,
}
