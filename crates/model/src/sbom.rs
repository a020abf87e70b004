//! The bill of materials: everything found in one target.

use serde::{Deserialize, Serialize};

use crate::{
    FoundSecret, ImageConfig, ImageIdentity, Layer, NotableFile, OperatingSystem, Package,
    PackageFiles, TargetKind, Warning, malware::FoundMalware, scan::Target,
};

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
    /// Whose programs and libraries are whose; absent where that is not
    /// known: read before it was kept, or from a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<PackageFiles>,
    /// Sorted; absent where nobody looked for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<FoundSecret>>,
    /// Sorted; absent where nobody looked for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malware: Option<Vec<FoundMalware>>,
    /// Files that checks of images look at, sorted; absent where nobody
    /// looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notable: Option<Vec<NotableFile>>,
    /// What could not be read; the rest stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl Sbom {
    /// What it is of, for fingerprints: an image's repository and digest,
    /// a machine's or document's name.
    pub fn subject(&self, target: &Target) -> String {
        let image = self.image.as_ref();
        let digest = image.and_then(|image| image.config.or(image.manifest));
        match (digest, image) {
            (Some(digest), Some(image)) if target.kind != TargetKind::Rootfs => {
                let name = image.tags.first().map_or("", String::as_str);
                format!("{}@{digest}", repository(name))
            }
            _ => target.name.clone(),
        }
    }
}

/// `localhost:5000/app:1` is in the repository `localhost:5000/app`.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let tag = name.get(last..).and_then(|last_part| last_part.find(':'));
    let end = tag.map_or(name.len(), |colon| last + colon);
    name.get(..end).unwrap_or(name)
}
