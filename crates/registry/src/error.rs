//! Why a registry gave no answer, and when to ask again.

use fetch::FetchError;
use jiff::Timestamp;
use model::Digest;
use scan::{ParseReferenceError, RegistryError};

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("use the account: {field}: {reason}")]
    Account { field: &'static str, reason: String },
    /// The registry, or its cloud, wants to be left alone until then.
    #[error("ask {registry}: it allows no more requests before {at}")]
    Later { registry: String, at: Timestamp },
    #[error("read {what}: its digest is {got}, not {wanted}")]
    WrongDigest {
        what: String,
        wanted: Digest,
        got: Digest,
    },
    /// A list that does not end, a page that leads back, a document that
    /// is too large.
    #[error("read {what}: {reason}")]
    Bounds { what: String, reason: String },
    #[error("understand {what}: {reason}")]
    NotUnderstood { what: String, reason: String },
    /// A cloud's token service or interface says no.
    #[error("log in to {registry}: {reason}")]
    LogIn { registry: String, reason: String },
    #[error("{what} at {registry}: it answered with status {status}{detail}")]
    Status {
        registry: String,
        what: String,
        status: u16,
        detail: String,
    },
    #[error(transparent)]
    Registry(RegistryError),
    #[error(transparent)]
    Name(#[from] ParseReferenceError),
    #[error("ask {registry}")]
    Fetch {
        registry: String,
        #[source]
        source: FetchError,
    },
}

impl AskError {
    /// When it may be asked again, where it said so.
    pub fn later(&self) -> Option<Timestamp> {
        match self {
            Self::Later { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Whether asking again, unchanged, may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Fetch { source, .. } | Self::Registry(RegistryError::Fetch { source, .. }) => {
                source.may_pass()
            }
            Self::Later { .. }
            | Self::Status { status: 500.., .. }
            | Self::Registry(
                RegistryError::RateLimited { .. } | RegistryError::Status { status: 500.., .. },
            ) => true,
            _ => false,
        }
    }

    /// Whether it is the registry's as a whole, so that asking it for
    /// something else is of no use for now: it is not reached, wants to
    /// be left alone, lets nobody in, or is broken.
    pub fn is_of_all(&self) -> bool {
        match self {
            Self::Fetch { source, .. } | Self::Registry(RegistryError::Fetch { source, .. }) => {
                matches!(
                    source,
                    FetchError::ReadCertificates { .. }
                        | FetchError::ParseCertificates { .. }
                        | FetchError::Connect { .. }
                        | FetchError::Timeout { .. }
                        | FetchError::Tls { .. }
                        | FetchError::Cancelled { .. }
                )
            }
            Self::Account { .. }
            | Self::Later { .. }
            | Self::LogIn { .. }
            | Self::Status { status: 500.., .. }
            | Self::Registry(
                RegistryError::RateLimited { .. }
                | RegistryError::LogIn { .. }
                | RegistryError::Address(_)
                | RegistryError::Status { status: 500.., .. },
            ) => true,
            _ => false,
        }
    }

    /// Whether there is no such repository, tag or image (any more).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Registry(RegistryError::NotFound { .. }))
    }
}
