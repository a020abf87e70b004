//! The documents that describe an image: index, manifest, configuration
//! (OCI image specification 1.1; Docker image manifest v2, schema 2;
//! `docker save`'s manifest.json).

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use model::{Digest, FoundSecret, ImageConfig, Platform, SecretPlace};
use serde::Deserialize;

use crate::secret::{hide, of_config};

/// Build steps that are kept of an image, and bytes of each.
const MOST_STEPS: usize = 300;
const LONGEST_STEP: usize = 2_000;
/// Variables, labels and ports of one image that are looked at.
const MOST_VARIABLES: usize = 1_000;

/// A pointer to a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub media_type: Option<String>,
    pub digest: String,
    #[serde(default)]
    pub size: u64,
    #[serde(default)]
    pub platform: Option<PlatformDocument>,
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct PlatformDocument {
    #[serde(default)]
    pub os: String,
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub variant: Option<String>,
}

/// A manifest or index: which of the two is told by what it has.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    #[serde(default)]
    pub schema_version: Option<u64>,
    #[serde(default)]
    pub artifact_type: Option<String>,
    #[serde(default)]
    pub config: Option<Descriptor>,
    #[serde(default)]
    pub layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub manifests: Option<Vec<Descriptor>>,
}

/// An image's configuration.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub platform: PlatformDocument,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default, rename = "config")]
    run: Option<Run>,
    #[serde(default)]
    rootfs: RootFs,
    #[serde(default)]
    history: Option<Vec<History>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    cmd: Option<Vec<String>>,
    #[serde(default)]
    env: Option<Vec<String>>,
    // A set, in the form of an object.
    #[expect(clippy::zero_sized_map_values, reason = "the values say nothing")]
    #[serde(default)]
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    healthcheck: Option<HealthCheck>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthCheck {
    #[serde(default)]
    test: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct History {
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    empty_layer: Option<bool>,
}

/// One entry of `docker save`'s manifest.json.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Saved {
    pub config: String,
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    #[serde(default)]
    pub layers: Option<Vec<String>>,
}

/// A history line that made a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub created_by: Option<String>,
    pub created: Option<Timestamp>,
}

/// A document that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("understand {what}")]
    Parse {
        what: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("understand {what}: {reason}")]
    Malformed { what: String, reason: String },
    #[error("find an image for {wanted} (there is one for {})", available.join(", "))]
    NoSuchPlatform {
        wanted: Platform,
        available: Vec<String>,
    },
    #[error("read it as a container image: {0}")]
    NotAnImage(String),
}

pub(crate) fn parse<'d, T: Deserialize<'d>>(
    what: &str,
    bytes: &'d [u8],
) -> Result<T, ManifestError> {
    serde_json::from_slice(bytes).map_err(|source| ManifestError::Parse {
        what: what.to_owned(),
        source,
    })
}

pub(crate) fn parse_digest(what: &str, text: &str) -> Result<Digest, ManifestError> {
    text.parse().map_err(
        |error: model::id::ParseDigestError| ManifestError::Malformed {
            what: what.to_owned(),
            reason: error.to_string(),
        },
    )
}

/// Whether a document is a configuration with somebody's secret in it.
pub(crate) fn holds_secret(document: &[u8]) -> bool {
    parse::<Config>("", document).is_ok_and(|config| config.holds_secret())
}

/// A name that somebody else chose, for people.
fn shortened(name: &str) -> String {
    name.chars()
        .filter(|letter| !letter.is_control())
        .take(100)
        .collect()
}

/// What a manifest's layers are when they are not a file system.
const NO_LAYERS: [&str; 2] = ["+encrypted", "in-toto"];

impl Document {
    /// The manifest's configuration and layers, if it is an image's.
    pub(crate) fn image(&self) -> Result<(&Descriptor, &[Descriptor]), ManifestError> {
        if self.schema_version == Some(1) {
            let text = "its manifest has Docker's schema 1, which registries have given up";
            return Err(ManifestError::NotAnImage(text.to_owned()));
        }
        let (Some(config), Some(layers)) = (&self.config, &self.layers) else {
            let text = "its manifest names no configuration or layers";
            return Err(ManifestError::NotAnImage(text.to_owned()));
        };
        let kind = config.media_type.as_deref().unwrap_or_default();
        let is_image = kind.is_empty()
            || kind.starts_with("application/vnd.oci.image.config.")
            || kind.starts_with("application/vnd.docker.container.image.");
        if !is_image {
            let kind = self.artifact_type.as_deref().unwrap_or(kind);
            return Err(ManifestError::NotAnImage(format!(
                "it is an artifact of type {kind}"
            )));
        }
        for layer in layers {
            let kind = layer.media_type.as_deref().unwrap_or_default();
            if NO_LAYERS.iter().any(|mark| kind.contains(mark)) {
                return Err(ManifestError::NotAnImage(format!(
                    "it has a layer of type {kind}"
                )));
            }
        }
        Ok((config, layers))
    }
}

impl Descriptor {
    fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// `BuildKit` puts provenance beside the images it describes.
    fn is_attestation(&self) -> bool {
        self.annotation("vnd.docker.reference.type").is_some()
            || self
                .platform
                .as_ref()
                .is_some_and(|platform| platform.os == "unknown")
    }

    /// The names this entry goes by in a layout.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        [
            "io.containerd.image.name",
            "org.opencontainers.image.ref.name",
        ]
        .into_iter()
        .filter_map(|key| self.annotation(key))
    }
}

impl PlatformDocument {
    fn to_platform(&self) -> Option<Platform> {
        if self.os.is_empty() || self.architecture.is_empty() {
            return None;
        }
        Some(Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone().filter(|variant| !variant.is_empty()),
        })
    }

    /// Whether an image for this platform serves `wanted`. Variants
    /// matter only where both sides name one; every arm64 is v8.
    fn serves(&self, wanted: &Platform) -> bool {
        if self.os != wanted.os || self.architecture != wanted.architecture {
            return false;
        }
        let default = (wanted.architecture == "arm64").then_some("v8");
        match (
            self.variant
                .as_deref()
                .filter(|text| !text.is_empty())
                .or(default),
            wanted.variant.as_deref().or(default),
        ) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => true,
        }
    }
}

/// Chooses the image for a platform among an index's entries. With
/// `is_asked`, the user named the platform and no other will do; else a
/// single image is taken whatever it is for.
pub(crate) fn choose<'i>(
    entries: &'i [Descriptor],
    wanted: &Platform,
    is_asked: bool,
) -> Result<&'i Descriptor, ManifestError> {
    let images: Vec<&Descriptor> = entries
        .iter()
        .filter(|entry| !entry.is_attestation())
        .collect();
    let serving = images.iter().find(|entry| {
        entry
            .platform
            .as_ref()
            .is_some_and(|platform| platform.serves(wanted))
    });
    match (serving, images.as_slice()) {
        (Some(entry), _) => Ok(entry),
        // An entry without a platform is told by its configuration.
        (None, [only]) if !is_asked || only.platform.is_none() => Ok(only),
        (None, images) => {
            let available = images.iter().filter_map(|entry| {
                let platform = entry.platform.as_ref()?.to_platform()?;
                Some(platform.to_string())
            });
            let mut available: Vec<String> = available.take(20).collect();
            if available.is_empty() {
                available.push("no known platform".to_owned());
            }
            Err(ManifestError::NoSuchPlatform {
                wanted: wanted.clone(),
                available,
            })
        }
    }
}

impl Config {
    /// The uncompressed digests of the layers, lowest first.
    pub(crate) fn diff_ids(&self) -> Result<Vec<Digest>, ManifestError> {
        self.rootfs
            .diff_ids
            .iter()
            .flatten()
            .map(|text| parse_digest("the image's configuration", text))
            .collect()
    }

    /// The history lines that made layers, lowest first. Lines that only
    /// changed the configuration made none.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let lines = self.history.iter().flatten();
        lines
            .filter(|line| !line.empty_layer.unwrap_or(false))
            .map(|line| Step {
                created_by: line
                    .created_by
                    .clone()
                    .or_else(|| line.comment.clone())
                    .filter(|text| !text.is_empty())
                    .map(|text| hide(&text)),
                created: line.created.as_deref().and_then(|text| text.parse().ok()),
            })
            .collect()
    }

    /// What may hold a secret: the place, its name there, and its text.
    fn entries(&self) -> Vec<(SecretPlace, String, Cow<'_, str>)> {
        let mut entries = Vec::new();
        if let Some(run) = &self.run {
            for entry in run.env.iter().flatten().take(MOST_VARIABLES) {
                let name = entry.split('=').next().unwrap_or_default();
                let name = format!("ENV {}", shortened(name));
                entries.push((SecretPlace::Environment, name, Cow::from(entry)));
            }
            for (key, value) in run.labels.iter().flatten().take(MOST_VARIABLES) {
                let name = format!("LABEL {}", shortened(key));
                let text = format!("{key}={value}");
                entries.push((SecretPlace::Label, name, Cow::from(text)));
            }
            for (name, words) in [("ENTRYPOINT", &run.entrypoint), ("CMD", &run.cmd)] {
                let text = words.as_deref().unwrap_or_default().join(" ");
                entries.push((SecretPlace::Command, name.to_owned(), Cow::from(text)));
            }
        }
        let steps = self.history.iter().flatten().take(MOST_STEPS);
        for (index, step) in steps.enumerate() {
            let texts = [&step.created_by, &step.comment].into_iter().flatten();
            entries.extend(texts.map(|text| {
                let name = format!("step {}", index + 1);
                (SecretPlace::BuildStep, name, Cow::from(text))
            }));
        }
        entries
    }

    /// Secrets in the configuration itself.
    pub(crate) fn secrets(&self) -> Vec<FoundSecret> {
        let entries = self.entries();
        of_config(
            entries
                .iter()
                .map(|(place, name, text)| (*place, name.clone(), text.as_ref())),
        )
    }

    /// Whether keeping it as it came would keep somebody's secret.
    fn holds_secret(&self) -> bool {
        let entries = self.entries();
        entries.iter().any(|(_, _, text)| hide(text) != **text)
    }

    pub(crate) fn facts(&self) -> ImageConfig {
        let run = self.run.clone().unwrap_or_default();
        let hidden = |words: Option<Vec<String>>| -> Vec<String> {
            let words = words.unwrap_or_default();
            words.iter().map(|word| hide(word)).collect()
        };
        let labels = run.labels.unwrap_or_default().into_iter();
        let present = |text: Option<String>| text.filter(|text| !text.is_empty());
        ImageConfig {
            platform: self.platform.to_platform(),
            created: self.created.as_deref().and_then(|text| text.parse().ok()),
            author: present(self.author.clone()),
            user: present(run.user),
            entrypoint: hidden(run.entrypoint),
            command: hidden(run.cmd),
            labels: labels.map(|(key, value)| (key, hide(&value))).collect(),
            ports: Some(
                run.exposed_ports
                    .unwrap_or_default()
                    .into_keys()
                    .take(MOST_VARIABLES)
                    .collect(),
            ),
            secret_variables: run
                .env
                .iter()
                .flatten()
                .take(MOST_VARIABLES)
                .filter_map(|entry| {
                    let masked = model::secret::mask(entry);
                    let names = model::secret::masked_names(&masked);
                    names.first().map(|name| (*name).to_owned())
                })
                .collect(),
            health_check: Some(run.healthcheck.is_some_and(|check| {
                check
                    .test
                    .and_then(|test| test.into_iter().next())
                    .is_some_and(|word| word != "NONE")
            })),
            steps: self
                .history
                .iter()
                .flatten()
                .filter_map(|line| line.created_by.as_deref())
                .take(MOST_STEPS)
                .map(|step| {
                    let mut step = step.to_owned();
                    step.truncate(step.floor_char_boundary(LONGEST_STEP));
                    hide(&step)
                })
                .collect(),
        }
    }

    /// An image named without an index may still be for another machine.
    pub(crate) fn check_platform(&self, asked: Option<&Platform>) -> Result<(), ManifestError> {
        match (asked, self.platform.to_platform()) {
            (Some(wanted), Some(own)) if !self.platform.serves(wanted) => {
                Err(ManifestError::NoSuchPlatform {
                    wanted: wanted.clone(),
                    available: vec![own.to_string()],
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[&str]) -> Vec<Descriptor> {
        let entries: Vec<_> = platforms
            .iter()
            .map(|platform| {
                let mut parts = platform.split('/');
                serde_json::json!({
                    "digest": format!("sha256:{}", "0".repeat(64)),
                    "annotations": {"name": platform},
                    "platform": {
                        "os": parts.next(),
                        "architecture": parts.next(),
                        "variant": parts.next(),
                    },
                })
            })
            .collect();
        serde_json::from_value(serde_json::Value::Array(entries)).unwrap()
    }

    fn chosen(platforms: &[&str], wanted: &str, is_asked: bool) -> Result<String, String> {
        let entries = index(platforms);
        let wanted = wanted.parse().unwrap();
        match choose(&entries, &wanted, is_asked) {
            Ok(entry) => Ok(entry.annotation("name").unwrap().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_platform_asked_for_is_chosen() {
        let all = [
            "linux/amd64",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm64/v8",
            "windows/amd64",
        ];
        for (wanted, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/arm/v7", "linux/arm/v7"),
            ("linux/arm", "linux/arm/v6"),
            ("linux/arm64", "linux/arm64/v8"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(
                chosen(&all, wanted, true).as_deref(),
                Ok(expected),
                "{wanted}"
            );
        }
        let error = chosen(&all, "linux/s390x", true).unwrap_err();
        assert!(
            error.contains("linux/s390x") && error.contains("linux/arm64/v8"),
            "{error}"
        );
    }

    #[test]
    fn a_single_image_is_taken_unless_another_was_asked_for() {
        assert!(chosen(&["linux/arm64"], "linux/amd64", false).is_ok());
        assert!(chosen(&["linux/arm64"], "linux/amd64", true).is_err());
        assert!(chosen(&["linux/arm64", "unknown/unknown"], "linux/amd64", false).is_ok());
    }

    #[test]
    fn lines_without_a_layer_are_passed_over() {
        let config: Config = parse(
            "it",
            br#"{"history": [
                {"created_by": "ADD"},
                {"created_by": "ENV", "empty_layer": true},
                {"comment": "imported", "empty_layer": null},
                {}
            ], "config": null, "rootfs": {"diff_ids": null}}"#,
        )
        .unwrap();
        let lines: Vec<_> = config
            .steps()
            .into_iter()
            .map(|step| step.created_by)
            .collect();
        assert_eq!(
            lines,
            [Some("ADD".to_owned()), Some("imported".to_owned()), None]
        );
    }

    #[test]
    fn what_is_no_image_says_what_it_is() {
        let chart: Document = parse(
            "it",
            br#"{"schemaVersion": 2, "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": "x"}, "layers": []}"#,
        )
        .unwrap();
        assert!(chart.image().unwrap_err().to_string().contains("helm"));
        let old: Document = parse("it", br#"{"schemaVersion": 1}"#).unwrap();
        assert!(old.image().unwrap_err().to_string().contains("schema 1"));
    }
}
