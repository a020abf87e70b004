//! What a tag truly is.

use std::collections::BTreeMap;

use model::{Digest, Platform};

/// A tag or digest, looked up and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Of the document itself: an index's where it is one.
    pub digest: Digest,
    pub media_type: String,
    /// Bytes of the document.
    pub size: u64,
    pub content: Content,
    /// The image it is attached to (`subject`).
    pub subject: Option<Digest>,
    pub annotations: BTreeMap<String, String>,
}

/// What a document describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One image. Its layers' digests, lowest first, are there to be
    /// compared; its platform is in its configuration, which is not read.
    Image { config: Digest, layers: Vec<Digest> },
    /// Images for several platforms.
    Index { images: Vec<PlatformImage> },
    /// Something else: an SBOM, a signature, a chart.
    Artifact { artifact_type: String },
}

/// One image of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformImage {
    pub digest: Digest,
    pub platform: Option<Platform>,
    pub size: u64,
    /// It is no image but tells about this one (`BuildKit`'s provenance
    /// and SBOMs).
    pub describes: Option<Digest>,
}

impl Resolved {
    /// The images to scan: itself, or each platform's.
    pub fn images(&self) -> Vec<Digest> {
        match &self.content {
            Content::Image { .. } => vec![self.digest],
            Content::Index { images } => images
                .iter()
                .filter(|image| image.describes.is_none())
                .map(|image| image.digest)
                .collect(),
            Content::Artifact { .. } => Vec::new(),
        }
    }
}
