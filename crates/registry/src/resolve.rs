//! What a tag truly is.

use std::collections::BTreeMap;

use fetch::Response;
use model::{Digest, Platform};
use scan::{Draft, Reference, RegistryError, Session};

use crate::{
    AskError, Registry,
    document::{self, Document},
};

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

/// A document and its verified digest.
pub(crate) struct Verified {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) document: Document,
}

impl Registry {
    /// What a tag or digest truly is, verified.
    pub fn resolve(&self, image: &Reference) -> Result<Resolved, AskError> {
        let session = self.session(&image.repository, "pull")?;
        let what = image.to_string();
        let verified = self.manifest(&session, &what, &image.version())?;
        let document = &verified.document;
        let content = if let Some(entries) = &document.manifests {
            let mut images = Vec::new();
            for entry in entries {
                // Other algorithms than SHA-256 are nothing we can scan.
                let Ok(digest) = entry.digest(&what) else {
                    continue;
                };
                let describes = entry
                    .annotation("vnd.docker.reference.digest")
                    .and_then(|text| text.parse().ok());
                let is_unknown = entry
                    .platform
                    .as_ref()
                    .and_then(|platform| platform.get("os")?.as_str())
                    == Some("unknown");
                images.push(PlatformImage {
                    digest,
                    platform: entry.platform(),
                    size: entry.size,
                    describes: describes.or(is_unknown.then_some(verified.digest)),
                });
            }
            Content::Index { images }
        } else if let Some(artifact_type) = document.artifact_type() {
            Content::Artifact { artifact_type }
        } else {
            let config = document.config.as_ref();
            let config = config.ok_or_else(|| AskError::NotUnderstood {
                what: what.clone(),
                reason: "its manifest names no configuration".to_owned(),
            })?;
            let layers = document.parts().iter();
            Content::Image {
                config: config.digest(&what)?,
                layers: layers
                    .map(|layer| layer.digest(&what))
                    .collect::<Result<_, _>>()?,
            }
        };
        let subject = document.subject.as_ref();
        Ok(Resolved {
            digest: verified.digest,
            media_type: verified.media_type,
            size: verified.bytes.len() as u64,
            content,
            subject: subject.and_then(|subject| subject.digest.parse().ok()),
            annotations: document::bounded(document.annotations.as_ref()),
        })
    }

    /// The digest the registry says a tag has. It is not verified, and
    /// good for one question: is it still what it was? Asks for headers
    /// only, which no registry counts as a pull.
    pub fn digest(&self, image: &Reference) -> Result<Digest, AskError> {
        let session = self.session(&image.repository, "pull")?;
        let path = format!("manifests/{}", image.version());
        let draft = session
            .head(&path)
            .map_err(|error| self.failed(error))?
            .header("Accept", document::ACCEPTED);
        let claimed = match self.send(&session, &draft) {
            Ok(response) => claimed(&response),
            // Some answer GET alone.
            Err(AskError::Registry(RegistryError::Status {
                status: 400 | 405 | 501,
                ..
            })) => None,
            Err(error) => return Err(error),
        };
        match claimed {
            Some(digest) => Ok(digest),
            // It names none in its headers; the document has one.
            None => Ok(self.resolve(image)?.digest),
        }
    }

    /// A manifest or index, its digest compared with the one asked for
    /// and with the one the registry claims.
    pub(crate) fn manifest(
        &self,
        session: &Session,
        what: &str,
        version: &str,
    ) -> Result<Verified, AskError> {
        let draft = session
            .get(&format!("manifests/{version}"))
            .map_err(|error| self.failed(error))?
            .header("Accept", document::ACCEPTED);
        let response = self.send(session, &draft)?;
        let wanted = version.parse().ok().or_else(|| claimed(&response));
        let stated = response.header("content-type").unwrap_or_default();
        let stated = stated
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let bytes = self.read(response, document::LARGEST)?;
        let digest = Digest::of(&bytes);
        if let Some(wanted) = wanted
            && wanted != digest
        {
            return Err(AskError::WrongDigest {
                what: what.to_owned(),
                wanted,
                got: digest,
            });
        }
        let document = Document::parse(what, &bytes)?;
        let media_type = document.media_type.clone().unwrap_or(stated);
        Ok(Verified {
            digest,
            media_type,
            bytes,
            document,
        })
    }

    /// A blob, verified.
    pub(crate) fn blob(
        &self,
        session: &Session,
        what: &str,
        digest: Digest,
        limit: u64,
    ) -> Result<Vec<u8>, AskError> {
        let draft = session
            .get(&format!("blobs/{digest}"))
            .map_err(|error| self.failed(error))?;
        let bytes = self.read(self.send(session, &draft)?, limit)?;
        let got = Digest::of(&bytes);
        if got != digest {
            return Err(AskError::WrongDigest {
                what: what.to_owned(),
                wanted: digest,
                got,
            });
        }
        Ok(bytes)
    }

    pub(crate) fn send(&self, session: &Session, draft: &Draft) -> Result<Response, AskError> {
        session.send(draft).map_err(|error| self.failed(error))
    }

    pub(crate) fn read(&self, response: Response, limit: u64) -> Result<Vec<u8>, AskError> {
        response
            .bytes(limit)
            .map_err(|source| self.not_fetched(source))
    }
}

fn claimed(response: &Response) -> Option<Digest> {
    response
        .header("docker-content-digest")?
        .trim()
        .parse()
        .ok()
}
