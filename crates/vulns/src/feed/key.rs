//! The keys bundles are signed with: ed25519, in PEM files as OpenSSL
//! writes them (`openssl genpkey -algorithm ed25519`).

use std::{
    fmt,
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    Signature, Signer as _, VerifyingKey,
    pkcs8::{DecodePrivateKey as _, DecodePublicKey as _},
};

use super::{FeedError, import::read_bounded};

const MAX_BYTES: u64 = 64 << 10;

/// A private key. Shows nothing of itself and is wiped when dropped.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Reads a PKCS#8 `PRIVATE KEY`.
    pub fn read(path: &Path) -> Result<Self, FeedError> {
        let text = read_text(path)?;
        ed25519_dalek::SigningKey::from_pkcs8_pem(&text)
            .map(Self)
            .map_err(|error| FeedError::Key {
                path: path.to_owned(),
                reason: format!("it is no ed25519 private key in PKCS#8 PEM ({error})"),
            })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> SignatureBlock {
        SignatureBlock {
            key: self.0.verifying_key().to_bytes(),
            signature: self.0.sign(message).to_bytes(),
        }
    }
}

/// The public key of someone whose bundles are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey(VerifyingKey);

impl TrustedKey {
    /// Reads a `PUBLIC KEY`.
    pub fn read(path: &Path) -> Result<Self, FeedError> {
        let text = read_text(path)?;
        VerifyingKey::from_public_key_pem(&text)
            .map(Self)
            .map_err(|error| FeedError::Key {
                path: path.to_owned(),
                reason: format!("it is no ed25519 public key in PEM ({error})"),
            })
    }
}

fn read_text(path: &Path) -> Result<String, FeedError> {
    String::from_utf8(read_bounded(path, MAX_BYTES)?).map_err(|_not_text| FeedError::Key {
        path: PathBuf::from(path),
        reason: "it is not text".to_owned(),
    })
}

/// A signature and the key it claims to be by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignatureBlock {
    key: [u8; 32],
    signature: [u8; 64],
}

/// How a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Trusted,
    /// Genuine, by a key nobody vouched for.
    Stranger,
    Bad,
}

impl SignatureBlock {
    pub(crate) const BYTES: usize = 96;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..32].copy_from_slice(&self.key);
        bytes[32..].copy_from_slice(&self.signature);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (mut key, mut signature) = ([0; 32], [0; 64]);
        key.copy_from_slice(&bytes[..32]);
        signature.copy_from_slice(&bytes[32..]);
        Self { key, signature }
    }

    pub(crate) fn verify(&self, message: &[u8], trusted: &[TrustedKey]) -> Verdict {
        let signature = Signature::from_bytes(&self.signature);
        // The claimed key is only a hint; trust is by our own copies.
        let is_genuine = |key: &VerifyingKey| key.verify_strict(message, &signature).is_ok();
        if trusted.iter().any(|TrustedKey(key)| is_genuine(key)) {
            return Verdict::Trusted;
        }
        match VerifyingKey::from_bytes(&self.key) {
            Ok(key) if is_genuine(&key) => Verdict::Stranger,
            _ => Verdict::Bad,
        }
    }
}
