//! What is attached to an image at its registry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferrerKind {
    Signature,
    Sbom,
    /// What was said of it, and is signed: how it was built, say.
    Attestation,
    /// What others say of its vulnerabilities.
    Vex,
    Other,
}

/// How it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReferrerSource {
    /// The registry lists what refers to an image.
    Api,
    /// The registry has no such list: a tag stands in for it.
    Tag,
    /// The tags cosign used before there were such lists.
    CosignTag,
    /// It is beside the image in an index.
    Index,
    /// It was pushed, and names the image.
    Push,
}

/// Something attached to an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageReferrer {
    /// With its registry.
    pub repository: String,
    pub digest: String,
    /// What it is attached to: the image, or an index the image is in.
    pub subject: String,
    pub kind: ReferrerKind,
    /// As whoever made it calls it.
    pub artifact_type: String,
    /// Bytes of its manifest.
    pub size_bytes: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    pub found_by: ReferrerSource,
    pub first_seen: Timestamp,
    /// When its registry no longer listed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
}

/// What is attached to an image, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageReferrers {
    /// What is there first. No more than 1,000.
    pub items: Vec<ImageReferrer>,
    /// When its registry was last asked for all of it because a trust
    /// policy holds. Absent: none does; what is told is what scans, pushes
    /// and walks found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Timestamp>,
}
