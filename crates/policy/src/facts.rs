//! What is known of an asset: everything a check may look at.
//!
//! `None` and absent mean "not known", which no check may read as "no".

mod host;
mod image;

use jiff::Timestamp;
use model::{
    ContainerEngine, NotableFile, OperatingSystem, PackageKind, RunOptions, RunningContainer,
};
use serde::{Deserialize, Serialize};

pub use host::{
    AuditFacts, CertificateFacts, DaemonFacts, EngineFile, FileFacts, HostFacts, SwarmFacts,
    TlsFacts,
};
pub use image::Unlicensed;

/// What is known of one asset.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facts {
    Image(Box<ImageFacts>),
    Container(Box<ContainerFacts>),
    Machine(MachineFacts),
    Host(Box<HostFacts>),
    Advisories(AdvisoryFacts),
    Node(NodeFacts),
}

impl Facts {
    /// What the asset is called; empty for an environment.
    pub fn name(&self) -> &str {
        match self {
            Self::Image(facts) => &facts.name,
            Self::Container(facts) => &facts.name,
            Self::Machine(facts) => &facts.name,
            Self::Host(facts) => &facts.name,
            Self::Node(facts) => &facts.name,
            Self::Advisories(_) => "",
        }
    }
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
    /// Files in it that matter for how they are.
    pub files: Option<Vec<NotableFile>>,
    /// Of the packages that checks ask about ([`model::notable::PACKAGES`]),
    /// those its distribution installed.
    pub packages: Option<Vec<String>>,
    /// Packages whose licence is not one of those that may be shipped;
    /// `None`: nobody said which may.
    pub unlicensed: Option<Vec<Unlicensed>>,
    /// Only its configuration was looked at: nothing can be said of what
    /// is in it.
    pub unscanned: bool,
}

/// The part of an image's configuration that checks look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSettings {
    /// `None` or empty: nobody said, which is root.
    pub user: Option<String>,
    /// Whether it says how its health is checked.
    pub health_check: Option<bool>,
    /// The steps it was built by, secrets masked; empty: not told.
    pub steps: Vec<String>,
    /// Ports it says it listens on: `8080/tcp`.
    pub ports: Option<Vec<String>>,
    /// Variables it sets whose names say that they are secret.
    pub secret_variables: Vec<String>,
    /// The image it was built on, as whoever built it wrote it.
    pub base: Option<String>,
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
    /// How it was started.
    pub options: Option<RunOptions>,
}

/// A container, as its engine told of it.
impl From<RunningContainer> for ContainerFacts {
    fn from(container: RunningContainer) -> Self {
        let ports = container.ports.into_iter().map(|port| Port {
            address: port.address,
            port: port.host,
            container_port: port.container,
            protocol: port.protocol,
        });
        Self {
            name: container.name,
            image: Some(container.image),
            digest: None,
            privileged: container.privileged,
            // Docker says which ports it published; containerd publishes
            // none, others do it for it.
            ports: (container.engine == ContainerEngine::Docker).then(|| ports.collect()),
            host_namespaces: container.host_namespaces,
            host_paths: container.host_paths,
            options: container.options,
        }
    }
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

/// A machine of a Kubernetes cluster: its control plane's or kubelet's
/// processes, and the files they live by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeFacts {
    pub name: String,
    pub processes: Vec<Process>,
    pub files: Vec<NodeFile>,
    /// The kubelet's configuration, where it is read from a file; `null`
    /// where it is not.
    pub kubelet: serde_json::Value,
    /// As above, of the proxy.
    pub proxy: serde_json::Value,
    /// The first provider of each entry of the API server's encryption
    /// configuration: what new secrets are written with. `None`: not known.
    pub encryption: Option<Vec<String>>,
}

/// A component of Kubernetes that runs on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// `kube-apiserver`, `kubelet`.
    pub component: String,
    /// What follows the program's name.
    pub arguments: Vec<String>,
}

/// A file or folder of a node, and what it is there for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    pub role: FileRole,
    pub path: String,
    /// The permission bits alone.
    pub mode: u32,
    /// Names, or numbers where the node knows no name.
    pub owner: String,
    pub group: String,
}

/// What a file of a node is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileRole {
    ApiserverManifest,
    ControllerManagerManifest,
    SchedulerManifest,
    EtcdManifest,
    CniConfig,
    EtcdData,
    AdminKubeconfig,
    SchedulerKubeconfig,
    ControllerManagerKubeconfig,
    /// Folders of certificates and keys, and all that is in them.
    Pki,
    PkiCertificate,
    PkiKey,
    KubeletService,
    KubeletKubeconfig,
    KubeletConfig,
    KubeletClientCa,
    ProxyKubeconfig,
    /// Where an AKS node keeps what it shows Azure.
    AzureCredentials,
}

impl FileRole {
    /// As the table of checks writes it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::ApiserverManifest => "the API server's manifest",
            Self::ControllerManagerManifest => "the controller manager's manifest",
            Self::SchedulerManifest => "the scheduler's manifest",
            Self::EtcdManifest => "etcd's manifest",
            Self::CniConfig => "the network plugins' configuration",
            Self::EtcdData => "etcd's data folder",
            Self::AdminKubeconfig => "the administrator's kubeconfig",
            Self::SchedulerKubeconfig => "the scheduler's kubeconfig",
            Self::ControllerManagerKubeconfig => "the controller manager's kubeconfig",
            Self::Pki => "the folder of certificates and keys",
            Self::PkiCertificate => "certificates of the control plane",
            Self::PkiKey => "keys of the control plane",
            Self::KubeletService => "the kubelet's service file",
            Self::KubeletKubeconfig => "the kubelet's kubeconfig",
            Self::KubeletConfig => "the kubelet's configuration",
            Self::KubeletClientCa => "the authority the kubelet trusts clients by",
            Self::ProxyKubeconfig => "the proxy's kubeconfig",
            Self::AzureCredentials => "the node's credentials for Azure",
        }
    }
}
