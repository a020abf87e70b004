//! Where a package comes from, and by whose rules its versions order.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A package ecosystem as OSV names it: `Debian:12`, `Alpine:v3.18`,
/// `npm`, `Red Hat:enterprise_linux:9::baseos`
/// (OSV schema 1.7, "Defined ecosystems").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ecosystem {
    /// The part before the first colon: `Debian`, `npm`.
    pub name: String,
    /// What follows the first colon: `12`, `v3.18`.
    pub release: Option<String>,
}

impl Ecosystem {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            release: None,
        }
    }

    pub fn with_release(name: impl Into<String>, release: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            release: Some(release.into()),
        }
    }

    /// The rules that order this ecosystem's versions; `None` where we
    /// know none, so that nothing is ever matched by guesswork.
    pub fn version_scheme(&self) -> Option<VersionScheme> {
        Some(match self.name.as_str() {
            "Debian" | "Ubuntu" | "Echo" => VersionScheme::Dpkg,
            "Alpine" | "Wolfi" | "Chainguard" | "MinimOS" | "Alpaquita" => VersionScheme::Apk,
            "Red Hat" | "AlmaLinux" | "Rocky Linux" | "SUSE" | "openSUSE" | "openEuler"
            | "Mageia" | "Azure Linux" | "Photon OS" | "Oracle Linux" | "Amazon Linux"
            | "CentOS" | "Fedora" => VersionScheme::Rpm,
            "npm" | "Hex" | "Pub" | "SwiftURL" | "Bitnami" | "GitHub Actions" | "Julia" => {
                VersionScheme::Semver
            }
            "crates.io" => VersionScheme::Crates,
            "Go" => VersionScheme::Go,
            "PyPI" => VersionScheme::Pep440,
            "Maven" => VersionScheme::Maven,
            "RubyGems" => VersionScheme::RubyGems,
            "NuGet" => VersionScheme::NuGet,
            "Packagist" => VersionScheme::Composer,
            _ => return None,
        })
    }

    /// Whether a distribution, rather than a language's registry.
    pub fn is_distribution(&self) -> bool {
        matches!(
            self.version_scheme(),
            Some(VersionScheme::Dpkg | VersionScheme::Apk | VersionScheme::Rpm)
        )
    }
}

/// The rules by which two versions are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionScheme {
    Dpkg,
    Rpm,
    Apk,
    /// Semantic Versioning 2.0.0, read as leniently as npm does.
    Semver,
    /// Semantic Versioning 2.0.0 as crates.io enforces it.
    Crates,
    /// `v1.2.3`, pseudo-versions, `+incompatible`, `go1.21.3`.
    Go,
    Pep440,
    Maven,
    RubyGems,
    NuGet,
    Composer,
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(release) = &self.release {
            write!(f, ":{release}")?;
        }
        Ok(())
    }
}

/// An ecosystem must have a name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ecosystem needs a name")]
pub struct ParseEcosystemError;

impl FromStr for Ecosystem {
    type Err = ParseEcosystemError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, release) = match text.split_once(':') {
            Some((name, release)) => (name, Some(release.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err(ParseEcosystemError);
        }
        Ok(Self {
            name: name.to_owned(),
            release,
        })
    }
}

impl Serialize for Ecosystem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ecosystem {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_colon_parts_name_and_release() {
        let ecosystem: Ecosystem = "Red Hat:enterprise_linux:9::baseos".parse().unwrap();
        assert_eq!(ecosystem.name, "Red Hat");
        assert_eq!(
            ecosystem.release.as_deref(),
            Some("enterprise_linux:9::baseos")
        );
        assert_eq!(ecosystem.to_string(), "Red Hat:enterprise_linux:9::baseos");
    }

    #[test]
    fn a_stranger_has_no_version_rules() {
        assert_eq!(Ecosystem::new("Cobol").version_scheme(), None);
    }
}
