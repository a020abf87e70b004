//! What really runs: images and the containers of clusters and hosts
//! that run them, from either side.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{AssetKind, ImageRef, PackageKind, Severity, SeverityCounts, priority::InUse};

/// An image that containers run now. Several names of one image are one
/// row; a container whose image was never scanned has a row, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunningImage {
    /// Asked for by `/running/{image}`: the image's id, else the digest
    /// or the name the engines know it by.
    pub id: String,
    pub environment: String,
    /// As people call it.
    pub name: String,
    /// Absent: it was never scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// The digest of its manifest, else of its configuration, else what
    /// the engines tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    pub scanned: bool,
    /// Why it was never scanned, and what would mend that; empty where
    /// it was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_scanned: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scanned: Option<Timestamp>,
    /// Containers that run it.
    pub containers: u64,
    /// Where, most containers first; the first ten.
    pub workloads: Vec<RunningWorkload>,
    /// How many there are.
    pub workload_count: u64,
    /// Its open findings.
    pub counts: SeverityCounts,
    /// Those of them that an upgrade closes.
    pub fixable: u64,
    /// Those known to be exploited.
    pub kev: u64,
    /// The highest priority of its vulnerabilities.
    pub priority: u16,
    pub exposure: RunningExposure,
    pub packages: PackagesInUse,
}

/// Something that runs an image: a workload of a cluster, else the host
/// or the pod its containers are directly on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningWorkload {
    /// The asset's id.
    pub id: String,
    pub kind: AssetKind,
    pub name: String,
    pub environment: String,
    /// The cluster or the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Who it belongs to, from its labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<WorkloadOwner>,
    pub containers: u64,
    /// When the oldest of them started.
    pub since: Timestamp,
}

/// Who a workload belongs to, and which label says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadOwner {
    pub name: String,
    pub label: String,
}

/// Who can reach the containers of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunningReach {
    NotRunning,
    Inside,
    NotKnown,
    Node,
    Outside,
}

impl From<model::priority::Reach> for RunningReach {
    fn from(reach: model::priority::Reach) -> Self {
        match reach {
            model::priority::Reach::NotRunning => Self::NotRunning,
            model::priority::Reach::Inside => Self::Inside,
            model::priority::Reach::NotKnown => Self::NotKnown,
            model::priority::Reach::Node => Self::Node,
            model::priority::Reach::Outside => Self::Outside,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningExposure {
    pub reach: RunningReach,
    /// By what: `ingress shop/front`, `port 0.0.0.0:8080`; for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// How many packages of an image are in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackagesInUse {
    pub total: u64,
    pub seen: u64,
    pub not_seen: u64,
    pub not_known: u64,
    /// Since when every container was watched without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched_since: Option<Timestamp>,
    /// Why nothing is known, for people; empty where something is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// One running image, with all of its workloads and containers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunningImageDetail {
    #[serde(flatten)]
    pub running: RunningImage,
    /// All of them, 1000 at most.
    pub all_workloads: Vec<RunningWorkload>,
    /// 1000 at most.
    pub all_containers: Vec<RunningInstance>,
}

/// A container that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningInstance {
    /// The asset's id.
    pub id: String,
    pub name: String,
    /// The image as its engine calls it.
    pub image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The pod or the host it is directly on.
    pub on: String,
    /// The node, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub started: Timestamp,
    /// A sensor looks which of its files are used.
    pub watched: bool,
}

/// Which running images to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunningQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// One cluster's or host's name.
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    /// Text in the image's name or digest.
    pub image: Option<String>,
    /// One vulnerability's id: images with an open finding of it.
    pub vulnerability: Option<String>,
    /// Only images that were scanned, or only those that never were.
    pub scanned: Option<bool>,
    /// Only images with findings that an upgrade closes.
    pub fixable: Option<bool>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// Who runs a vulnerability: its images, what runs them, whose they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VulnerabilityWorkloads {
    pub vulnerability: String,
    /// Running images that have it.
    pub images: u64,
    pub containers: u64,
    /// One row for each image and workload, highest priority first; 1000
    /// at most.
    pub workloads: Vec<AffectedWorkload>,
    /// How many rows there are.
    pub total: u64,
}

/// A workload that runs an image with a vulnerability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AffectedWorkload {
    pub workload: RunningWorkload,
    pub image: ImageRef,
    pub exposure: RunningExposure,
    pub packages: Vec<AffectedPackageUse>,
    /// The highest of them.
    pub priority: u16,
}

/// A package that has the vulnerability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AffectedPackageUse {
    /// The finding's id.
    pub finding: String,
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    pub in_use: InUse,
    pub priority: u16,
}
