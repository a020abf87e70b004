//! What is known of a container host: its engine, how that is reached,
//! and, where it was looked at from the machine itself, its files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A machine with a container engine.
///
/// What only the machine itself can tell (`options`, `files`, `audit`,
/// `trusted`, `own_partition`) is `None` of a remote one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostFacts {
    pub name: String,
    /// Addresses the engine answers on without TLS; `None`: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain: Option<Vec<String>>,
    /// Addresses it answers on over TLS whoever asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonFacts>,
    /// What the daemon was told by its file and its command line, by the
    /// file's names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, serde_json::Value>>,
    /// Files that are there, by what they are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<EngineFile, Vec<FileFacts>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditFacts>,
    /// Members of the group that may give the engine orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted: Option<Vec<String>>,
    /// Whether the engine's folder is a file system of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_partition: Option<bool>,
}

/// What a connection over TLS showed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFacts {
    /// What was agreed on: `1.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Old versions it would agree on, too; `None`: not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_versions: Option<Vec<String>>,
    pub certificates: Vec<CertificateFacts>,
}

/// A certificate in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFacts {
    /// Whose: `server`, `authority`, `client`.
    pub of: String,
    pub subject: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// `RSA`, `EC`, `Ed25519`, or the algorithm's number.
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// The hash it is signed over: `SHA-256`, `SHA-1`, `MD5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// What the engine says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DaemonFacts {
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_driver: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logging_driver: Option<String>,
    /// `seccomp`, `apparmor`, `selinux`, `rootless`, `userns`,
    /// `no-new-privileges`, with the profile after `=` where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<Vec<String>>,
    /// Registries spoken to without trust, beyond loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_registries: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_restore: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experimental: Option<bool>,
    /// Whether containers of the default network may talk to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inter_container: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// `None`: not told; without `is_active` no node of a swarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm: Option<SwarmFacts>,
}

/// How a host is part of a swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SwarmFacts {
    pub is_active: bool,
    pub is_manager: bool,
    pub managers: u64,
    pub nodes: u64,
    /// Whether managers' keys are locked, where the host may say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_locked: Option<bool>,
    /// How long nodes' certificates hold, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_days: Option<u64>,
    /// Overlay networks without encryption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_networks: Option<Vec<String>>,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineFile {
    DockerService,
    SocketUnit,
    DockerFolder,
    RegistryCertificate,
    TlsAuthority,
    TlsCertificate,
    TlsKey,
    DockerSocket,
    DaemonJson,
    DefaultDocker,
    SysconfigDocker,
    ContainerdSocket,
}

/// Whose a file is, and who may do what with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    pub path: String,
    pub owner: String,
    pub group: String,
    /// The lower twelve bits.
    pub mode: u32,
}

/// What the kernel writes down of the engine's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditFacts {
    /// As in `audit.rules`: `-w /etc/docker -p rwa`.
    pub rules: Vec<String>,
    /// Which of the files that should be watched are there.
    pub present: Vec<String>,
}
