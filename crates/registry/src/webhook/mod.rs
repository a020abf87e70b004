//! What registries tell by webhook.

use http::HeaderMap;
use jiff::Timestamp;
use model::{Digest, Secret};

use crate::Kind;

/// One thing that happened at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// As the registry's own names go: `team/shop`.
    pub repository: String,
    pub tag: Option<String>,
    /// As it was told, not verified: look it up before it is believed.
    pub digest: Option<Digest>,
    pub media_type: Option<String>,
    pub what: What,
    /// When it happened, or when it was told where that is all we know.
    pub time: Timestamp,
    /// The same for the same event however often it is delivered: to be
    /// remembered until [`Told::time`] is too old to be accepted again.
    pub id: String,
    /// Who did it.
    pub actor: Option<String>,
    /// Where it was copied from: `registry/repository[:tag]`.
    pub origin: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Push,
    Delete,
    Pull,
    /// Copied in from another registry (replication, import).
    Copy,
    /// Set apart, or let go again, until it was looked at.
    Quarantine,
}

/// A webhook's request.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// The secret part of the address it was sent to, for the kinds that
    /// prove themselves by it ([`crate::Proof::Address`]).
    pub token: Option<&'a str>,
}

/// Why a webhook was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not prove where it comes from. Answered with 401.
    #[error("it does not carry the secret of this registry's webhook: {0}")]
    Unproven(&'static str),
    /// Answered with 413.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("it tells of more than {0} events at once")]
    TooMany(usize),
    /// A recording, played again. Answered with 400.
    #[error("it tells of {time}, which is too far from now to be believed")]
    OutOfTime { time: Timestamp },
    #[error("it is not what this sort of registry sends: {0}")]
    NotUnderstood(String),
}

/// Reads a webhook of a registry of some kind. What it tells may be
/// nothing: pings, and events of things that are no images.
pub fn told(
    kind: Kind,
    _delivery: &Delivery<'_>,
    _secret: &Secret,
    _now: Timestamp,
) -> Result<Vec<Told>, Refusal> {
    Err(Refusal::NotUnderstood(format!(
        "{} is not read yet",
        kind.title()
    )))
}
