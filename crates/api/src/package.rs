//! Packages as the wire shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{InUse, SeverityCounts};

/// What sort of package it is; its package-URL type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    Deb,
    Apk,
    Rpm,
    Npm,
    Pypi,
    Maven,
    Golang,
    Cargo,
    Gem,
    Composer,
    Nuget,
    Generic,
}

impl From<model::PackageKind> for PackageKind {
    fn from(kind: model::PackageKind) -> Self {
        match kind {
            model::PackageKind::Deb => Self::Deb,
            model::PackageKind::Apk => Self::Apk,
            model::PackageKind::Rpm => Self::Rpm,
            model::PackageKind::Npm => Self::Npm,
            model::PackageKind::Pypi => Self::Pypi,
            model::PackageKind::Maven => Self::Maven,
            model::PackageKind::Golang => Self::Golang,
            model::PackageKind::Cargo => Self::Cargo,
            model::PackageKind::Gem => Self::Gem,
            model::PackageKind::Composer => Self::Composer,
            model::PackageKind::Nuget => Self::Nuget,
            model::PackageKind::Generic => Self::Generic,
        }
    }
}

/// One package installed in one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Package {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    /// Whose advisories apply: `Debian:12`. Absent: nobody's do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecosystem: Option<String>,
    /// The source package it was built from, `name version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// The file that names it, relative to the root.
    pub path: String,
    /// The layer that brought it, counted from the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// The distribution package that owns its files, whose advisories
    /// speak for it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// Open findings about it.
    pub counts: SeverityCounts,
    /// Whether containers execute or load its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<InUse>,
}

/// One name and version, wherever it is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageUse {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    /// Images that hold it.
    pub images: u64,
}
