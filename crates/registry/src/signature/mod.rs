//! Who signed an image? cosign's signatures (those under tags and
//! sigstore's bundles, by key or by identity) and notation's.
//!
//! Everything is checked without a network: keys, authorities and the
//! transparency log's key are handed in. What comes out says who signed
//! and how that is known; whether that signer may sign this image is for
//! whoever asks. A signature by an identity proves that somebody could
//! log in as it, no more: anybody has one.

mod asked;
mod bundle;
mod certificate;
mod cosign;
mod key;
mod log;
mod notation;
mod timestamp;
mod trust_root;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use model::Digest;

use crate::{Artifact, AskError, Referrer, Registry};

pub use asked::{Accepted, Asked, AskedError, Refused, Wanted, Why, judge};
pub use key::{KeyError, PublicKey};
pub use trust_root::{TrustRoot, TrustRootError};

/// Signatures that are looked at of one image.
const MOST_SIGNATURES: usize = 64;
/// Bytes of one, and of those of one image; what is larger is no signature.
const LARGEST_SIGNATURE: usize = 16 << 20;
const LARGEST_TOGETHER: usize = 64 << 20;

/// Whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct Believed {
    /// Keys cosign signs with, by the names people gave them.
    pub keys: Vec<(String, PublicKey)>,
    /// Sigstore's authorities and logs, for signatures by identity.
    pub root: Option<Arc<TrustRoot>>,
    /// Certificates notation's signers are vouched for by, PEM, by name.
    pub authorities: Vec<(String, String)>,
    /// Certificates of those whose timestamps notation's signatures are
    /// believed, PEM, by name.
    pub stampers: Vec<(String, String)>,
}

/// A signature, and what was found out about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The artifact it is in.
    pub referrer: Digest,
    pub scheme: Scheme,
    pub verdict: Result<Verified, NotVerified>,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// cosign's older forms, under tags.
    Cosign,
    /// Sigstore's bundle.
    Bundle,
    Notation,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosign => "cosign",
            Self::Bundle => "bundle",
            Self::Notation => "notation",
        }
    }

    /// The scheme of an artifact, if it is a signature.
    pub fn of(artifact_type: &str) -> Option<Self> {
        match artifact_type {
            cosign::SIMPLE_SIGNING | cosign::ENVELOPE => Some(Self::Cosign),
            notation::SIGNATURE => Some(Self::Notation),
            other if other.starts_with(bundle::BUNDLE) => Some(Self::Bundle),
            _ => None,
        }
    }
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub signer: Signer,
    /// What it says about the image. Only [`Claim::Signature`] is what
    /// `cosign verify` and `notation verify` look for.
    pub claim: Claim,
    /// When the transparency log took it in, or where that says no time,
    /// when a timestamp authority saw it.
    pub logged: Option<Timestamp>,
    /// Until when it counts, where nobody says it was made while its
    /// certificate was good, or its signer gave it an end.
    pub until: Option<Timestamp>,
    /// What the signer wrote beside it.
    pub annotations: BTreeMap<String, String>,
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    Key {
        name: String,
        fingerprint: Digest,
    },
    /// Somebody who logged in as `subject` at `issuer`.
    Identity {
        subject: String,
        issuer: String,
    },
    /// A certificate that an authority of that name vouches for.
    Certificate {
        subject: String,
        authority: String,
        fingerprint: Digest,
    },
}

/// What a signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    Signature,
    /// A statement about the image, of that type.
    Attestation(String),
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    #[error("it is not written as its kind is: {0}")]
    Malformed(String),
    #[error("it is of another image")]
    OtherImage,
    #[error("it is by none of the keys that count")]
    OtherKey,
    #[error("the signature does not fit what is signed")]
    Wrong,
    #[error("its signer is not vouched for: {0}")]
    NotVouchedFor(String),
    #[error("its certificate was good from {from} until {until}, and not at {at}")]
    OutOfTime {
        from: Timestamp,
        until: Timestamp,
        at: Timestamp,
    },
    #[error("the transparency log does not have it: {0}")]
    NotLogged(String),
    #[error("it ended at {0}")]
    Ended(Timestamp),
    #[error("it needs what is not understood here: {0}")]
    Unsupported(String),
}

impl Signer {
    /// Whether it is somebody who logged in at `issuer` as what the
    /// pattern means: `*` stands for anything.
    pub fn is_identity(&self, issuer: &str, pattern: &str) -> bool {
        match self {
            Self::Identity {
                subject,
                issuer: own,
            } => own == issuer && is_like(subject, pattern),
            Self::Key { .. } | Self::Certificate { .. } => false,
        }
    }
}

/// Whether a text is what a pattern means: `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

impl Registry {
    /// Every signature of an image and what it is worth.
    pub fn signatures(
        &self,
        repository: &str,
        image: &Digest,
        believed: &Believed,
    ) -> Result<Vec<Signature>, AskError> {
        let artifacts = self.signed(repository, image)?;
        let mut found: Vec<Signature> = artifacts
            .iter()
            .flat_map(|artifact| verify(image, artifact, believed, self.now()))
            .collect();
        found.truncate(MOST_SIGNATURES);
        Ok(found)
    }

    /// What is attached to an image that may be signatures of it, to be
    /// judged by [`judge`] as often as is wanted.
    pub fn signed(&self, repository: &str, image: &Digest) -> Result<Vec<Artifact>, AskError> {
        let referrers = self.referrers(repository, image)?;
        self.signed_by(repository, &referrers)
    }

    /// The same, where what is attached was listed already.
    pub fn signed_by(
        &self,
        repository: &str,
        referrers: &[Referrer],
    ) -> Result<Vec<Artifact>, AskError> {
        let signatures = referrers.iter().filter(|one| scheme(one).is_some());
        let (mut artifacts, mut all) = (Vec::new(), 0);
        for referrer in signatures.take(MOST_SIGNATURES) {
            let artifact = self.artifact(repository, &referrer.digest)?;
            let bytes: usize = artifact.blobs.iter().map(|blob| blob.bytes.len()).sum();
            // A signature is some kilobytes, and a statement not much more.
            if bytes > LARGEST_SIGNATURE {
                continue;
            }
            all += bytes;
            if all > LARGEST_TOGETHER {
                break;
            }
            artifacts.push(artifact);
        }
        Ok(artifacts)
    }
}

fn scheme(referrer: &Referrer) -> Option<Scheme> {
    Scheme::of(&referrer.artifact_type)
}

/// The signatures in an artifact, judged for one image. `now` is what
/// certificates must be good at that no log gives a time to.
pub fn verify(
    image: &Digest,
    artifact: &Artifact,
    believed: &Believed,
    now: Timestamp,
) -> Vec<Signature> {
    let Some(scheme) = Scheme::of(&artifact.artifact_type) else {
        return Vec::new();
    };
    let blobs = artifact.blobs.iter().take(MOST_SIGNATURES);
    blobs
        .map(|blob| Signature {
            referrer: artifact.digest,
            scheme,
            verdict: match scheme {
                Scheme::Cosign => cosign::verify(image, blob, believed),
                Scheme::Bundle => bundle::verify(image, &blob.bytes, believed),
                Scheme::Notation => notation::verify(image, blob, believed, now),
            },
        })
        .collect()
}

/// The key that made a signature, among those that count.
fn by_key(believed: &Believed, message: &[u8], signature: &[u8]) -> Result<Signer, NotVerified> {
    let mut keys = believed.keys.iter();
    let found = keys.find(|(_, key)| key.has_signed(message, signature));
    let (name, key) = found.ok_or(NotVerified::OtherKey)?;
    Ok(Signer::Key {
        name: name.clone(),
        fingerprint: key.fingerprint(),
    })
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, NotVerified> {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD
        .decode(text.trim())
        .map_err(|error| NotVerified::Malformed(format!("{what}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_identities() {
        for (text, pattern, expected) in [
            ("ada@example.org", "ada@example.org", true),
            ("ada@example.org", "*@example.org", true),
            ("ada@example.org.evil.example", "*@example.org", false),
            ("x/a/b/c@refs/tags/1", "x/*/c@refs/*", true),
            ("x/a/b/d@refs/tags/1", "x/*/c@refs/*", false),
            ("aba", "ab*ba", false),
            ("anything", "*", true),
            ("", "", true),
            ("x", "", false),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text} {pattern}");
        }
    }
}
