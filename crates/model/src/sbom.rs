//! The bill of materials: everything found in one target.

use serde::{Deserialize, Serialize};

use crate::{ImageConfig, ImageIdentity, Layer, OperatingSystem, Package, Warning};

/// What one target holds. Produced by scanning or by reading an SBOM
/// file; consumed by matching. Knows nothing of vulnerabilities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sbom {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OperatingSystem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageIdentity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// Lowest layer first; empty for a folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// Sorted by kind, name, version, path.
    pub packages: Vec<Package>,
    /// What could not be read; the rest stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}
