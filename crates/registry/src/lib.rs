//! Which images does a registry hold, and what did it tell?
//!
//! One [`Registry`] is one account at one registry of any [`Kind`]: its
//! repositories, their tags, what a tag truly is, and what refers to an
//! image. [`told`] reads the webhooks registries send, [`EventQueue`] the
//! queue where Amazon's tell. This room keeps nothing, knows no database
//! and no web framework, and reads no layers: [`scan`] does. Registries
//! are strangers: pages, documents and lists are bounded, digests are
//! checked, and an address that leads into a private network is refused
//! unless the account says that the registry lives in one.

mod account;
mod error;
mod kind;
mod listing;
mod queue;
mod referrer;
mod resolve;
mod webhook;

pub use account::{Account, AwsKey, Credential, Trust};
pub use error::AskError;
pub use kind::{Kind, ParseKindError, Proof};
pub use listing::Listing;
pub use queue::{Delivered, EventQueue, Receipt};
pub use referrer::{Artifact, ArtifactBlob, How, NewReferrer, Pushed, Referrer};
pub use resolve::{Content, PlatformImage, Resolved};
pub use webhook::{Delivery, Refusal, Told, What, told};

use std::{fmt, sync::Arc};

use model::{Cancel, Clock, Digest};
use scan::{Reference, RegistryOptions};

/// An account at a registry, ready to be asked. Blocking: every call is
/// made from a thread that may wait. Cheap to open, safe to share.
pub struct Registry {
    account: Account,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Checks the account; asks nobody yet.
    pub fn open(
        account: Account,
        clock: Arc<dyn Clock>,
        cancel: &Cancel,
    ) -> Result<Self, AskError> {
        account.check()?;
        Ok(Self {
            account,
            clock,
            cancel: cancel.clone(),
        })
    }

    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Whether the registry is there and accepts the account.
    pub fn check(&self) -> Result<(), AskError> {
        Err(self.unsupported("checking the account"))
    }

    /// The name of an image here, for [`scan::Source::Registry`].
    pub fn reference(&self, repository: &str, version: &str) -> Result<Reference, AskError> {
        let separator = if version.starts_with("sha256:") {
            '@'
        } else {
            ':'
        };
        let text = format!("{}/{repository}{separator}{version}", self.account.address);
        Ok(text.parse()?)
    }

    /// What [`scan::scan`] needs to read an image here, credentials
    /// included. Those of clouds end after some hours: ask before each scan.
    pub fn scan_options(&self) -> Result<RegistryOptions, AskError> {
        Err(self.unsupported("scanning"))
    }

    /// Every repository: those the account names, else the registry's
    /// catalogue, page by page.
    pub fn repositories(&self) -> Result<Listing<'_>, AskError> {
        Err(self.unsupported("a catalogue"))
    }

    /// Every tag of a repository, page by page, in the registry's order.
    pub fn tags(&self, _repository: &str) -> Result<Listing<'_>, AskError> {
        Err(self.unsupported("listing tags"))
    }

    /// The digest the registry says a tag has. It is not verified, and
    /// good for one question: is it still what it was? Asks for headers
    /// only, which no registry counts as a pull.
    pub fn digest(&self, _image: &Reference) -> Result<Digest, AskError> {
        Err(self.unsupported("asking for a digest"))
    }

    /// What a tag or digest truly is, verified.
    pub fn resolve(&self, _image: &Reference) -> Result<Resolved, AskError> {
        Err(self.unsupported("resolving"))
    }

    /// What refers to an image: SBOMs, signatures, attestations. By the
    /// referrers API, or by the tags that stand in for it; cosign's older
    /// `sha256-….sig` tags are among them.
    pub fn referrers(
        &self,
        _repository: &str,
        _subject: &Digest,
    ) -> Result<Vec<Referrer>, AskError> {
        Err(self.unsupported("referrers"))
    }

    /// An artifact with its blobs, verified and bounded.
    pub fn artifact(&self, _repository: &str, _digest: &Digest) -> Result<Artifact, AskError> {
        Err(self.unsupported("artifacts"))
    }

    /// Attaches a document to an image. Pushing the same again changes
    /// nothing.
    pub fn push_referrer(
        &self,
        _repository: &str,
        _subject: &Digest,
        _referrer: &NewReferrer,
    ) -> Result<Pushed, AskError> {
        Err(self.unsupported("pushing a referrer"))
    }

    /// The queue of events the account names, if it names one.
    pub fn events(&self) -> Result<Option<EventQueue>, AskError> {
        Err(self.unsupported("a queue of events"))
    }

    fn unsupported(&self, what: &str) -> AskError {
        let _ = (&self.clock, &self.cancel);
        AskError::Unsupported {
            registry: self.account.address.clone(),
            what: what.to_owned(),
        }
    }
}
