//! Images in registries (OCI distribution specification 1.1).

mod challenge;
mod credentials;
mod download;
mod session;

use std::{io::Read, time::Duration};

use fetch::FetchError;
use model::{Digest, Sbom, error::chain};

use crate::{
    Reference, ScanError,
    cache::Cache,
    image::{BlobError, Blobs, LayerPlan, Place, Plan, Reader},
    manifest::{self, Document, ManifestError},
};
use download::Download;
pub use session::{Draft, Session};

/// What we can read, in the order of the `Accept` header.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";
/// Deeper nesting of indexes is a trap.
const DEEPEST_INDEX: usize = 4;

/// Why a registry gave no image, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(
        "read {image}: the registry asks for credentials (401); log in with: docker login {registry}{}",
        in_brackets(detail)
    )]
    CredentialsWanted {
        image: String,
        registry: String,
        detail: String,
    },
    #[error(
        "read {image}: the registry does not accept the credentials for {registry} (401); log in again with: docker login {registry}{}",
        in_brackets(detail)
    )]
    CredentialsRefused {
        image: String,
        registry: String,
        detail: String,
    },
    #[error(
        "read {image}: access is denied (403); ask whoever runs {registry} for permission to pull{}",
        in_brackets(detail)
    )]
    Denied {
        image: String,
        registry: String,
        detail: String,
    },
    #[error(
        "find {image}: the registry has no such image or tag (404); check its spelling, and log in if it is private{}",
        in_brackets(detail)
    )]
    NotFound { image: String, detail: String },
    #[error("read {image}: {registry} allows no more requests for now (429); try again {}, or log in for a higher limit", when(*retry_after))]
    RateLimited {
        image: String,
        registry: String,
        retry_after: Option<Duration>,
    },
    #[error(
        "read {image}: the registry answered with status {status}{}",
        in_brackets(detail)
    )]
    Status {
        image: String,
        status: u16,
        detail: String,
    },
    #[error("read {image}: {what} has the digest {got}, not {wanted}")]
    WrongDigest {
        image: String,
        what: &'static str,
        wanted: Digest,
        got: Digest,
    },
    #[error("log in to {registry}: {reason}")]
    LogIn { registry: String, reason: String },
    #[error("read {image}")]
    Fetch {
        image: String,
        #[source]
        source: FetchError,
    },
    #[error("read {image}: the registry leads to {host}, which is another one's address")]
    Elsewhere { image: String, host: String },
    #[error("name the registry {0} in an address")]
    Address(String),
}

fn in_brackets(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

fn when(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(wait) => format!("in {} s", wait.as_secs()),
        None => "later".to_owned(),
    }
}

/// An image's documents and blobs in its registry.
struct Remote<'a> {
    session: Session,
    reference: &'a Reference,
    cache: Option<&'a Cache>,
    limit: u64,
}

/// Scans an image in a registry.
pub(crate) fn scan(reference: &Reference, reader: &Reader<'_>) -> Result<Sbom, ScanError> {
    let remote = Remote {
        session: Session::new(reference, &reader.options.registry, reader.cancel)?,
        reference,
        cache: reader.cache.as_ref(),
        limit: reader.options.limits.document_bytes,
    };
    let plan = remote.plan(reader)?;
    reader.read(&plan, &remote)
}

impl Remote<'_> {
    fn plan(&self, reader: &Reader<'_>) -> Result<Plan, ScanError> {
        let wanted = reader.options.platform_or_own();
        let is_asked = reader.options.platform.is_some();
        let mut digest = self.reference.digest;
        for _ in 0..DEEPEST_INDEX {
            let (own, bytes) = match &digest {
                Some(digest) => (*digest, self.manifest_by_digest(digest)?),
                None => self.manifest_by_tag()?,
            };
            let document: Document = manifest::parse("the image's manifest", &bytes)?;
            if let Some(entries) = &document.manifests {
                let entry = manifest::choose(entries, &wanted, is_asked)?;
                digest = Some(manifest::parse_digest("the index", &entry.digest)?);
                continue;
            }
            let (config, layers) = document.image()?;
            let config = manifest::parse_digest("the image's manifest", &config.digest)?;
            let config = self.config(&config)?;
            let place = |layer: &manifest::Descriptor| {
                let digest = manifest::parse_digest("the image's manifest", &layer.digest)?;
                Ok(Place {
                    name: digest.to_string(),
                    digest: Some(digest),
                    size: Some(layer.size),
                })
            };
            let places = layers
                .iter()
                .map(place)
                .collect::<Result<_, ManifestError>>()?;
            let tags = vec![self.reference.name()];
            let plan = Plan::new(Some(own), &config, places, tags)?;
            plan.config.check_platform(is_asked.then_some(&wanted))?;
            return Ok(plan);
        }
        Err(ManifestError::NotAnImage("its indexes are nested too deep".to_owned()).into())
    }

    /// The manifest a tag points to. Where one is likely to be cached,
    /// only its digest is asked for: that is quicker, and is not counted
    /// against the limit registries set on pulls.
    fn manifest_by_tag(&self) -> Result<(Digest, Vec<u8>), RegistryError> {
        let path = format!("manifests/{}", self.reference.version());
        if let Some(cache) = self.cache {
            let draft = self.session.head(&path)?.header("Accept", MANIFESTS);
            let digest = match self.session.send(&draft) {
                Ok(response) => response
                    .header("docker-content-digest")
                    .and_then(|text| text.parse().ok()),
                // Some registries answer GET alone, and only it says why not.
                Err(RegistryError::NotFound { .. } | RegistryError::Status { .. }) => None,
                Err(error) => return Err(error),
            };
            if let Some(digest) = digest
                && let Some(bytes) = cache.document(&digest)
            {
                return Ok((digest, bytes));
            }
        }
        let bytes = self.fetch(&path)?;
        let digest = Digest::of(&bytes);
        if let Some(cache) = self.cache {
            cache.put_document(&digest, &bytes);
        }
        Ok((digest, bytes))
    }

    fn manifest_by_digest(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        self.document(digest, "manifests", "the manifest")
    }

    fn config(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        self.document(digest, "blobs", "the configuration")
    }

    /// A document that cannot change, because its name is its digest.
    fn document(
        &self,
        digest: &Digest,
        room: &str,
        what: &'static str,
    ) -> Result<Vec<u8>, RegistryError> {
        if let Some(bytes) = self.cache.and_then(|cache| cache.document(digest)) {
            return Ok(bytes);
        }
        let bytes = self.fetch(&format!("{room}/{digest}"))?;
        let got = Digest::of(&bytes);
        if got != *digest {
            return Err(RegistryError::WrongDigest {
                image: self.reference.to_string(),
                what,
                wanted: *digest,
                got,
            });
        }
        if let Some(cache) = self.cache {
            cache.put_document(digest, &bytes);
        }
        Ok(bytes)
    }

    fn fetch(&self, path: &str) -> Result<Vec<u8>, RegistryError> {
        let draft = self.session.get(path)?.header("Accept", MANIFESTS);
        let response = self.session.send(&draft)?;
        response
            .bytes(self.limit)
            .map_err(|source| RegistryError::Fetch {
                image: self.reference.to_string(),
                source,
            })
    }
}

impl Blobs for Remote<'_> {
    fn open(&self, layer: &LayerPlan) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let download = Download::start(&self.session, &layer.name, layer.size);
        match download {
            Ok(download) => Ok(Box::new(download)),
            Err(error) => Err(chain(&error).into()),
        }
    }

    fn keeps_unverified(&self) -> bool {
        false
    }
}
