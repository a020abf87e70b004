//! What is known of an asset: everything a check may look at.
//!
//! `None` and absent mean "not known", which no check may read as "no".

use jiff::Timestamp;
use model::{OperatingSystem, PackageKind};
use serde::Deserialize;

/// What is known of one asset.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facts {
    Image(ImageFacts),
    Container(ContainerFacts),
    Machine(MachineFacts),
    Advisories(AdvisoryFacts),
}

/// Open findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Count {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
}

impl Count {
    pub fn total(self) -> u64 {
        self.critical + self.high + self.medium + self.low
    }
}

/// An upgrade, and how many open findings it closes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    pub kind: PackageKind,
    pub package: String,
    #[serde(default)]
    pub installed: Vec<String>,
    pub version: String,
    #[serde(default)]
    pub closes: Count,
}

/// A container image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageFacts {
    pub name: String,
    /// Containers that run it now.
    pub running: u64,
    /// Worst first, as many as are worth naming.
    pub upgrades: Vec<Upgrade>,
    /// Open findings that some upgrade closes.
    pub fixable: Count,
    /// Vulnerabilities in it that are known to be exploited.
    pub exploited: Vec<String>,
    /// What could not be read of it.
    pub unread: Vec<String>,
    pub os: Option<OperatingSystem>,
    pub config: Option<ImageSettings>,
}

/// The part of an image's configuration that checks look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSettings {
    /// `None` or empty: nobody said, which is root.
    pub user: Option<String>,
}

/// A running container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContainerFacts {
    pub name: String,
    /// The image as whoever started the container named it.
    pub image: Option<String>,
    /// The digest that name stands for now, where a registry gave it.
    pub digest: Option<String>,
    pub privileged: Option<bool>,
    /// `None`: not known; empty: none is published.
    pub ports: Option<Vec<Port>>,
    /// Shares the machine's network, process or IPC namespace.
    pub host_namespaces: Option<Vec<String>>,
    /// Paths of the machine mounted into it.
    pub host_paths: Option<Vec<String>>,
}

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The machine's address it listens on; empty stands for all.
    #[serde(default)]
    pub address: String,
    pub port: u16,
    pub container_port: u16,
    #[serde(default = "tcp")]
    pub protocol: String,
}

fn tcp() -> String {
    "tcp".to_owned()
}

/// A machine's own root file system.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MachineFacts {
    pub name: String,
    pub os: Option<OperatingSystem>,
    /// Open findings in what its distribution installed that an update
    /// of the distribution closes.
    pub updates: Count,
    /// Worst first, as many as are worth naming.
    pub upgrades: Vec<Upgrade>,
    /// Packages its distribution installed.
    pub packages: u64,
}

/// The advisory database in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdvisoryFacts {
    /// Only the embedded set is here.
    pub starter_only: bool,
    /// When it was last known to be current.
    pub as_of: Option<Timestamp>,
}
