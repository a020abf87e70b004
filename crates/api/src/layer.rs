//! An image's layers, each with what it brought.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SeverityCounts;

/// All layers of one image, lowest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Layers {
    pub items: Vec<Layer>,
    /// What belongs to no layer: everything, in a root file system.
    pub unlayered: LayerTotals,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Layer {
    /// Counted from the lowest, from 0: what `layer` filters by.
    pub index: u32,
    /// Digest of the uncompressed content.
    pub diff_id: String,
    /// Digest of the blob as the registry holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The history line: the build step that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Other images here that share it.
    pub shared_with: u64,
    pub totals: LayerTotals,
}

/// What one layer brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LayerTotals {
    pub packages: u64,
    pub counts: SeverityCounts,
    /// Open findings that an upgrade would close.
    pub fixable: u64,
}
