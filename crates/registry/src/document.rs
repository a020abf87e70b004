//! The documents registries hold: manifests, indexes, artifacts (OCI
//! image specification 1.1).

use std::collections::BTreeMap;

use model::{Digest, Platform};
use serde::{Deserialize, Serialize};

use crate::AskError;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What artifacts without a configuration have for one.
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// What we can read, in the order of the `Accept` header.
pub(crate) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.artifact.manifest.v1+json";
/// Specification: registries should take manifests of 4 MiB at least.
pub(crate) const LARGEST: u64 = 4 << 20;
const MOST_LAYERS: usize = 4_096;
const MOST_ENTRIES: usize = 10_000;
const MOST_ANNOTATIONS: usize = 256;
const LONGEST_ANNOTATION: usize = 64 << 10;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: String,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    #[serde(default)]
    pub(crate) schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layers: Option<Vec<Descriptor>>,
    /// Of the artifact manifest, which was a draft of 1.1 and is still
    /// found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) blobs: Option<Vec<Descriptor>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifests: Option<Vec<Descriptor>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
}

impl Document {
    pub(crate) fn parse(what: &str, bytes: &[u8]) -> Result<Self, AskError> {
        let document: Self =
            serde_json::from_slice(bytes).map_err(|error| AskError::NotUnderstood {
                what: what.to_owned(),
                reason: error.to_string(),
            })?;
        let too_many = |reason: String| {
            Err(AskError::Bounds {
                what: what.to_owned(),
                reason,
            })
        };
        let layers = document.parts().len();
        if layers > MOST_LAYERS {
            return too_many(format!("it has {layers} layers"));
        }
        let entries = document.manifests.as_ref().map_or(0, Vec::len);
        if entries > MOST_ENTRIES {
            return too_many(format!("it has {entries} entries"));
        }
        Ok(document)
    }

    /// Layers, by whichever name they go.
    pub(crate) fn parts(&self) -> &[Descriptor] {
        match (&self.layers, &self.blobs) {
            (Some(layers), _) => layers,
            (None, Some(blobs)) => blobs,
            (None, None) => &[],
        }
    }

    /// What sort of artifact it is; `None` for an image.
    pub(crate) fn artifact_type(&self) -> Option<String> {
        let stated = self.artifact_type.clone().filter(|kind| {
            !kind.is_empty() && kind != "application/vnd.oci.image.manifest.v1+json"
        });
        let config = self
            .config
            .as_ref()
            .map(|config| config.media_type.as_str());
        match config {
            Some(
                ""
                | "application/vnd.oci.image.config.v1+json"
                | "application/vnd.docker.container.image.v1+json",
            ) => stated.or_else(|| {
                // cosign's signatures call themselves images.
                let parts = self.parts();
                let first = parts.first()?.media_type.as_str();
                let is_file_system = first.is_empty()
                    || first.contains("tar")
                    || first.contains("rootfs")
                    || first.contains("foreign");
                (!is_file_system).then(|| first.to_owned())
            }),
            Some(kind) if kind != EMPTY => Some(stated.unwrap_or_else(|| kind.to_owned())),
            _ => Some(stated.unwrap_or_else(|| "unknown".to_owned())),
        }
    }
}

impl Descriptor {
    pub(crate) fn digest(&self, what: &str) -> Result<Digest, AskError> {
        self.digest.parse().map_err(
            |error: model::id::ParseDigestError| AskError::NotUnderstood {
                what: what.to_owned(),
                reason: error.to_string(),
            },
        )
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    pub(crate) fn platform(&self) -> Option<Platform> {
        let part = |key: &str| {
            let value = self.platform.as_ref()?.get(key)?.as_str()?;
            (!value.is_empty() && value.len() <= 64).then(|| value.to_owned())
        };
        Some(Platform {
            os: part("os").filter(|os| os != "unknown")?,
            architecture: part("architecture")?,
            variant: part("variant"),
        })
    }
}

/// Annotations as they are kept: no more, and no longer, than makes sense.
pub(crate) fn bounded(annotations: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let all = annotations.into_iter().flatten();
    all.filter(|(key, value)| key.len() <= 512 && value.len() <= LONGEST_ANNOTATION)
        .take(MOST_ANNOTATIONS)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(document: &serde_json::Value) -> Option<String> {
        let bytes = document.to_string();
        Document::parse("it", bytes.as_bytes())
            .unwrap()
            .artifact_type()
    }

    #[test]
    fn images_are_told_from_artifacts() {
        let image = "application/vnd.oci.image.config.v1+json";
        let of = |config: &str, layer: &str| {
            json!({"config": {"mediaType": config, "digest": "x"},
                   "layers": [{"mediaType": layer, "digest": "y"}]})
        };
        assert_eq!(
            kind(&of(image, "application/vnd.oci.image.layer.v1.tar+gzip")),
            None
        );
        assert_eq!(
            kind(&of(
                image,
                "application/vnd.docker.image.rootfs.diff.tar.gzip"
            )),
            None
        );
        let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
        assert_eq!(kind(&of(image, signature)), Some(signature.to_owned()));
        let chart = "application/vnd.cncf.helm.config.v1+json";
        assert_eq!(kind(&of(chart, "x")), Some(chart.to_owned()));
        let mut sbom = of(EMPTY, "application/spdx+json");
        sbom["artifactType"] = "application/spdx+json".into();
        assert_eq!(kind(&sbom), Some("application/spdx+json".to_owned()));
    }

    #[test]
    fn a_manifest_of_endless_layers_is_refused() {
        let layers: Vec<_> = (0..=MOST_LAYERS).map(|_| json!({"digest": "x"})).collect();
        let bytes = json!({"layers": layers}).to_string();
        let error = Document::parse("shop:1", bytes.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("4097 layers"), "{error}");
    }
}
