//! Containers that run on a machine.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// What runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerEngine {
    Docker,
    Containerd,
}

impl ContainerEngine {
    pub const ALL: [Self; 2] = [Self::Docker, Self::Containerd];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
        }
    }
}

impl fmt::Display for ContainerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One container, while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningContainer {
    pub engine: ContainerEngine,
    /// containerd's namespace (`k8s.io`, `default`); Docker has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The engine's own, unique within engine and namespace.
    pub id: String,
    /// What people call it: the name it was given, else its id.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// Digests that name that image: its configuration's, its
    /// manifest's, its index's, as far as the engine tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_digests: Vec<Digest>,
    /// When it started or, where the engine does not say, was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Its first process, as the machine numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Whether it may do to the machine what the machine's root may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// Namespaces of the machine it is in (`network`, `process`, `IPC`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_namespaces: Option<Vec<String>>,
    /// Paths of the machine mounted into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_paths: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PublishedPort>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How it was started, where the engine says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<RunOptions>,
}

/// How a container was started: what holds it back, and what does not.
/// `None` means "not told".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunOptions {
    /// `docker-default`, `unconfined`; empty where the kernel has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apparmor: Option<String>,
    /// `--security-opt`, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<Vec<String>>,
    /// Capabilities beyond the engine's own choice, without `CAP_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_capabilities: Option<Vec<String>>,
    /// Bytes; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Whether shares, a quota or a set of processors was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_cpu_limit: Option<bool>,
    /// 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Whether its root file system cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// How often it is started again after a failure; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u64>,
    /// Devices of the machine it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<String>>,
    /// Paths mounted so that its own mounts show on the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_mounts: Option<Vec<String>>,
    /// Paths of the machine it may write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writable_paths: Option<Vec<String>>,
    /// In the machine's user namespace though the engine has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_users: Option<bool>,
    /// Empty: the engine's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup_parent: Option<String>,
    /// Names of networks it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<String>>,
    /// Whether it says how its health is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_health_check: Option<bool>,
    /// Names of programs that ran in it when it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub programs: Option<Vec<String>>,
}

/// A port of the machine that leads into a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The address it is bound to; empty for all.
    pub address: String,
    pub host: u16,
    pub container: u16,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
}

impl fmt::Display for PublishedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            host,
            container,
            protocol,
        } = self;
        let is_v6 = address.contains(':');
        let (open, close) = if is_v6 { ("[", "]") } else { ("", "") };
        let colon = if address.is_empty() { "" } else { ":" };
        write!(
            f,
            "{open}{address}{close}{colon}{host} -> {container}/{protocol}"
        )
    }
}

/// The text is no published port.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a published port: '{0}' (expected '127.0.0.1:8080 -> 80/tcp')")]
pub struct ParsePortError(String);

impl std::str::FromStr for PublishedPort {
    type Err = ParsePortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (outside, inside) = text.split_once(" -> ")?;
            let (container, protocol) = inside.split_once('/')?;
            let (address, host) = outside.rsplit_once(':').unwrap_or(("", outside));
            let bare = address
                .strip_prefix('[')
                .and_then(|address| address.strip_suffix(']'));
            Some(Self {
                address: bare.unwrap_or(address).to_owned(),
                host: host.parse().ok()?,
                container: container.parse().ok()?,
                protocol: protocol.to_owned(),
            })
        };
        read().ok_or_else(|| ParsePortError(text.chars().take(60).collect()))
    }
}

/// What runs on one machine, as far as its engines tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunningContainers {
    pub containers: Vec<RunningContainer>,
    /// Engines that gave no whole answer: whatever else ran in them may
    /// still do so.
    pub unknown: Vec<ContainerEngine>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_reads_as_people_write_it() {
        let port = |address: &str| PublishedPort {
            address: address.to_owned(),
            host: 8080,
            container: 80,
            protocol: "tcp".to_owned(),
        };
        assert_eq!(port("").to_string(), "8080 -> 80/tcp");
        assert_eq!(port("127.0.0.1").to_string(), "127.0.0.1:8080 -> 80/tcp");
        assert_eq!(port("::").to_string(), "[::]:8080 -> 80/tcp");
        for address in ["", "127.0.0.1", "::"] {
            assert_eq!(port(address).to_string().parse(), Ok(port(address)));
        }
        for text in ["", "80", "x -> 80/tcp", "80 -> 80", "[::]:99999 -> 80/tcp"] {
            assert!(text.parse::<PublishedPort>().is_err(), "{text}");
        }
    }
}
