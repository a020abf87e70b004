//! `audit`: events of Kubernetes API servers' audit logs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Config, ConfigError, Interval, Size};
use crate::inbox::is_cluster_name;

/// `audit`: how audit events come in, and how many may wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Disk that events may take until they are judged, and that judged
    /// ones may take for rules that look back. Full: API servers are told
    /// to come again.
    pub spool_size: Size,
    /// The largest body a webhook may send.
    pub max_body: Size,
    /// Clusters that may hand in events.
    pub max_clusters: usize,
    /// Logs this server reads by itself.
    pub sources: Vec<AuditSource>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            spool_size: Size(2 << 30),
            max_body: Size(64 << 20),
            max_clusters: 100,
            sources: Vec::new(),
        }
    }
}

/// A log to read: one of `file`, `event_hubs` and `cloudwatch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSource {
    /// What the cluster is called here.
    pub cluster: String,
    /// The environment it belongs to.
    #[serde(default = "local")]
    pub environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_hubs: Option<EventHubsSource>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudwatch: Option<CloudwatchSource>,
}

fn local() -> String {
    crate::app::LOCAL.to_owned()
}

/// A file the API server, or whoever fetches for it, writes. In whose
/// form its lines are, they tell themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    pub path: PathBuf,
    /// At first sight: read what is there already.
    #[serde(default)]
    pub from_start: bool,
}

/// An event hub of Azure's, or a topic of Kafka's, that diagnostic
/// settings write to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventHubsSource {
    /// A file that holds the connection string. Without one, `brokers` is
    /// a Kafka without a password.
    #[serde(default)]
    pub connection_string_file: PathBuf,
    /// The event hub, where the connection string has no `EntityPath`.
    #[serde(default)]
    pub event_hub: String,
    /// `host:port`; from the connection string when empty.
    #[serde(default)]
    pub brokers: Vec<String>,
    /// Certificates to trust beside the machine's, PEM.
    #[serde(default)]
    pub ca_file: PathBuf,
    /// At first sight: read what is there already.
    #[serde(default)]
    pub from_start: bool,
}

/// The log group of an EKS cluster. Credentials are AWS's usual ones: the
/// environment, a web identity, the pod's or the machine's role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudwatchSource {
    pub region: String,
    /// `/aws/eks/<cluster>/cluster` when empty.
    #[serde(default)]
    pub log_group: String,
    /// How often it is asked.
    #[serde(default = "seconds")]
    pub interval: Interval,
    /// At first sight: how far back it is read.
    #[serde(default = "an_hour")]
    pub since: Interval,
    /// Another address than AWS's own.
    #[serde(default)]
    pub endpoint: String,
}

fn seconds() -> Interval {
    Interval(std::time::Duration::from_secs(10))
}

fn an_hour() -> Interval {
    Interval::hours(1)
}

impl Config {
    pub(super) fn check_audit(&self) -> Result<(), ConfigError> {
        let refuse = |key: &'static str, why: String| Err(ConfigError::Refused { key, why });
        let audit = &self.audit;
        if audit.spool_size.0 < 16 << 20 {
            return refuse(
                "audit.spool_size",
                format!("{} is too little: expected 16MiB or more", audit.spool_size),
            );
        }
        if !(1 << 20..=256 << 20).contains(&audit.max_body.0) {
            return refuse(
                "audit.max_body",
                format!("{}: expected 1MiB to 256MiB", audit.max_body),
            );
        }
        if !(1..=10_000).contains(&audit.max_clusters) {
            return refuse(
                "audit.max_clusters",
                format!("{}: expected 1 to 10000", audit.max_clusters),
            );
        }
        for source in &audit.sources {
            let name = &source.cluster;
            if !is_cluster_name(name) {
                return refuse("audit.sources", format!("'{name}' is no name of a cluster"));
            }
            let kinds = [
                source.file.is_some(),
                source.event_hubs.is_some(),
                source.cloudwatch.is_some(),
            ];
            if kinds.into_iter().filter(|is_there| *is_there).count() != 1 {
                return refuse(
                    "audit.sources",
                    format!("{name}: expected one of file, event_hubs and cloudwatch"),
                );
            }
        }
        Ok(())
    }
}
