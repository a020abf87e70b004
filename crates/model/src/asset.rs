//! Assets: everything findings are about, as one tree.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What Kubernetes calls the resources that make pods.
pub const WORKLOAD_RESOURCES: [&str; 7] = [
    "deployments",
    "daemonsets",
    "statefulsets",
    "replicasets",
    "replicationcontrollers",
    "jobs",
    "cronjobs",
];

/// The levels of the tree, from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    Environment,
    Cluster,
    /// A machine that runs containers, or a cluster's node.
    Host,
    Namespace,
    Workload,
    Pod,
    Container,
    /// A container image, a root file system or an SBOM.
    Image,
}

impl AssetKind {
    pub const ALL: [Self; 8] = [
        Self::Environment,
        Self::Cluster,
        Self::Host,
        Self::Namespace,
        Self::Workload,
        Self::Pod,
        Self::Container,
        Self::Image,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Cluster => "cluster",
            Self::Host => "host",
            Self::Namespace => "namespace",
            Self::Workload => "workload",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Image => "image",
        }
    }

    /// The kind a stored word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for AssetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
