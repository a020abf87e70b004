//! What refers to an image, and how something comes to refer to it.

use std::collections::BTreeMap;

use model::Digest;

/// Something attached to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    pub digest: Digest,
    pub media_type: String,
    pub artifact_type: String,
    pub size: u64,
    pub annotations: BTreeMap<String, String>,
    pub by: How,
}

/// How a referrer is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The referrers API.
    Api,
    /// The index under the tag `sha256-…` that stands in for it.
    Tag,
    /// cosign's older tags, `sha256-….sig`, `.att` and `.sbom`.
    CosignTag,
}

/// An artifact, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub digest: Digest,
    pub artifact_type: String,
    pub subject: Option<Digest>,
    pub annotations: BTreeMap<String, String>,
    pub blobs: Vec<ArtifactBlob>,
}

/// One of an artifact's blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactBlob {
    pub digest: Digest,
    pub media_type: String,
    pub annotations: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
}

/// A document to be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReferrer {
    /// `application/vnd.cyclonedx+json`, `application/spdx+json`.
    pub artifact_type: String,
    /// Of the document itself; most often the same.
    pub media_type: String,
    pub bytes: Vec<u8>,
    pub annotations: BTreeMap<String, String>,
}

/// A document that was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest that refers to the image.
    pub digest: Digest,
    pub by: How,
}
