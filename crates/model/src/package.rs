//! A package: something installed, with a name, a version and a place.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Ecosystem, Purl};

/// What sort of package it is; also its package-URL type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// Known only by name and version, from a foreign SBOM.
    Generic,
}

impl PackageKind {
    /// The package-URL type (purl specification, types).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Maven => "maven",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Generic => "generic",
        }
    }

    pub fn from_purl_type(text: &str) -> Option<Self> {
        [
            Self::Deb,
            Self::Apk,
            Self::Rpm,
            Self::Npm,
            Self::Pypi,
            Self::Maven,
            Self::Golang,
            Self::Cargo,
            Self::Gem,
            Self::Composer,
            Self::Nuget,
            Self::Generic,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }

    /// Whether the distribution's own package manager installed it.
    pub fn is_distribution(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm)
    }

    /// The language registry such a package comes from; `None` for
    /// distribution packages, whose ecosystem is the image's release.
    pub fn registry(self) -> Option<Ecosystem> {
        let name = match self {
            Self::Npm => "npm",
            Self::Pypi => "PyPI",
            Self::Maven => "Maven",
            Self::Golang => "Go",
            Self::Cargo => "crates.io",
            Self::Gem => "RubyGems",
            Self::Composer => "Packagist",
            Self::Nuget => "NuGet",
            Self::Deb | Self::Apk | Self::Rpm | Self::Generic => return None,
        };
        Some(Ecosystem::new(name))
    }
}

impl fmt::Display for PackageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The source package a binary package was built from. Distributions
/// publish advisories against source names and versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourcePackage {
    pub name: String,
    pub version: String,
}

/// One installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Package {
    pub kind: PackageKind,
    /// The registry's own spelling: `log4j-core` lives under
    /// `org.apache.logging.log4j:log4j-core`, an npm scope is part of
    /// the name (`@babel/core`), a PyPI name is normalised by PEP 503.
    pub name: String,
    /// As the package database writes it, with the epoch (`1:2.3-4`).
    pub version: String,
    /// Whose advisories apply. `None` where nobody publishes any for it
    /// (an unknown distribution, a generic package).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecosystem: Option<Ecosystem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Licence expressions as the package states them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    pub purl: Purl,
    /// The file that names this package, relative to the root and
    /// without a leading slash: `var/lib/dpkg/status`,
    /// `app/server.jar!/BOOT-INF/lib/log4j-core-2.14.1.jar`.
    pub path: String,
    /// Index into [`crate::Sbom::layers`] of the layer that brought this
    /// version; `None` where there are no layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// Set on a language package whose files a distribution package
    /// owns: the distribution's advisories speak for it, so it is listed
    /// but not matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
}
