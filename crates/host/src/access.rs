//! How an engine is reached: its address, whom to trust there, and what
//! we prove ourselves by.

use std::{sync::Arc, time::Duration};

use fetch::{Client, FetchError, Settings, Trust, Url};
use jiff::Timestamp;
use policy::facts::CertificateFacts;
use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{Address, certificate};

/// Bytes of a file with certificates; a bundle of a few is ten thousand.
const LARGEST_PEM: usize = 256 * 1024;
/// Certificates in one file.
const MOST_CERTIFICATES: usize = 20;

/// Certificates and a key that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error("use {what}: larger than {LARGEST_PEM} bytes, which no certificate is")]
    TooLarge { what: &'static str },
    #[error("use {what}: there is no {expected} in it (expected PEM, '-----BEGIN …')")]
    Empty {
        what: &'static str,
        expected: &'static str,
    },
    #[error("use {what}: {reason}")]
    Malformed { what: &'static str, reason: String },
    #[error("use the key: it is not the key of the certificate {subject}")]
    OtherKey { subject: String },
    #[error("use the certificate without its key, or the key without its certificate")]
    Half,
}

/// Whom to trust, and what we prove ourselves by. Not printed.
#[derive(Clone)]
pub struct Credentials {
    trust: Trust,
    roots: Arc<RootCertStore>,
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, Arc<PrivateKeyDer<'static>>)>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

fn certificates(
    what: &'static str,
    pem: &str,
) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    if pem.len() > LARGEST_PEM {
        return Err(CredentialsError::TooLarge { what });
    }
    let mut certificates = Vec::new();
    for item in CertificateDer::pem_slice_iter(pem.as_bytes()).take(MOST_CERTIFICATES) {
        certificates.push(item.map_err(|error| CredentialsError::Malformed {
            what,
            reason: error.to_string(),
        })?);
    }
    if certificates.is_empty() {
        return Err(CredentialsError::Empty {
            what,
            expected: "certificate",
        });
    }
    Ok(certificates)
}

impl Credentials {
    /// Reads them, PEM all: the authority that the host's certificate is
    /// from, our certificate and its key. Without the latter two the
    /// host is trusted, and we are nobody.
    pub fn new(
        authority: &str,
        certificate: Option<&str>,
        key: Option<&str>,
    ) -> Result<Self, CredentialsError> {
        const CA: &str = "the authority's certificate";
        let authorities = certificates(CA, authority)?;
        let mut roots = RootCertStore::empty();
        for root in &authorities {
            roots
                .add(root.clone())
                .map_err(|error| CredentialsError::Malformed {
                    what: CA,
                    reason: error.to_string(),
                })?;
        }
        let (identity, pem) = match (certificate, key) {
            (None, None) => (None, None),
            (Some(certificate), Some(key)) => {
                let chain = certificates("the certificate", certificate)?;
                if key.len() > LARGEST_PEM {
                    return Err(CredentialsError::TooLarge { what: "the key" });
                }
                let der = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| {
                    // The error names no byte of the key.
                    tracing::debug!(%error, "a key cannot be read");
                    CredentialsError::Empty {
                        what: "the key",
                        expected: "private key without a passphrase",
                    }
                })?;
                let pem = (certificate.to_owned(), key.to_owned());
                (Some((chain, Arc::new(der))), Some(pem))
            }
            _ => return Err(CredentialsError::Half),
        };
        let credentials = Self {
            trust: Trust {
                roots: authority.to_owned(),
                identity: pem,
            },
            roots: Arc::new(roots),
            authorities,
            identity,
        };
        let verifier = credentials
            .verifier()
            .map_err(|reason| CredentialsError::Malformed { what: CA, reason })?;
        match credentials.config(verifier, true) {
            Ok(_) => Ok(credentials),
            Err(rustls::Error::InconsistentKeys(_)) => Err(CredentialsError::OtherKey {
                subject: credentials
                    .client()
                    .map(|facts| facts.subject)
                    .unwrap_or_default(),
            }),
            Err(error) => Err(CredentialsError::Malformed {
                what: "the certificate and its key",
                reason: error.to_string(),
            }),
        }
    }

    pub fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// Our own certificate.
    pub fn client(&self) -> Option<CertificateFacts> {
        let (chain, _) = self.identity.as_ref()?;
        certificate::read("client", chain.first()?)
    }

    /// The authorities' certificates.
    pub fn authorities(&self) -> Vec<CertificateFacts> {
        self.authorities
            .iter()
            .filter_map(|der| certificate::read("authority", der))
            .collect()
    }

    pub(crate) fn provider() -> Arc<CryptoProvider> {
        Arc::new(ring::default_provider())
    }

    pub(crate) fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, String> {
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), Self::provider())
            .build()
            .map_err(|error| error.to_string())
    }

    /// A client that verifies by `verifier`, with our certificate or
    /// without.
    pub(crate) fn config(
        &self,
        verifier: Arc<dyn ServerCertVerifier>,
        with_identity: bool,
    ) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(Self::provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        match &self.identity {
            Some((chain, key)) if with_identity => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key())
            }
            _ => Ok(builder.with_no_client_auth()),
        }
    }
}

/// How an engine is reached.
#[derive(Clone, Debug)]
pub struct Access {
    pub address: Address,
    /// Without them a network address is spoken to without TLS.
    pub credentials: Option<Credentials>,
    /// The longest a connection, and the longest an answer, may take.
    pub patience: Duration,
}

/// An engine's API, to be asked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub client: Client,
    pub base: Url,
}

impl Access {
    /// With the usual patience: ten seconds.
    pub fn new(address: Address, credentials: Option<Credentials>) -> Self {
        Self {
            address,
            credentials,
            patience: Duration::from_secs(10),
        }
    }

    /// The address as people read it.
    pub fn name(&self) -> String {
        self.address.full(self.credentials.is_some())
    }

    /// When our own certificate begins and ends to hold, if it does not
    /// hold as of `now`.
    pub(crate) fn own_fault(&self, now: Timestamp) -> Option<CertificateFacts> {
        let own = self.credentials.as_ref()?.client()?;
        (own.not_after <= now || own.not_before > now).then_some(own)
    }

    /// For questions with short answers: each is over within three times
    /// the patience.
    pub fn endpoint(&self) -> Result<Endpoint, FetchError> {
        self.with(&Settings {
            connect_timeout: self.patience,
            idle_timeout: self.patience,
            total_timeout: Some(self.patience * 3),
            retries: 1,
            ..Settings::default()
        })
    }

    /// For long answers: an image, or news. Only silence is bounded.
    pub fn stream(&self, silence: Duration) -> Result<Endpoint, FetchError> {
        self.with(&Settings {
            connect_timeout: self.patience,
            idle_timeout: silence,
            retries: 0,
            ..Settings::default()
        })
    }

    fn with(&self, settings: &Settings) -> Result<Endpoint, FetchError> {
        let settings = Settings {
            // Hosts are reached as they are given.
            proxy_from_environment: false,
            ..settings.clone()
        };
        let (scheme, authority) = match &self.address {
            Address::Socket(_) => ("http", "docker".to_owned()),
            Address::Network { host, .. } => {
                let scheme = if self.credentials.is_some() {
                    "https"
                } else {
                    "http"
                };
                let port = self.address.port(self.credentials.is_some());
                let authority = if host.contains(':') {
                    format!("[{host}]:{port}")
                } else {
                    format!("{host}:{port}")
                };
                (scheme, authority)
            }
        };
        let base: Url = format!("{scheme}://{authority}/").parse().map_err(
            |error: <Url as std::str::FromStr>::Err| FetchError::Protocol {
                url: self.name(),
                reason: error.to_string(),
            },
        )?;
        let client = match (&self.address, &self.credentials) {
            (Address::Socket(path), _) => Client::unix_socket(path, &settings),
            (_, Some(credentials)) => Client::with_trust(&credentials.trust, &settings)?,
            (_, None) => Client::new(&settings)?,
        };
        Ok(Endpoint { client, base })
    }
}
