//! Public keys, and whether one made a signature.

use model::Digest;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::{pem::Pem, prelude::FromDer as _, x509::SubjectPublicKeyInfo};

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    sort: Sort,
    bytes: Vec<u8>,
    fingerprint: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    P256,
    P384,
    Ed25519,
    Rsa,
}

/// The text holds no key that is understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("read the key: it is no PEM with a PUBLIC KEY in it")]
    NotPem,
    #[error("read the key: {0}")]
    Malformed(String),
    #[error("use the key: it is neither ECDSA (P-256, P-384), Ed25519 nor RSA")]
    Unknown,
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`, as cosign and openssl write it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut blocks = Pem::iter_from_buffer(text.as_bytes()).filter_map(Result::ok);
        let block = blocks.find(|block| block.label == "PUBLIC KEY");
        Self::from_der(&block.ok_or(KeyError::NotPem)?.contents)
    }

    /// Reads a `SubjectPublicKeyInfo`.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let (_, info) = SubjectPublicKeyInfo::from_der(der)
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        Self::of(&info, der)
    }

    pub(crate) fn of(info: &SubjectPublicKeyInfo<'_>, der: &[u8]) -> Result<Self, KeyError> {
        let parameters = info.algorithm.parameters.as_ref();
        let curve = parameters
            .and_then(|parameters| parameters.as_oid().ok())
            .map(|oid| oid.to_id_string());
        let sort = match (
            info.algorithm.algorithm.to_id_string().as_str(),
            curve.as_deref(),
        ) {
            ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => Sort::P256,
            ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => Sort::P384,
            ("1.3.101.112", _) => Sort::Ed25519,
            ("1.2.840.113549.1.1.1", _) => Sort::Rsa,
            _ => return Err(KeyError::Unknown),
        };
        Ok(Self {
            sort,
            bytes: info.subject_public_key.data.to_vec(),
            fingerprint: Digest::of(der),
        })
    }

    /// SHA-256 of the key as DER.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Whether it signed `message` as sigstore's programs sign.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.sort {
            Sort::P256 => self.fits(&signature::ECDSA_P256_SHA256_ASN1, message, signature),
            Sort::P384 => {
                self.fits(&signature::ECDSA_P384_SHA384_ASN1, message, signature)
                    || self.fits(&signature::ECDSA_P384_SHA256_ASN1, message, signature)
            }
            Sort::Ed25519 => self.fits(&signature::ED25519, message, signature),
            Sort::Rsa => {
                self.fits(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
                    || self.fits(&signature::RSA_PSS_2048_8192_SHA256, message, signature)
            }
        }
    }

    /// The same for a JSON web signature, whose algorithm it names; `None`
    /// for one that is not understood, or is not this key's.
    pub(crate) fn has_signed_as(
        &self,
        algorithm: &str,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let how: &'static dyn VerificationAlgorithm = match (algorithm, self.sort) {
            ("ES256", Sort::P256) => &signature::ECDSA_P256_SHA256_FIXED,
            ("ES384", Sort::P384) => &signature::ECDSA_P384_SHA384_FIXED,
            ("PS256", Sort::Rsa) => &signature::RSA_PSS_2048_8192_SHA256,
            ("PS384", Sort::Rsa) => &signature::RSA_PSS_2048_8192_SHA384,
            ("PS512", Sort::Rsa) => &signature::RSA_PSS_2048_8192_SHA512,
            _ => return None,
        };
        Some(self.fits(how, message, signature))
    }

    fn fits(
        &self,
        how: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        UnparsedPublicKey::new(how, &self.bytes)
            .verify(message, signature)
            .is_ok()
    }
}
