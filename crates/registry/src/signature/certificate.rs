//! Certificates: who vouches for them, and whom they name.

use jiff::Timestamp;
use model::Digest;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, pem::Pem, prelude::FromDer as _,
};

use super::{NotVerified, PublicKey, Signer};

/// 1.3.6.1.5.5.7.3.3, "code signing".
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
/// 1.3.6.1.5.5.7.3.8, "time stamping".
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];
/// Fulcio's extensions: the issuer as a text of its own, and as it was
/// written before.
const ISSUER: &str = "1.3.6.1.4.1.57264.1.8";
const OLD_ISSUER: &str = "1.3.6.1.4.1.57264.1.1";
/// A chain is a leaf, a few authorities, a root.
const MOST_CERTIFICATES: usize = 16;

/// A signer's certificate.
pub(super) struct Certificate {
    der: Vec<u8>,
    pub(super) key: PublicKey,
    pub(super) fingerprint: Digest,
    subject: String,
    names: Vec<String>,
    issuer: Option<String>,
    not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl Certificate {
    pub(super) fn from_der(der: &[u8]) -> Result<Self, NotVerified> {
        let malformed = |reason: String| NotVerified::Malformed(format!("a certificate: {reason}"));
        let (_, parsed) =
            X509Certificate::from_der(der).map_err(|error| malformed(error.to_string()))?;
        let info = parsed.public_key();
        let key = PublicKey::of(info, info.raw).map_err(|error| malformed(error.to_string()))?;
        let mut names = Vec::new();
        if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
            for name in &alternative.value.general_names {
                match name {
                    GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
                        names.push((*text).to_owned());
                    }
                    _ => {}
                }
            }
        }
        let mut issuer = None;
        for extension in parsed.extensions() {
            let value = extension.value;
            match extension.oid.to_id_string().as_str() {
                ISSUER => issuer = utf8_string(value).or(issuer),
                OLD_ISSUER => {
                    issuer = issuer.or_else(|| String::from_utf8(value.to_vec()).ok());
                }
                _ => {}
            }
        }
        Ok(Self {
            key,
            fingerprint: Digest::of(der),
            subject: parsed.subject().to_string(),
            names,
            issuer,
            not_before: moment(parsed.validity().not_before.timestamp()),
            not_after: moment(parsed.validity().not_after.timestamp()),
            der: der.to_vec(),
        })
    }

    /// Whom Fulcio says it gave the certificate to.
    pub(super) fn identity(&self) -> Result<Signer, NotVerified> {
        match (self.names.as_slice(), &self.issuer) {
            ([subject], Some(issuer)) => Ok(Signer::Identity {
                subject: subject.clone(),
                issuer: issuer.clone(),
            }),
            _ => Err(NotVerified::NotVouchedFor(
                "its certificate names no one identity and issuer".to_owned(),
            )),
        }
    }

    pub(super) fn subject(&self) -> String {
        self.subject.chars().take(512).collect()
    }

    /// Whether one of `roots` vouches for it at a time, to sign code.
    /// Fulcio's always say what they are for; others may not.
    pub(super) fn is_vouched_for(
        &self,
        intermediates: &[Vec<u8>],
        roots: &[Vec<u8>],
        at: Timestamp,
        must_say_so: bool,
    ) -> Result<(), NotVerified> {
        let usage = if must_say_so {
            KeyUsage::required(CODE_SIGNING)
        } else {
            KeyUsage::required_if_present(CODE_SIGNING)
        };
        self.is_vouched_for_to(usage, intermediates, roots, at)
    }

    /// The same, to sign timestamps.
    pub(super) fn may_stamp(
        &self,
        intermediates: &[Vec<u8>],
        root: &Vec<u8>,
        at: Timestamp,
    ) -> Result<(), NotVerified> {
        let usage = KeyUsage::required(TIME_STAMPING);
        self.is_vouched_for_to(usage, intermediates, std::slice::from_ref(root), at)
    }

    fn is_vouched_for_to(
        &self,
        usage: KeyUsage,
        intermediates: &[Vec<u8>],
        roots: &[Vec<u8>],
        at: Timestamp,
    ) -> Result<(), NotVerified> {
        let no = |reason: &str| NotVerified::NotVouchedFor(reason.to_owned());
        if !(self.not_before..=self.not_after).contains(&at) {
            return Err(NotVerified::OutOfTime {
                from: self.not_before,
                until: self.not_after,
                at,
            });
        }
        // A certificate that is trusted itself needs nobody to vouch.
        if roots.contains(&self.der) {
            return Ok(());
        }
        let ders = |list: &[Vec<u8>]| -> Vec<CertificateDer<'static>> {
            let all = list.iter().take(MOST_CERTIFICATES);
            all.map(|der| CertificateDer::from(der.clone())).collect()
        };
        let (roots, intermediates) = (ders(roots), ders(intermediates));
        let anchors: Vec<_> = roots
            .iter()
            .filter_map(|root| anchor_from_trusted_cert(root).ok())
            .collect();
        let own = CertificateDer::from(self.der.as_slice());
        let leaf = EndEntityCert::try_from(&own)
            .map_err(|error| NotVerified::Malformed(format!("a certificate: {error}")))?;
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &intermediates,
            time,
            usage,
            None,
            None,
        )
        .map(|_path| ())
        .map_err(|error| no(&error.to_string()))
    }
}

/// Years before 1 or after 9999 are as good as never.
fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// The text in a DER `UTF8String` of fewer than 128 bytes, or of more.
fn utf8_string(der: &[u8]) -> Option<String> {
    let (&[tag, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => {
            let (bytes, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*bytes)), rest)
        }
        _ => return None,
    };
    let text = (tag == 0x0c && rest.len() == length).then(|| rest.to_vec())?;
    String::from_utf8(text).ok()
}

/// Every certificate of a PEM text, as DER.
pub(super) fn of_pem(text: &str) -> Vec<Vec<u8>> {
    Pem::iter_from_buffer(text.as_bytes())
        .filter_map(Result::ok)
        .filter(|block| block.label == "CERTIFICATE")
        .take(MOST_CERTIFICATES)
        .map(|block| block.contents)
        .collect()
}
