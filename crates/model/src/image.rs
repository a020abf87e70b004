//! Images, their layers and the operating system inside.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Digest, Ecosystem};

/// Operating system, processor and variant an image is built for, as in
/// `linux/arm64/v8` (OCI image specification, image-index.md).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        Ok(())
    }
}

/// The text names no platform.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a platform: '{0}' (expected os/architecture, as in linux/arm64)")]
pub struct ParsePlatformError(String);

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(os), Some(architecture), variant, None)
                if !os.is_empty() && !architecture.is_empty() =>
            {
                Ok(Self {
                    os: os.to_owned(),
                    architecture: architecture.to_owned(),
                    variant: variant.map(str::to_owned),
                })
            }
            _ => Err(ParsePlatformError(text.to_owned())),
        }
    }
}

impl Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What an image is called, and what it truly is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageIdentity {
    /// The manifest's digest, where the source has manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The configuration's digest: Docker's "image id", the same
    /// whichever way the image reached us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Digest>,
    /// `registry/repository:tag` names it goes by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// The parts of an image's configuration people ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether it says how its health is checked; `None`: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<bool>,
    /// Ports it says it listens on, as in `8080/tcp`; absent where nobody
    /// looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<String>>,
    /// Names of the variables it sets that say their values are secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_variables: Vec<String>,
    /// The steps it was built by, first to last, without the values of
    /// secrets ([`crate::secret::mask`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
}

/// One layer, lowest first in every list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Digest of the uncompressed tar; verified, never merely claimed.
    pub diff_id: Digest,
    /// Digest of the blob as the registry holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Bytes of that blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The history line: which Dockerfile step made this layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// What `os-release` says the root file system is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OperatingSystem {
    /// `ID`: `debian`, `alpine`, `rhel`.
    pub id: String,
    /// `VERSION_ID`: `12`, `3.18.4`; empty for rolling releases.
    #[serde(default)]
    pub version: String,
    /// `PRETTY_NAME`.
    #[serde(default)]
    pub name: String,
    /// `VERSION_CODENAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// `ID_LIKE`, most similar first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
}

impl OperatingSystem {
    /// Whose advisories speak for this system's packages, or `None`
    /// where no feed covers it.
    pub fn ecosystem(&self) -> Option<Ecosystem> {
        let major = self.version.split('.').next().unwrap_or_default();
        let minor = {
            let mut parts = self.version.split('.');
            match (parts.next(), parts.next()) {
                (Some(major), Some(minor)) => format!("{major}.{minor}"),
                _ => self.version.clone(),
            }
        };
        Some(match self.id.as_str() {
            "debian" => Ecosystem::with_release("Debian", self.debian_release(major)?),
            "ubuntu" => {
                let lts = matches!(minor.as_str(), m if m.ends_with(".04")
                    && major.parse::<u32>().is_ok_and(|year| year % 2 == 0));
                let suffix = if lts { ":LTS" } else { "" };
                Ecosystem::with_release("Ubuntu", format!("{minor}{suffix}"))
            }
            "alpine" if self.version.is_empty() || self.version.contains("_alpha") => {
                Ecosystem::with_release("Alpine", "edge")
            }
            "alpine" => Ecosystem::with_release("Alpine", format!("v{minor}")),
            "wolfi" => Ecosystem::new("Wolfi"),
            "chainguard" => Ecosystem::new("Chainguard"),
            "rhel" | "centos" => {
                Ecosystem::with_release("Red Hat", format!("enterprise_linux:{major}"))
            }
            "almalinux" => Ecosystem::with_release("AlmaLinux", major),
            "rocky" => Ecosystem::with_release("Rocky Linux", major),
            "ol" => Ecosystem::with_release("Oracle Linux", major),
            "amzn" => Ecosystem::with_release("Amazon Linux", self.version.clone()),
            "fedora" => Ecosystem::with_release("Fedora", self.version.clone()),
            "sles" | "suse" => {
                Ecosystem::with_release("SUSE", format!("Linux Enterprise Server {}", self.suse()))
            }
            "sled" => {
                Ecosystem::with_release("SUSE", format!("Linux Enterprise Desktop {}", self.suse()))
            }
            "sle-micro" => {
                Ecosystem::with_release("SUSE", format!("Linux Enterprise Micro {}", self.version))
            }
            "sl-micro" => Ecosystem::with_release("SUSE", format!("Linux Micro {}", self.version)),
            "opensuse-leap" => {
                Ecosystem::with_release("openSUSE", format!("Leap {}", self.version))
            }
            "opensuse-tumbleweed" => Ecosystem::with_release("openSUSE", "Tumbleweed"),
            "azurelinux" | "mariner" => Ecosystem::with_release("Azure Linux", major),
            "photon" => Ecosystem::with_release("Photon OS", self.version.clone()),
            "mageia" => Ecosystem::with_release("Mageia", major),
            "openeuler" => Ecosystem::with_release("openEuler", self.openeuler()?),
            "alpaquita" => Ecosystem::with_release(
                "Alpaquita",
                if self.version.is_empty() {
                    "stream"
                } else {
                    major
                },
            ),
            "minimos" => Ecosystem::new("MinimOS"),
            "echo" => Ecosystem::new("Echo"),
            _ => return None,
        })
    }

    /// Testing and unstable carry no `VERSION_ID`; their code names do.
    fn debian_release(&self, major: &str) -> Option<String> {
        if !major.is_empty() {
            return Some(major.to_owned());
        }
        Some(
            match self.codename.as_deref()? {
                "buster" => "10",
                "bullseye" => "11",
                "bookworm" => "12",
                "trixie" => "13",
                "forky" => "14",
                _ => return None,
            }
            .to_owned(),
        )
    }

    /// Up to 15, `15.5` is written "15 SP5" in SUSE's advisories.
    fn suse(&self) -> String {
        match self.version.split_once('.') {
            Some((major @ ("11" | "12" | "15"), pack)) => format!("{major} SP{pack}"),
            _ => self.version.clone(),
        }
    }

    /// Only the long name tells the service pack, as in
    /// `openEuler 22.03 (LTS-SP1)`; releases without long-term support
    /// get no advisories.
    fn openeuler(&self) -> Option<String> {
        let (_, pack) = self.name.split_once("LTS")?;
        let pack = pack.trim_end_matches(')');
        Some(format!("{}-LTS{pack}", self.version))
    }
}

impl fmt::Display for OperatingSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "{} {}", self.id, self.version)
        } else {
            f.write_str(&self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ecosystem(id: &str, version: &str) -> Option<String> {
        let os = OperatingSystem {
            id: id.to_owned(),
            version: version.to_owned(),
            ..OperatingSystem::default()
        };
        os.ecosystem().map(|ecosystem| ecosystem.to_string())
    }

    #[test]
    fn releases_are_spelled_as_the_advisories_spell_them() {
        let cases = [
            ("debian", "12", "Debian:12"),
            ("debian", "12.4", "Debian:12"),
            ("ubuntu", "22.04", "Ubuntu:22.04:LTS"),
            ("ubuntu", "23.10", "Ubuntu:23.10"),
            ("ubuntu", "23.04", "Ubuntu:23.04"),
            ("alpine", "3.18.4", "Alpine:v3.18"),
            ("alpine", "", "Alpine:edge"),
            ("wolfi", "20230201", "Wolfi"),
            ("rhel", "9.3", "Red Hat:enterprise_linux:9"),
            ("almalinux", "8.9", "AlmaLinux:8"),
            ("rocky", "9.2", "Rocky Linux:9"),
            ("centos", "7", "Red Hat:enterprise_linux:7"),
            ("ol", "8.9", "Oracle Linux:8"),
            ("sles", "15.5", "SUSE:Linux Enterprise Server 15 SP5"),
            ("sles", "15", "SUSE:Linux Enterprise Server 15"),
            ("sles", "16.0", "SUSE:Linux Enterprise Server 16.0"),
            ("sle-micro", "5.5", "SUSE:Linux Enterprise Micro 5.5"),
            ("opensuse-leap", "15.6", "openSUSE:Leap 15.6"),
            ("opensuse-tumbleweed", "20240520", "openSUSE:Tumbleweed"),
            ("azurelinux", "3.0", "Azure Linux:3"),
            ("photon", "4.0", "Photon OS:4.0"),
            ("alpine", "3.21.0_alpha20240807", "Alpine:edge"),
            ("chainguard", "20230214", "Chainguard"),
            ("amzn", "2023", "Amazon Linux:2023"),
        ];
        for (id, version, expected) in cases {
            assert_eq!(
                ecosystem(id, version).as_deref(),
                Some(expected),
                "{id} {version}"
            );
        }
        assert_eq!(ecosystem("templeos", "5"), None);
    }

    #[test]
    fn an_openeuler_service_pack_is_taken_from_the_long_name() {
        let named = |name: &str| {
            OperatingSystem {
                id: "openeuler".to_owned(),
                version: "22.03".to_owned(),
                name: name.to_owned(),
                ..OperatingSystem::default()
            }
            .ecosystem()
            .map(|ecosystem| ecosystem.to_string())
        };
        assert_eq!(
            named("openEuler 22.03 (LTS-SP1)").as_deref(),
            Some("openEuler:22.03-LTS-SP1")
        );
        assert_eq!(
            named("openEuler 22.03 LTS").as_deref(),
            Some("openEuler:22.03-LTS")
        );
        assert_eq!(named("openEuler 22.09"), None);
    }

    #[test]
    fn a_platform_reads_back_what_it_prints() {
        for text in ["linux/amd64", "linux/arm/v7"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        assert!("linux".parse::<Platform>().is_err());
        assert!("linux/arm/v7/x".parse::<Platform>().is_err());
    }
}
