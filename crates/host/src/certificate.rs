//! What a certificate says of itself (RFC 5280), without judging it.
//!
//! Nothing here is believed: whether a certificate is from whom it says
//! is verified in the handshake.

use jiff::Timestamp;
use policy::facts::CertificateFacts;
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _,
    public_key::PublicKey,
};

/// A name longer than this is cut.
const LONGEST_NAME: usize = 200;
/// Names of hosts that are named in a message.
const NAMED: usize = 5;

/// `None`: it is not a certificate.
pub(crate) fn read(of: &str, der: &[u8]) -> Option<CertificateFacts> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let time = |seconds: i64| Timestamp::from_second(seconds).ok();
    let validity = certificate.validity();
    let (key, bits) = key(&certificate);
    Some(CertificateFacts {
        of: of.to_owned(),
        subject: cut(&certificate.subject().to_string()),
        not_before: time(validity.not_before.timestamp())?,
        not_after: time(validity.not_after.timestamp())?,
        key,
        bits,
        hash: hash(&certificate.signature_algorithm.algorithm.to_id_string()),
    })
}

/// Whom it says it is from.
pub(crate) fn issuer(der: &[u8]) -> String {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| cut(&certificate.issuer().to_string()))
        .unwrap_or_default()
}

/// The hosts it is for, the first few.
pub(crate) fn names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    alternative
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(cut(name)),
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes)
                    .ok()
                    .map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
                16 => <[u8; 16]>::try_from(*bytes)
                    .ok()
                    .map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
                _ => None,
            },
            _ => None,
        })
        .take(NAMED)
        .collect()
}

fn cut(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_NAME)
        .collect()
}

fn key(certificate: &X509Certificate<'_>) -> (String, Option<u32>) {
    let info = certificate.public_key();
    let bits = |bits: usize| u32::try_from(bits).ok();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => ("RSA".to_owned(), bits(key.key_size())),
        Ok(PublicKey::EC(point)) => ("EC".to_owned(), bits(point.key_size())),
        Ok(PublicKey::DSA(_)) => ("DSA".to_owned(), None),
        _ => match info.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => ("Ed25519".to_owned(), Some(256)),
            "1.3.101.113" => ("Ed448".to_owned(), Some(456)),
            other => (cut(other), None),
        },
    }
}

/// The hash of a signature's algorithm, where it names one.
fn hash(algorithm: &str) -> Option<String> {
    let hash = match algorithm {
        "1.2.840.113549.1.1.2" => "MD2",
        "1.2.840.113549.1.1.4" => "MD5",
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" => "SHA-1",
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => "SHA-256",
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => "SHA-384",
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => "SHA-512",
        _ => return None,
    };
    Some(hash.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let mut parameters =
            rcgen::CertificateParams::new(vec!["build-1".to_owned(), "10.0.0.5".to_owned()])
                .unwrap();
        parameters.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let facts = read("server", certificate.der()).unwrap();
        assert_eq!(facts.not_after.to_string(), "2031-02-03T00:00:00Z");
        assert_eq!((facts.key.as_str(), facts.bits), ("EC", Some(256)));
        assert_eq!(facts.hash.as_deref(), Some("SHA-256"));
        assert_eq!(names(certificate.der()), ["build-1", "10.0.0.5"]);
        assert_eq!(read("server", b"\x30\x03abc"), None);
        assert!(names(b"").is_empty() && issuer(b"x").is_empty());
    }
}
