//! Assets: everything findings are about, as one tree: environment ›
//! cluster or host › namespace › workload › pod › container › image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{ImageRef, SeverityCounts};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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

/// Enough of an asset to name it, place it and link to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetRef {
    pub id: String,
    pub kind: AssetKind,
    pub name: String,
    pub environment: String,
    /// The cluster or host it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}

/// One asset, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    pub asset: AssetRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// Open findings of it and of everything below it.
    pub counts: SeverityCounts,
    /// Assets directly below it.
    pub children: u64,
    /// Containers of it, or below it, that run now.
    pub running: u64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// No longer there.
    pub gone: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
}

/// Everything about one asset but its findings
/// (`/findings?q=asset:ID`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetDetail {
    pub asset: Asset,
    /// From the environment down to it.
    pub chain: Vec<AssetRef>,
    /// What is known of it, name and value, for people.
    pub facts: Vec<Fact>,
    /// How many of each kind are directly below it.
    pub below: BTreeMap<String, u64>,
    /// Containers that run this image, where it is one; at most 100.
    pub running_in: Vec<AssetRef>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

/// Which assets to list: worst first.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AssetQuery {
    pub environment: Option<String>,
    /// Directly below this asset.
    pub parent: Option<String>,
    /// Kinds, separated by commas.
    pub kind: Option<String>,
    /// Text in the name.
    pub q: Option<String>,
    /// Also those no longer there.
    pub gone: Option<bool>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}
