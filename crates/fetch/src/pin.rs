//! Trust in one certificate, told apart by its fingerprint: how a
//! server that signed its own is recognised.

use std::{
    net::{TcpStream, ToSocketAddrs as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::Digest;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use url::Url;

use crate::{FetchError, client::public_form};

/// A fingerprint as people copy it: 64 hexadecimal digits, with or
/// without colons, with or without `sha256:` in front.
pub fn parse_fingerprint(text: &str) -> Option<Digest> {
    let text = text.trim();
    let digits: String = text
        .strip_prefix("sha256:")
        .or_else(|| text.strip_prefix("SHA256:"))
        .unwrap_or(text)
        .chars()
        .filter(|letter| *letter != ':')
        .collect();
    format!("sha256:{}", digits.to_ascii_lowercase())
        .parse()
        .ok()
}

/// The certificate `url` shows, as PEM, if its SHA-256 is `fingerprint`.
/// For [`crate::Settings::ca_file`], from which it is trusted like an
/// authority for itself.
pub fn pinned_certificate(
    url: &Url,
    fingerprint: Digest,
    timeout: Duration,
) -> Result<String, FetchError> {
    let refuse = |reason: String| FetchError::Tls {
        url: public_form(url),
        reason,
    };
    let connect = |reason: String| FetchError::Connect {
        url: public_form(url),
        reason,
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| refuse(error.to_string()))?;
    let seen = Arc::new(Seen {
        expected: fingerprint,
        shown: Mutex::default(),
        provider: Arc::new(ring::default_provider()),
    });
    let config = ClientConfig::builder_with_provider(Arc::clone(&seen.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let mut tls =
        ClientConnection::new(Arc::new(config), name).map_err(|error| refuse(error.to_string()))?;
    let port = url.port_or_known_default().unwrap_or(443);
    let address = (host, port)
        .to_socket_addrs()
        .map_err(|error| connect(error.to_string()))?
        .next()
        .ok_or_else(|| connect("the name has no address".to_owned()))?;
    let mut socket = TcpStream::connect_timeout(&address, timeout)
        .map_err(|error| connect(error.to_string()))?;
    let timed = socket
        .set_read_timeout(Some(timeout))
        .and_then(|()| socket.set_write_timeout(Some(timeout)));
    timed.map_err(|error| connect(error.to_string()))?;
    while tls.is_handshaking() {
        if let Err(error) = tls.complete_io(&mut socket) {
            let shown = seen.shown();
            return Err(refuse(match shown {
                Some(shown) if Digest::of(&shown) != fingerprint => format!(
                    "it shows the certificate {}, not the one expected",
                    Digest::of(&shown)
                ),
                _ => error.to_string(),
            }));
        }
    }
    // Said goodbye to, servers do not log a torn connection.
    tls.send_close_notify();
    if tls.complete_io(&mut socket).is_err() {
        tracing::debug!("the server hung up first");
    }
    let der = seen
        .shown()
        .ok_or_else(|| refuse("it shows no certificate".to_owned()))?;
    Ok(pem(&der))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Accepts one certificate and no other, and keeps what it was shown.
#[derive(Debug)]
struct Seen {
    expected: Digest,
    shown: Mutex<Option<Vec<u8>>>,
    provider: Arc<CryptoProvider>,
}

impl Seen {
    fn shown(&self) -> Option<Vec<u8>> {
        self.shown.lock().ok()?.clone()
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut shown) = self.shown.lock() {
            *shown = Some(end_entity.to_vec());
        }
        if Digest::of(end_entity) == self.expected {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(
                "not the pinned certificate".to_owned(),
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_however_it_was_copied() {
        let digest = Digest::of(b"x");
        let hex = digest.hex();
        let colons: Vec<String> = hex
            .to_uppercase()
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).into_owned())
            .collect();
        for text in [hex.clone(), colons.join(":"), format!("sha256:{hex}")] {
            assert_eq!(parse_fingerprint(&text), Some(digest), "{text}");
        }
        assert_eq!(parse_fingerprint("ab:cd"), None);
    }
}
