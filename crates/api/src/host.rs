//! Container hosts: machines whose engine is reached from here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::SeverityCounts;

/// How a host is. `new`: not looked at yet. `unreached`: the last look
/// did not get through; what was seen before still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    New,
    Reached,
    Unreached,
    Paused,
}

/// A container host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Host {
    pub id: String,
    pub environment: String,
    pub name: String,
    /// `tcp://host:2376`.
    pub address: String,
    /// Which of `ca`, `certificate` and `key` are set. They go in and
    /// never come out.
    pub secrets: Vec<String>,
    pub state: HostState,
    pub paused: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// When it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked: Option<Timestamp>,
    /// When it was last reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
    /// Why the last look did not reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<HostError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<HostEngine>,
    /// Its asset, once something was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
}

/// Why a host was not reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostError {
    /// `wrong_authority`, `server_certificate_expired`, `wrong_host`,
    /// `client_certificate_refused`, `client_certificate_expired`,
    /// `client_certificate_wanted`, `not_docker`, `not_tls`, `wants_tls`,
    /// `timeout`, `unreachable`, `no_such_host`, and others that say so
    /// in their message.
    pub code: String,
    pub message: String,
    /// What to do about it, in one sentence.
    pub advice: String,
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostEngine {
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_driver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging_driver: Option<String>,
    /// `seccomp`, `apparmor`, `userns`, `rootless` and the like, with the
    /// profile after `=`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_restore: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
}

/// What a connection over TLS showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostTls {
    /// `1.3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Old versions it agrees on, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_versions: Vec<String>,
    pub certificates: Vec<HostCertificate>,
}

/// A certificate in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostCertificate {
    /// `server`, `authority` or `client`.
    pub of: String,
    pub subject: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// `EC`, `RSA`.
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// A host and all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostDetail {
    pub host: Host,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<HostTls>,
    /// Addresses it answers on without TLS.
    pub plain: Vec<String>,
    /// Addresses it answers on over TLS whoever asks.
    pub unverified: Vec<String>,
    /// What the last look could not ask.
    pub gaps: Vec<String>,
    /// Open findings of the host and of what runs on it.
    pub findings: SeverityCounts,
    /// What runs there, by name; the first thousand.
    pub containers: Vec<HostContainer>,
}

/// A container that runs on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostContainer {
    /// The asset's id.
    pub asset: String,
    pub name: String,
    /// The image as whoever started it named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// That image's id, once it was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
}

/// Add a host. Without `ca` it is spoken to without TLS, which is raised
/// as a finding.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHost {
    /// Where it belongs; the server's own environment when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    #[schema(max_length = 100)]
    pub name: String,
    /// `tcp://host:2376`.
    #[schema(max_length = 300)]
    pub address: String,
    /// The certificate of the authority that the host's own is from, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Our certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Its key, PEM, without a passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default)]
    pub paused: bool,
}

/// Change a host. What is left out stays; `ca`, `certificate` and `key`
/// are given together or not at all, and empty ones remove them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

// Keys are in there.
impl std::fmt::Debug for NewHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewHost")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HostChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostChange")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What trying the connection showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostCheck {
    pub reached: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<HostError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<HostEngine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<HostTls>,
    pub plain: Vec<String>,
    pub unverified: Vec<String>,
    /// What could not be asked.
    pub gaps: Vec<String>,
}

/// Which hosts to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
}
