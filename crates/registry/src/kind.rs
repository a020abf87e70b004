//! The sorts of registries, and how they differ.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What sort of registry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Docker distribution, and whatever speaks like it: Zot, Gitea,
    /// GitLab, Nexus, Artifactory.
    Distribution,
    Harbor,
    Quay,
    Ghcr,
    DockerHub,
    /// Azure Container Registry.
    Azure,
    /// Amazon Elastic Container Registry.
    Amazon,
    /// Google Artifact Registry.
    Google,
}

/// How a registry's webhook proves where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The secret is sent in a header, `Authorization` or
    /// `X-Seawall-Token`: alone, as a bearer token, or as a password.
    Header,
    /// The body is signed with the secret (`X-Hub-Signature-256`).
    Signature,
    /// The registry sends nothing of its own: the secret is part of the
    /// address it was given.
    Address,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Distribution,
        Self::Harbor,
        Self::Quay,
        Self::Ghcr,
        Self::DockerHub,
        Self::Azure,
        Self::Amazon,
        Self::Google,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::Harbor => "harbor",
            Self::Quay => "quay",
            Self::Ghcr => "ghcr",
            Self::DockerHub => "docker_hub",
            Self::Azure => "azure",
            Self::Amazon => "amazon",
            Self::Google => "google",
        }
    }

    /// The name people know it by.
    pub fn title(self) -> &'static str {
        match self {
            Self::Distribution => "OCI registry",
            Self::Harbor => "Harbor",
            Self::Quay => "Quay",
            Self::Ghcr => "GitHub Container Registry",
            Self::DockerHub => "Docker Hub",
            Self::Azure => "Azure Container Registry",
            Self::Amazon => "Amazon ECR",
            Self::Google => "Google Artifact Registry",
        }
    }

    /// Where it is, for those that are in one place.
    pub fn default_address(self) -> Option<&'static str> {
        match self {
            Self::Quay => Some("quay.io"),
            Self::Ghcr => Some("ghcr.io"),
            Self::DockerHub => Some("docker.io"),
            Self::Distribution | Self::Harbor | Self::Azure | Self::Amazon | Self::Google => None,
        }
    }

    /// How its webhooks prove themselves.
    pub fn proof(self) -> Proof {
        match self {
            Self::Distribution | Self::Harbor | Self::Azure | Self::Amazon => Proof::Header,
            Self::Ghcr => Proof::Signature,
            Self::Quay | Self::DockerHub | Self::Google => Proof::Address,
        }
    }

    /// Whether it can list its repositories. Where it cannot, the
    /// account names them, or their owners (`team/*`).
    pub fn has_catalogue(self) -> bool {
        !matches!(self, Self::Ghcr | Self::DockerHub)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no sort of registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no sort of registry (there are: distribution, harbor, quay, ghcr, docker_hub, azure, amazon, google)"
)]
pub struct ParseKindError(String);

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| ParseKindError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_reads_back_its_name_everywhere() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
        }
        let error = "gitlab".parse::<Kind>().unwrap_err().to_string();
        for kind in Kind::ALL {
            assert!(error.contains(kind.as_str()), "{error}");
        }
    }
}
