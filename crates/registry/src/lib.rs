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
mod cloud;
mod document;
mod error;
mod kind;
mod listing;
mod queue;
mod referrer;
mod resolve;
mod session;
pub mod signature;
mod webhook;

pub use account::{Account, AwsKey, Credential, Trust};
pub use error::AskError;
pub use kind::{Kind, ParseKindError, Proof};
pub use listing::{Listing, Names};
pub use queue::{Delivered, EventQueue, Receipt};
pub use referrer::{Artifact, ArtifactBlob, How, NewReferrer, Pushed, Referrer};
pub use resolve::{Content, PlatformImage, Resolved};
pub use webhook::{Delivery, OLDEST as OLDEST_EVENT, Refusal, Told, What, told};

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use fetch::{Client, FetchError};
use jiff::Timestamp;
use model::{Cancel, Clock};
use scan::{Reference, RegistryError};

use session::State;

/// An account at a registry, ready to be asked. Blocking: every call is
/// made from a thread that may wait. Cheap to open, safe to share.
pub struct Registry {
    account: Account,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
    client: Client,
    state: Mutex<State>,
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
        let settings = session::settings(&account);
        let client = Client::new(&settings).map_err(|source| AskError::Fetch {
            registry: account.address.clone(),
            source,
        })?;
        Ok(Self {
            account,
            clock,
            cancel: cancel.clone(),
            client,
            state: Mutex::default(),
        })
    }

    pub fn account(&self) -> &Account {
        &self.account
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

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn not_fetched(&self, source: FetchError) -> AskError {
        AskError::Fetch {
            registry: self.account.address.clone(),
            source,
        }
    }

    /// A refusal as ours: one that says "later" says until when.
    fn failed(&self, error: RegistryError) -> AskError {
        match error {
            RegistryError::RateLimited { retry_after, .. } => {
                let wait = retry_after.unwrap_or(session::UNTOLD_WAIT);
                self.later(wait)
            }
            error => AskError::Registry(error),
        }
    }

    fn later(&self, wait: std::time::Duration) -> AskError {
        let wait = wait.min(session::LONGEST_WAIT);
        let at = self.now().saturating_add(wait).unwrap_or(Timestamp::MAX);
        AskError::Later {
            registry: self.account.address.clone(),
            at,
        }
    }
}
