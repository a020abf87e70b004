//! Whose signature an image must have, and whether it has one.
//!
//! Any one of those asked for suffices, and only a signature does: an
//! attestation states something about an image, and does not say that it
//! may run. A refusal names the nearest miss and how to mend it.

use std::{collections::BTreeSet, fmt, sync::Arc};

use jiff::Timestamp;
use model::Digest;

use super::{
    Believed, Claim, KeyError, NotVerified, PublicKey, Scheme, Signature, Signer, TrustRoot,
    Verified, certificate, certificate::Certificate, is_like, verify,
};
use crate::Artifact;

/// Signers one question may name.
const MOST_WANTED: usize = 64;

/// Whose signature an image must have.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Any one of them.
    pub anyone_of: Vec<Wanted>,
    /// Sigstore's authorities and logs: for identities, and for when
    /// something was signed with a key.
    pub root: Option<Arc<TrustRoot>>,
    /// Roots of timestamp authorities notation's signers use, PEM, by name.
    pub stampers: Vec<(String, String)>,
}

/// A signer that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// cosign, with a key.
    Key { name: String, key: PublicKey },
    /// Sigstore, as somebody who logged in at exactly this issuer; in the
    /// subject `*` stands for anything.
    Identity { subject: String, issuer: String },
    /// Notation, by a certificate these authorities vouch for, or one of
    /// these itself; where a subject is given, of that name.
    Certificate {
        name: String,
        authorities: String,
        subject: Option<String>,
    },
}

/// What is asked for makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
    #[error("nobody is named whose signature would do")]
    Nobody,
    #[error("more than {MOST_WANTED} signers are named")]
    TooMany,
    #[error("two signers are called '{0}'; each needs a name of its own")]
    SameName(String),
    #[error("use the key '{name}'")]
    Key {
        name: String,
        #[source]
        source: KeyError,
    },
    #[error("use the certificate '{name}': {reason}")]
    Certificate { name: String, reason: String },
    #[error(
        "an identity needs sigstore's trusted root: give trusted_root.json (`cosign trusted-root \
         create`, or the one your own sigstore publishes)"
    )]
    NoRoot,
    #[error("the subject '{0}' means anybody at all, and anybody can sign as somebody")]
    Anybody(String),
    #[error("the issuer '{0}' is no https:// address")]
    Issuer(String),
}

impl Wanted {
    /// A key from PEM.
    pub fn key(name: &str, pem: &str) -> Result<Self, AskedError> {
        let key = PublicKey::from_pem(pem).map_err(|source| AskedError::Key {
            name: name.to_owned(),
            source,
        })?;
        Ok(Self::Key {
            name: name.to_owned(),
            key,
        })
    }

    /// Certificates of authorities from PEM.
    pub fn certificate(name: &str, pem: &str, subject: Option<&str>) -> Result<Self, AskedError> {
        certificates(name, pem)?;
        Ok(Self::Certificate {
            name: name.to_owned(),
            authorities: pem.to_owned(),
            subject: subject.map(str::to_owned),
        })
    }

    /// An identity.
    pub fn identity(subject: &str, issuer: &str) -> Result<Self, AskedError> {
        if subject.chars().all(|c| c == '*' || c.is_whitespace()) {
            return Err(AskedError::Anybody(subject.to_owned()));
        }
        if !issuer.starts_with("https://") || issuer.contains('*') {
            return Err(AskedError::Issuer(issuer.to_owned()));
        }
        Ok(Self::Identity {
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
        })
    }

    /// The key's or first certificate's SHA-256, and when the latter ends.
    pub fn about(&self) -> (Option<Digest>, Option<Timestamp>) {
        match self {
            Self::Key { key, .. } => (Some(key.fingerprint()), None),
            Self::Identity { .. } => (None, None),
            Self::Certificate { authorities, .. } => {
                let first = certificate::of_pem(authorities).into_iter().next();
                let first = first.and_then(|der| Certificate::from_der(&der).ok());
                first.map_or((None, None), |it| {
                    (Some(it.fingerprint), Some(it.not_after))
                })
            }
        }
    }

    fn is_by(&self, signer: &Signer) -> bool {
        match (self, signer) {
            (Self::Key { key, .. }, Signer::Key { fingerprint, .. }) => {
                key.fingerprint() == *fingerprint
            }
            (Self::Identity { subject, issuer }, signer @ Signer::Identity { .. }) => {
                signer.is_identity(issuer, subject)
            }
            (
                Self::Certificate { name, subject, .. },
                Signer::Certificate {
                    subject: own,
                    authority,
                    ..
                },
            ) => name == authority && subject.as_ref().is_none_or(|like| is_like(own, like)),
            _ => false,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { name, .. } => write!(f, "the key {name}"),
            Self::Identity { subject, issuer } => write!(f, "{subject} at {issuer}"),
            Self::Certificate {
                name,
                subject: Some(subject),
                ..
            } => write!(f, "{subject} by {name}"),
            Self::Certificate { name, .. } => write!(f, "a certificate by {name}"),
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { name, .. } => write!(f, "the key {name}"),
            Self::Identity { subject, issuer } => write!(f, "{subject} at {issuer}"),
            Self::Certificate {
                subject, authority, ..
            } => write!(f, "{subject} by {authority}"),
        }
    }
}

fn certificates(name: &str, pem: &str) -> Result<(), AskedError> {
    let wrong = |reason: String| AskedError::Certificate {
        name: name.to_owned(),
        reason,
    };
    let ders = certificate::of_pem(pem);
    if ders.is_empty() {
        return Err(wrong("it is no PEM with a CERTIFICATE in it".to_owned()));
    }
    for der in ders {
        Certificate::from_der(&der).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}

impl Asked {
    /// Whether what is asked for makes sense together.
    pub fn check(&self) -> Result<(), AskedError> {
        if self.anyone_of.is_empty() {
            return Err(AskedError::Nobody);
        }
        if self.anyone_of.len() > MOST_WANTED {
            return Err(AskedError::TooMany);
        }
        let mut names = BTreeSet::new();
        for wanted in &self.anyone_of {
            if let Wanted::Key { name, .. } | Wanted::Certificate { name, .. } = wanted
                && !names.insert(name)
            {
                return Err(AskedError::SameName(name.clone()));
            }
        }
        let mut wanted = self.anyone_of.iter();
        if self.root.is_none() && wanted.any(|one| matches!(one, Wanted::Identity { .. })) {
            return Err(AskedError::NoRoot);
        }
        for (name, pem) in &self.stampers {
            certificates(name, pem)?;
        }
        Ok(())
    }

    fn believed(&self) -> Believed {
        let mut believed = Believed {
            root: self.root.clone(),
            stampers: self.stampers.clone(),
            ..Believed::default()
        };
        for wanted in &self.anyone_of {
            match wanted {
                Wanted::Key { name, key } => believed.keys.push((name.clone(), key.clone())),
                Wanted::Identity { .. } => {}
                Wanted::Certificate {
                    name, authorities, ..
                } => believed
                    .authorities
                    .push((name.clone(), authorities.clone())),
            }
        }
        believed
    }

    fn names(&self) -> String {
        let names = self.anyone_of.iter().take(5).map(ToString::to_string);
        let mut text = names.collect::<Vec<_>>().join(", or ");
        if self.anyone_of.len() > 5 {
            text.push_str(", or …");
        }
        text
    }
}

/// A signature that is what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub referrer: Digest,
    pub scheme: Scheme,
    pub verified: Verified,
}

/// No signature is what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    pub why: Why,
    /// What was found instead.
    pub reason: String,
    /// What would mend it.
    pub mend: String,
    /// Who did sign, where that is proved.
    pub signer: Option<Box<Signer>>,
}

/// What keeps an image from counting as signed, the nearest miss last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// There is no signature.
    Unsigned,
    /// Signatures are there, and none can be read.
    Broken,
    /// There are statements about it, and no signature.
    AttestedOnly,
    /// Signed with another key.
    OtherKey,
    /// What is attached is a signature of another image.
    OtherImage,
    /// Nobody who counts vouches for the signer's certificate.
    NotVouchedFor,
    /// A certificate, or the signature itself, had ended.
    Expired,
    /// The transparency log does not have it.
    NotLogged,
    /// Well signed, by somebody else.
    OtherSigner,
}

impl Why {
    /// As the wire and the record write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Broken => "broken",
            Self::AttestedOnly => "attested_only",
            Self::OtherKey => "other_key",
            Self::OtherImage => "other_image",
            Self::NotVouchedFor => "not_vouched_for",
            Self::Expired => "expired",
            Self::NotLogged => "not_logged",
            Self::OtherSigner => "other_signer",
        }
    }

    fn of(error: &NotVerified) -> Self {
        match error {
            NotVerified::Malformed(_) | NotVerified::Unsupported(_) => Self::Broken,
            NotVerified::OtherImage => Self::OtherImage,
            NotVerified::OtherKey | NotVerified::Wrong => Self::OtherKey,
            NotVerified::NotVouchedFor(_) => Self::NotVouchedFor,
            NotVerified::NotLogged(_) => Self::NotLogged,
            NotVerified::OutOfTime { .. } | NotVerified::Ended(_) => Self::Expired,
        }
    }
}

/// Whether what is attached to an image has a signature as asked for.
/// `now` is what certificates must be good at that no log and no
/// authority gives a time to.
pub fn judge(
    image: &Digest,
    artifacts: &[Artifact],
    asked: &Asked,
    now: Timestamp,
) -> Result<Accepted, Refused> {
    let believed = asked.believed();
    let mut nearest: Option<Refused> = None;
    for artifact in artifacts {
        for signature in verify(image, artifact, &believed, now) {
            let refused = match accept(signature, asked) {
                Ok(accepted) => return Ok(accepted),
                Err(refused) => refused,
            };
            if nearest.as_ref().is_none_or(|last| last.why < refused.why) {
                nearest = Some(refused);
            }
        }
    }
    Err(nearest.unwrap_or_else(|| Refused {
        why: Why::Unsigned,
        reason: "no signature of it was found in the registry".to_owned(),
        mend: format!(
            "let {} sign it by its digest, as `cosign sign IMAGE@{image}` and `notation sign` do",
            asked.names()
        ),
        signer: None,
    }))
}

fn accept(signature: Signature, asked: &Asked) -> Result<Accepted, Refused> {
    match signature.verdict {
        Err(error) => Err(of_error(&error, asked)),
        Ok(verified) => {
            let is_wanted = asked
                .anyone_of
                .iter()
                .any(|wanted| wanted.is_by(&verified.signer));
            match (&verified.claim, is_wanted) {
                (Claim::Signature, true) => Ok(Accepted {
                    referrer: signature.referrer,
                    scheme: signature.scheme,
                    verified,
                }),
                (Claim::Signature, false) => Err(Refused {
                    why: Why::OtherSigner,
                    reason: format!(
                        "it is signed by {}, and not by {}",
                        verified.signer,
                        asked.names()
                    ),
                    mend: format!(
                        "let {} sign it, or add {} to those whose signature counts",
                        asked.names(),
                        verified.signer
                    ),
                    signer: Some(Box::new(verified.signer)),
                }),
                (Claim::Attestation(kind), _) => Err(Refused {
                    why: Why::AttestedOnly,
                    reason: format!("only a statement of type {kind} about it is signed"),
                    mend: "sign the image itself: an attestation does not say that it may run"
                        .to_owned(),
                    signer: Some(Box::new(verified.signer)),
                }),
            }
        }
    }
}

fn of_error(error: &NotVerified, asked: &Asked) -> Refused {
    let why = Why::of(error);
    let names = asked.names();
    let (reason, mend) = match error {
        NotVerified::OtherKey | NotVerified::Wrong => (
            format!("it is signed, and not by {names}"),
            format!("let {names} sign it, or add the key it was signed with to those that count"),
        ),
        NotVerified::OtherImage => (
            "the signature that is attached is of another image: its digest is another".to_owned(),
            "sign this digest; a signature does not follow a tag that was moved".to_owned(),
        ),
        NotVerified::NotVouchedFor(_) => (
            error.to_string(),
            "give the trusted root, or the authority's certificate, that vouches for the signer"
                .to_owned(),
        ),
        NotVerified::OutOfTime { .. } => (
            error.to_string(),
            "sign it anew, with the transparency log or a timestamp authority: they say that it \
             was signed in time"
                .to_owned(),
        ),
        NotVerified::Ended(_) => (
            format!("its signer let it count until a time that is over: {error}"),
            "sign it anew".to_owned(),
        ),
        NotVerified::NotLogged(_) => (
            error.to_string(),
            "sign it with the transparency log (cosign does, without --tlog-upload=false), and \
             give the trusted root that knows this log"
                .to_owned(),
        ),
        NotVerified::Malformed(_) | NotVerified::Unsupported(_) => (
            format!("its signature cannot be used: {error}"),
            "sign it anew, with a present-day cosign or notation".to_owned(),
        ),
    };
    Refused {
        why,
        reason,
        mend,
        signer: None,
    }
}
