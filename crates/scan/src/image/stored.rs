//! Finding the image in a stored form: an OCI layout or what
//! `docker save` wrote, whether in a folder or a tar.

use model::{Digest, Platform};

use super::{Plan, plan::Place};
use crate::manifest::{self, Descriptor, Document, ManifestError, Saved};

/// The small files beside the layers.
pub(crate) trait Documents {
    /// A document, `None` if there is none of that name.
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, DocumentError>;

    /// A blob's length, where it is there.
    fn blob_size(&self, name: &str) -> Option<u64>;
}

/// Why no image was found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("read {name}")]
    Read {
        name: String,
        #[source]
        source: std::io::Error,
    },
    #[error("find {0}")]
    Missing(String),
    #[error("read {name}: larger than {limit} bytes")]
    TooLarge { name: String, limit: u64 },
    #[error("find an image: there is neither an index.json nor a manifest.json")]
    NoImage,
    #[error("find the image '{wanted}' (there are {})", names.join(", "))]
    NoSuchImage { wanted: String, names: Vec<String> },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Deeper nesting of indexes is a trap.
const DEEPEST_INDEX: usize = 4;

/// Which image is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    pub platform: &'a Platform,
    /// Whether the user named that platform.
    pub is_asked: bool,
    /// The image's name or digest, among several.
    pub select: Option<&'a str>,
}

/// Resolves the image. Docker writes both forms since version 25; the
/// OCI one knows more.
pub(crate) fn resolve(
    documents: &dyn Documents,
    choice: Choice<'_>,
) -> Result<Plan, DocumentError> {
    let saved = documents.document("manifest.json")?;
    match documents.document("index.json")? {
        Some(index) => {
            let mut plan = layout(documents, &index, choice)?;
            if let Some(saved) = saved {
                add_tags(&mut plan, &saved);
            }
            Ok(plan)
        }
        None => docker(documents, &saved.ok_or(DocumentError::NoImage)?, choice),
    }
}

fn layout(
    documents: &dyn Documents,
    index: &[u8],
    choice: Choice<'_>,
) -> Result<Plan, DocumentError> {
    let index: Document = manifest::parse("index.json", index)?;
    let mut entries = index.manifests.unwrap_or_default();
    let mut notes = Vec::new();
    if let Some(wanted) = choice.select {
        let names = entries.iter().flat_map(Descriptor::names);
        let names = names.take(20).map(str::to_owned).collect();
        entries.retain(|entry| {
            entry.digest == wanted || entry.names().any(|name| is_named(name, wanted))
        });
        if entries.is_empty() {
            let wanted = wanted.to_owned();
            return Err(DocumentError::NoSuchImage { wanted, names });
        }
    }
    let has_platforms = entries.iter().any(|entry| entry.platform.is_some());
    if entries.len() > 1 && !has_platforms {
        notes.push(several(entries.len()));
        entries.truncate(1);
    }
    let mut tags: Vec<String> = Vec::new();
    for _ in 0..DEEPEST_INDEX {
        let entry = manifest::choose(&entries, choice.platform, choice.is_asked)?;
        tags.extend(entry.names().map(str::to_owned));
        let digest = manifest::parse_digest("index.json", &entry.digest)?;
        let bytes = blob(documents, &digest)?;
        let document: Document = manifest::parse("the image's manifest", &bytes)?;
        if let Some(nested) = document.manifests {
            entries = nested;
            continue;
        }
        if Digest::of(&bytes) != digest {
            notes.push(format!("the manifest is not what its digest {digest} says"));
        }
        let (config, layers) = document.image()?;
        let config = manifest::parse_digest("the image's manifest", &config.digest)?;
        let config_bytes = blob(documents, &config)?;
        if Digest::of(&config_bytes) != config {
            notes.push(format!(
                "the configuration is not what its digest {config} says"
            ));
        }
        let places = layers
            .iter()
            .map(|layer| {
                let digest = manifest::parse_digest("the image's manifest", &layer.digest)?;
                Ok(Place {
                    name: blob_name(&digest),
                    digest: Some(digest),
                    size: Some(layer.size),
                })
            })
            .collect::<Result<_, ManifestError>>()?;
        tags.sort();
        tags.dedup();
        let mut plan = Plan::new(Some(digest), &config_bytes, places, tags)?;
        plan.config
            .check_platform(choice.is_asked.then_some(choice.platform))?;
        plan.notes = notes;
        return Ok(plan);
    }
    Err(ManifestError::NotAnImage("its indexes are nested too deep".to_owned()).into())
}

fn docker(
    documents: &dyn Documents,
    saved: &[u8],
    choice: Choice<'_>,
) -> Result<Plan, DocumentError> {
    let saved: Vec<Saved> = manifest::parse("manifest.json", saved)?;
    let tags = |image: &Saved| image.repo_tags.clone().unwrap_or_default();
    let chosen = match choice.select {
        Some(wanted) => saved.iter().find(|image| {
            image.config.contains(wanted.trim_start_matches("sha256:"))
                || tags(image).iter().any(|name| is_named(name, wanted))
        }),
        None => saved.first(),
    };
    let Some(image) = chosen else {
        return Err(match choice.select {
            Some(wanted) => DocumentError::NoSuchImage {
                wanted: wanted.to_owned(),
                names: saved.iter().flat_map(tags).take(20).collect(),
            },
            None => DocumentError::NoImage,
        });
    };
    let config = required(documents, &image.config)?;
    let places = image.layers.iter().flatten().map(|name| Place {
        name: name.clone(),
        digest: None,
        size: documents.blob_size(name),
    });
    let mut plan = Plan::new(None, &config, places.collect(), tags(image))?;
    plan.config
        .check_platform(choice.is_asked.then_some(choice.platform))?;
    if saved.len() > 1 && choice.select.is_none() {
        plan.notes.push(several(saved.len()));
    }
    Ok(plan)
}

fn several(count: usize) -> String {
    format!("there are {count} images in it, and only the first was scanned; choose one by name")
}

/// Names are compared as Docker would: `debian:12` is short for
/// `docker.io/library/debian:12`.
fn is_named(name: &str, wanted: &str) -> bool {
    let full = |text: &str| text.parse::<crate::Reference>().ok();
    name == wanted || full(name).is_some_and(|name| Some(name) == full(wanted))
}

fn add_tags(plan: &mut Plan, saved: &[u8]) {
    let Ok(saved) = manifest::parse::<Vec<Saved>>("manifest.json", saved) else {
        return;
    };
    let Some(config) = plan.identity.config else {
        return;
    };
    let own = saved
        .iter()
        .filter(|image| image.config.contains(&config.hex()));
    let tags = own.flat_map(|image| image.repo_tags.clone().unwrap_or_default());
    let tags: Vec<String> = tags.collect();
    if !tags.is_empty() {
        // The annotations say the same in two spellings.
        plan.identity.tags = tags;
    }
}

fn blob(documents: &dyn Documents, digest: &Digest) -> Result<Vec<u8>, DocumentError> {
    required(documents, &blob_name(digest))
}

fn required(documents: &dyn Documents, name: &str) -> Result<Vec<u8>, DocumentError> {
    let document = documents.document(name)?;
    document.ok_or_else(|| DocumentError::Missing(name.to_owned()))
}

pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
