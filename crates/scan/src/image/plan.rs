//! What is to be read: an image's identity, configuration and layers,
//! before any layer is opened.

use jiff::Timestamp;
use model::{Digest, ImageIdentity, Layer};

use crate::manifest::{self, Config, ManifestError};

/// One layer, as described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerPlan {
    /// What its tar should hash to.
    pub diff_id: Digest,
    /// What its blob should hash to, where blobs have digests.
    pub digest: Option<Digest>,
    pub size: Option<u64>,
    /// Where to find it, in the source's own words.
    pub name: String,
    created_by: Option<String>,
    created: Option<Timestamp>,
}

/// An image resolved to its layers.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub identity: ImageIdentity,
    pub config: Config,
    /// The configuration as it came.
    pub config_document: Vec<u8>,
    pub layers: Vec<LayerPlan>,
    pub notes: Vec<String>,
}

/// Where a layer's blob is, as a manifest says.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub name: String,
    pub digest: Option<Digest>,
    pub size: Option<u64>,
}

impl Plan {
    /// Joins what the manifest and the configuration say of the layers.
    pub(crate) fn new(
        manifest: Option<Digest>,
        config_bytes: &[u8],
        places: Vec<Place>,
        tags: Vec<String>,
    ) -> Result<Self, ManifestError> {
        let config: Config = manifest::parse("the image's configuration", config_bytes)?;
        let diff_ids = config.diff_ids()?;
        if diff_ids.len() != places.len() {
            return Err(ManifestError::Malformed {
                what: "the image's configuration".to_owned(),
                reason: format!(
                    "it lists {} layers where the manifest has {}",
                    diff_ids.len(),
                    places.len()
                ),
            });
        }
        let mut steps = config.steps().into_iter();
        let layers = diff_ids
            .into_iter()
            .zip(places)
            .map(|(diff_id, place)| {
                let step = steps.next().unwrap_or_default();
                LayerPlan {
                    diff_id,
                    digest: place.digest,
                    size: place.size,
                    name: place.name,
                    created_by: step.created_by,
                    created: step.created,
                }
            })
            .collect();
        Ok(Self {
            identity: ImageIdentity {
                manifest,
                config: Some(Digest::of(config_bytes)),
                tags,
            },
            config,
            config_document: config_bytes.to_owned(),
            layers,
            notes: Vec::new(),
        })
    }
}

impl LayerPlan {
    pub(crate) fn layer(&self) -> Layer {
        Layer {
            diff_id: self.diff_id,
            digest: self.digest,
            size: self.size,
            created_by: self.created_by.clone(),
            created: self.created,
        }
    }
}
