//! What refers to an image, and how something comes to refer to it (OCI
//! distribution specification 1.1, "Listing Referrers" and "Referrers Tag
//! Schema").

use std::collections::BTreeMap;

use model::Digest;
use scan::Session;

use crate::{
    AskError, Registry,
    document::{self, Descriptor, Document},
    listing::next_link,
};

/// Referrers that are listed of one image.
const MOST_REFERRERS: usize = 1_000;
const MOST_PAGES: usize = 100;
/// Of which the list does not say what they are.
const MOST_LOOKED_UP: usize = 64;
/// Blobs of an artifact, and bytes of them all.
const MOST_BLOBS: usize = 64;
const LARGEST_ARTIFACT: u64 = 128 << 20;
/// Tags cosign put what it makes under, before there were referrers.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];

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

impl How {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Tag => "tag",
            Self::CosignTag => "cosign_tag",
        }
    }
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

impl Registry {
    /// What refers to an image: SBOMs, signatures, attestations. By the
    /// referrers API, or by the tags that stand in for it; cosign's older
    /// `sha256-….sig` tags are among them.
    pub fn referrers(&self, repository: &str, subject: &Digest) -> Result<Vec<Referrer>, AskError> {
        let session = self.session(repository, "pull")?;
        let mut found = match self.by_api(&session, repository, subject)? {
            Some(found) => found,
            None => self.by_tag(&session, repository, subject)?.0,
        };
        // cosign lists what it attaches as "empty", by its configuration:
        // what it is, only the manifest says.
        let untold = found
            .iter_mut()
            .filter(|one| one.artifact_type.is_empty() || one.artifact_type == document::EMPTY);
        for one in untold.take(MOST_LOOKED_UP) {
            let (what, version) = (
                format!("{repository}@{}", one.digest),
                one.digest.to_string(),
            );
            match self.manifest(&session, &what, &version) {
                Ok(verified) => {
                    one.artifact_type = verified.document.artifact_type().unwrap_or_default();
                    one.annotations = document::bounded(verified.document.annotations.as_ref());
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        for ending in COSIGN {
            let tag = format!("{}.{ending}", tag_of(subject));
            match self.manifest(&session, &format!("{repository}:{tag}"), &tag) {
                Ok(verified) => found.push(Referrer {
                    digest: verified.digest,
                    size: verified.bytes.len() as u64,
                    artifact_type: verified.document.artifact_type().unwrap_or_default(),
                    annotations: document::bounded(verified.document.annotations.as_ref()),
                    media_type: verified.media_type,
                    by: How::CosignTag,
                }),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// `None`: the registry has no such API.
    fn by_api(
        &self,
        session: &Session,
        repository: &str,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, AskError> {
        let what = format!("what refers to {repository}@{subject}");
        let mut found = Vec::new();
        let mut path = format!("referrers/{subject}");
        for _ in 0..MOST_PAGES {
            let draft = session
                .get(&path)
                .map_err(|error| self.failed(error))?
                .header("Accept", document::INDEX);
            let response = match self.send(session, &draft) {
                Ok(response) => response,
                // Registries say in several ways that they do not know
                // the question.
                Err(AskError::Registry(
                    scan::RegistryError::NotFound { .. }
                    | scan::RegistryError::Status {
                        status: 400 | 405 | 406 | 501,
                        ..
                    },
                )) => return Ok(None),
                Err(error) => return Err(error),
            };
            let is_index = response
                .header("content-type")
                .is_some_and(|kind| kind.starts_with(document::INDEX));
            let next = response
                .header("link")
                .and_then(next_link)
                .map(str::to_owned);
            let bytes = self.read(response, document::LARGEST)?;
            if !is_index {
                return Ok(None);
            }
            let index = Document::parse(&what, &bytes)?;
            found.extend(entries(&index, How::Api));
            match next {
                Some(next) if found.len() < MOST_REFERRERS => path = next,
                _ => break,
            }
        }
        found.truncate(MOST_REFERRERS);
        Ok(Some(found))
    }

    /// The referrers below the tag that stands in for the API, and the
    /// index itself.
    fn by_tag(
        &self,
        session: &Session,
        repository: &str,
        subject: &Digest,
    ) -> Result<(Vec<Referrer>, Option<Document>), AskError> {
        let tag = tag_of(subject);
        match self.manifest(session, &format!("{repository}:{tag}"), &tag) {
            Ok(verified) => {
                let mut found = entries(&verified.document, How::Tag);
                found.truncate(MOST_REFERRERS);
                Ok((found, Some(verified.document)))
            }
            Err(error) if error.is_not_found() => Ok((Vec::new(), None)),
            Err(error) => Err(error),
        }
    }

    /// An artifact with its blobs, verified and bounded.
    pub fn artifact(&self, repository: &str, digest: &Digest) -> Result<Artifact, AskError> {
        let session = self.session(repository, "pull")?;
        let what = format!("{repository}@{digest}");
        let verified = self.manifest(&session, &what, &digest.to_string())?;
        let document = verified.document;
        let parts = document.parts();
        let bounds = |reason: String| AskError::Bounds {
            what: what.clone(),
            reason,
        };
        if parts.len() > MOST_BLOBS {
            return Err(bounds(format!("it has {} blobs", parts.len())));
        }
        let mut left = LARGEST_ARTIFACT;
        let mut blobs = Vec::new();
        for part in parts {
            let digest = part.digest(&what)?;
            if part.size > left {
                return Err(bounds(format!(
                    "it is larger than {LARGEST_ARTIFACT} bytes"
                )));
            }
            let bytes = self.blob(&session, &what, digest, left)?;
            left = left.saturating_sub(bytes.len() as u64);
            blobs.push(ArtifactBlob {
                digest,
                media_type: part.media_type.clone(),
                annotations: document::bounded(part.annotations.as_ref()),
                bytes,
            });
        }
        let subject = document.subject.as_ref();
        Ok(Artifact {
            digest: verified.digest,
            artifact_type: document.artifact_type().unwrap_or_default(),
            subject: subject.and_then(|subject| subject.digest.parse().ok()),
            annotations: document::bounded(document.annotations.as_ref()),
            blobs,
        })
    }

    /// Attaches a document to an image. Pushing the same again changes
    /// nothing.
    pub fn push_referrer(
        &self,
        repository: &str,
        subject: &Digest,
        referrer: &NewReferrer,
    ) -> Result<Pushed, AskError> {
        const EMPTY_BYTES: &[u8] = b"{}";
        let session = self.session(repository, "pull,push")?;
        let image = self.manifest(
            &session,
            &format!("{repository}@{subject}"),
            &subject.to_string(),
        )?;
        let descriptor = |media_type: &str, bytes: &[u8]| Descriptor {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes).to_string(),
            size: bytes.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: None,
        };
        self.push_blob(&session, EMPTY_BYTES)?;
        self.push_blob(&session, &referrer.bytes)?;
        let document = Document {
            schema_version: 2,
            media_type: Some(document::MANIFEST.to_owned()),
            artifact_type: Some(referrer.artifact_type.clone()),
            config: Some(descriptor(document::EMPTY, EMPTY_BYTES)),
            layers: Some(vec![descriptor(&referrer.media_type, &referrer.bytes)]),
            subject: Some(descriptor(&image.media_type, &image.bytes)),
            annotations: (!referrer.annotations.is_empty()).then(|| referrer.annotations.clone()),
            ..Document::default()
        };
        let bytes = self.written(&document)?;
        let digest = Digest::of(&bytes);
        let own = Descriptor {
            artifact_type: document.artifact_type.clone(),
            annotations: document.annotations.clone(),
            ..descriptor(document::MANIFEST, &bytes)
        };
        let knows_subjects =
            self.push_manifest(&session, &digest.to_string(), document::MANIFEST, bytes)?;
        if knows_subjects {
            return Ok(Pushed {
                digest,
                by: How::Api,
            });
        }
        let (_, index) = self.by_tag(&session, repository, subject)?;
        let mut index = index.unwrap_or_else(|| Document {
            schema_version: 2,
            media_type: Some(document::INDEX.to_owned()),
            ..Document::default()
        });
        let entries = index.manifests.get_or_insert_with(Vec::new);
        if entries.iter().all(|entry| entry.digest != own.digest) {
            entries.push(own);
            let bytes = self.written(&index)?;
            self.push_manifest(&session, &tag_of(subject), document::INDEX, bytes)?;
        }
        Ok(Pushed {
            digest,
            by: How::Tag,
        })
    }

    fn written(&self, document: &Document) -> Result<Vec<u8>, AskError> {
        serde_json::to_vec(document).map_err(|error| AskError::NotUnderstood {
            what: format!("a manifest for {}", self.account().address),
            reason: error.to_string(),
        })
    }

    fn push_blob(&self, session: &Session, bytes: &[u8]) -> Result<(), AskError> {
        let digest = Digest::of(bytes);
        let draft = session
            .head(&format!("blobs/{digest}"))
            .map_err(|error| self.failed(error))?;
        match self.send(session, &draft) {
            Ok(_) => return Ok(()),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        let draft = session
            .post("blobs/uploads/")
            .map_err(|error| self.failed(error))?;
        let response = self.send(session, &draft)?;
        let place = response.header("location").unwrap_or_default();
        let mark = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{mark}digest={digest}");
        let draft = session
            .put(&place)
            .map_err(|error| self.failed(error))?
            .header("Content-Type", "application/octet-stream")
            .body(bytes);
        self.send(session, &draft)?;
        Ok(())
    }

    /// Whether the registry knows what a subject is, so that it will list
    /// the manifest by itself.
    fn push_manifest(
        &self,
        session: &Session,
        version: &str,
        media_type: &'static str,
        bytes: Vec<u8>,
    ) -> Result<bool, AskError> {
        let draft = session
            .put(&format!("manifests/{version}"))
            .map_err(|error| self.failed(error))?
            .header("Content-Type", media_type)
            .body(bytes);
        let response = self.send(session, &draft)?;
        Ok(response.header("oci-subject").is_some())
    }
}

/// The tag that stands in for the API, and begins cosign's.
fn tag_of(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

fn entries(index: &Document, by: How) -> Vec<Referrer> {
    let entries = index.manifests.iter().flatten();
    entries
        .filter_map(|entry| {
            Some(Referrer {
                digest: entry.digest.parse().ok()?,
                media_type: entry.media_type.clone(),
                artifact_type: entry.artifact_type.clone().unwrap_or_default(),
                size: entry.size,
                annotations: document::bounded(entry.annotations.as_ref()),
                by,
            })
        })
        .collect()
}
