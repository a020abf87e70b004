//! Certificates of our own making: an authority the API server is told
//! of, and a leaf that lives for a day.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use serde::{Deserialize, Serialize};

/// How long a leaf lives, and an authority.
const LEAF: SignedDuration = SignedDuration::from_hours(24);
const AUTHORITY: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Other machines' clocks may be behind.
const SKEW: SignedDuration = SignedDuration::from_mins(10);
/// An authority signs nothing until the API server has heard of it.
pub(super) const HEARD: SignedDuration = SignedDuration::from_secs(60);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("make a certificate")]
    Make(#[source] rcgen::Error),
    #[error("use the certificate that was made: {0}")]
    Use(String),
}

/// A certificate authority, key and all: what replicas share.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The common name: no two have the same.
    pub name: String,
    pub made: Timestamp,
    pub ends: Timestamp,
    /// PEM.
    pub certificate: String,
    key: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("name", &self.name)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// What one replica shows.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub key: Arc<CertifiedKey>,
    pub made: Timestamp,
    pub ends: Timestamp,
    /// The authority that signed it.
    pub authority: String,
    /// PEM, for whoever wants to look.
    pub certificate: String,
}

/// Whether two thirds of a life are over.
fn is_due(made: Timestamp, ends: Timestamp, now: Timestamp) -> bool {
    now.duration_since(made) * 3 >= ends.duration_since(made) * 2
}

fn valid(parameters: &mut CertificateParams, from: Timestamp, to: Timestamp) {
    let time = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    };
    parameters.not_before = time(from).into();
    parameters.not_after = time(to).into();
}

fn of_authority(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    parameters.distinguished_name = subject;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

impl Authority {
    pub fn make(now: Timestamp) -> Result<Self, CertificateError> {
        let key = KeyPair::generate().map_err(CertificateError::Make)?;
        // Of two replicas that make one at once, each makes another.
        let print = xxhash_rust::xxh3::xxh3_64(key.public_key_raw());
        let name = format!("seawall admission {print:016x}");
        let ends = now + AUTHORITY;
        let mut parameters = of_authority(&name).map_err(CertificateError::Make)?;
        valid(&mut parameters, now - SKEW, ends);
        let certificate = parameters
            .self_signed(&key)
            .map_err(CertificateError::Make)?;
        Ok(Self {
            name,
            made: now,
            ends,
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Whether it is time for another.
    pub fn is_due(&self, now: Timestamp) -> bool {
        is_due(self.made, self.ends, now)
    }

    /// A leaf for a day, for these names and addresses.
    pub fn issue(&self, names: &[String], now: Timestamp) -> Result<Leaf, CertificateError> {
        let issuing = KeyPair::from_pem(&self.key).map_err(CertificateError::Make)?;
        let issuer = of_authority(&self.name).map_err(CertificateError::Make)?;
        let issuer = Issuer::new(issuer, issuing);
        let mut parameters =
            CertificateParams::new(names.to_vec()).map_err(CertificateError::Make)?;
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, "seawall admission");
        parameters.distinguished_name = subject;
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let ends = (now + LEAF).min(self.ends);
        valid(&mut parameters, now - SKEW, ends);
        let key = KeyPair::generate().map_err(CertificateError::Make)?;
        let made = parameters
            .signed_by(&key, &issuer)
            .map_err(CertificateError::Make)?;
        let own = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())
            .map_err(|error| CertificateError::Use(error.to_string()))?;
        let authority = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|error| CertificateError::Use(error.to_string()))?;
        let chain = vec![made.der().clone(), authority];
        let certified = CertifiedKey::from_der(chain, own, &ring::default_provider())
            .map_err(|error| CertificateError::Use(error.to_string()))?;
        Ok(Leaf {
            key: Arc::new(certified),
            made: now,
            ends,
            authority: self.name.clone(),
            certificate: made.pem(),
        })
    }
}

impl Leaf {
    /// Whether it is time for another.
    pub fn is_due(&self, now: Timestamp) -> bool {
        is_due(self.made, self.ends, now)
    }
}

/// What the authorities are to be, the one that signs last; `true`: they
/// are another set than before.
///
/// A new one is made when two thirds of the last one's life are over, and
/// the one before stays trusted until it ends.
pub(super) fn renewed(
    known: &[Authority],
    now: Timestamp,
) -> Result<(Vec<Authority>, bool), CertificateError> {
    let mut all: Vec<Authority> = known
        .iter()
        .filter(|authority| authority.ends > now)
        .cloned()
        .collect();
    let mut is_new = all.len() != known.len();
    if all.last().is_none_or(|last| last.is_due(now)) {
        all.push(Authority::make(now)?);
        is_new = true;
    }
    Ok((all, is_new))
}

/// The authority that signs now: the newest the API server has had time
/// to hear of, or the only one there is.
pub(super) fn signing(all: &[Authority], now: Timestamp) -> Option<&Authority> {
    let heard = |authority: &&Authority| now.duration_since(authority.made) >= HEARD;
    all.iter().rev().find(heard).or_else(|| all.first())
}

/// Every certificate the API server is to trust, PEM.
pub(super) fn trusted(all: &[Authority]) -> String {
    all.iter()
        .map(|authority| authority.certificate.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn hours(count: i64) -> SignedDuration {
        SignedDuration::from_hours(count)
    }

    #[test]
    fn a_leaf_is_renewed_after_two_thirds_of_a_day() {
        let authority = Authority::make(start()).unwrap();
        let leaf = authority.issue(&["127.0.0.1".to_owned()], start()).unwrap();
        assert!(!leaf.is_due(start() + hours(15)));
        assert!(leaf.is_due(start() + hours(16)));
        assert_eq!(leaf.ends, start() + hours(24));
        // None outlives what signed it.
        let late = authority.ends - hours(1);
        let leaf = authority.issue(&["x".to_owned()], late).unwrap();
        assert_eq!(leaf.ends, authority.ends);
    }

    #[test]
    fn an_authority_is_trusted_before_it_signs_and_until_it_ends() {
        let (first, is_new) = renewed(&[], start()).unwrap();
        assert!(is_new);
        // There is no other to sign meanwhile.
        assert_eq!(signing(&first, start()).unwrap().name, first[0].name);
        let (same, is_new) = renewed(&first, start() + hours(24 * 59)).unwrap();
        assert!(!is_new && same == first);

        let later = start() + hours(24 * 60);
        let (both, is_new) = renewed(&first, later).unwrap();
        assert!(is_new && both.len() == 2);
        assert_eq!(signing(&both, later).unwrap().name, first[0].name);
        assert_eq!(signing(&both, later + HEARD).unwrap().name, both[1].name);
        assert_eq!(trusted(&both).matches("BEGIN CERTIFICATE").count(), 2);

        let (last, is_new) = renewed(&both, start() + hours(24 * 90)).unwrap();
        assert!(is_new && last == both[1..]);
    }

    #[test]
    fn an_authority_that_was_written_down_signs_as_before() {
        let authority = Authority::make(start()).unwrap();
        let text = serde_json::to_string(&authority).unwrap();
        let read: Authority = serde_json::from_str(&text).unwrap();
        read.issue(&["seawall.svc".to_owned()], start()).unwrap();
        assert!(!format!("{authority:?}").contains("PRIVATE"));
    }
}
