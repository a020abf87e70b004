//! The certificate: the operator's, or one of our own making.
//!
//! It is read again when its files change or on `SIGHUP`; connections
//! made afterwards see the new one. A new one that cannot be used leaves
//! the old one in place and says so in the log.

use std::{
    fs,
    io::{self, Write as _},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::Digest as _;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{config::Config, secret};

/// How often the files' times are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Nothing larger is a certificate.
const MAX_FILE: u64 = 1 << 20;
/// Years a certificate of our own lasts.
const YEARS: i32 = 10;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("understand {}: {why}", path.display())]
    Parse { path: PathBuf, why: String },
    #[error("use the certificate {} with the key {}", certificate.display(), key.display())]
    Mismatch {
        certificate: PathBuf,
        key: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("make a certificate")]
    Make(#[source] rcgen::Error),
    #[error("set TLS up")]
    SetUp(#[source] rustls::Error),
}

/// The certificate in use, and where it comes from.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: Files,
    current: RwLock<Arc<CertifiedKey>>,
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

impl Certificate {
    /// The operator's certificate, else our own, made if it is not there
    /// yet.
    pub(crate) fn open(config: &Config, host: &str, now: Timestamp) -> Result<Self, TlsError> {
        let files = if config.has_own_certificate() {
            Files {
                certificate: config.tls.certificate.clone(),
                key: config.tls.key.clone(),
            }
        } else {
            let folder = config.data_dir.join("tls");
            let files = Files {
                certificate: folder.join("certificate.pem"),
                key: folder.join("key.pem"),
            };
            if !files.certificate.exists() || !files.key.exists() {
                make(&folder, &files, &names(config, host), now)?;
            }
            files
        };
        let current = RwLock::new(Arc::new(files.load()?));
        Ok(Self { files, current })
    }

    fn get(&self) -> Arc<CertifiedKey> {
        let current = self.current.read();
        Arc::clone(&current.expect("invariant: no panic under the lock"))
    }

    /// SHA-256 of the certificate, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
        let current = self.get();
        let bytes = current.cert.first().map_or(&[][..], |first| first.as_ref());
        secret::hex(&sha2::Sha256::digest(bytes))
            .to_uppercase()
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).into_owned())
            .collect::<Vec<_>>()
            .join(":")
    }

    /// Reads the files again.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(self.files.load()?);
        let mut current = self
            .current
            .write()
            .expect("invariant: no panic under the lock");
        *current = fresh;
        Ok(())
    }

    pub(crate) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::SetUp)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Files {
    fn load(&self) -> Result<CertifiedKey, TlsError> {
        let parse = |path: &Path, why: String| TlsError::Parse {
            path: path.to_owned(),
            why,
        };
        let text = read(&self.certificate)?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|error| parse(&self.certificate, error.to_string()))?;
        if chain.is_empty() {
            let why = "no certificate is in it (expected PEM)".to_owned();
            return Err(parse(&self.certificate, why));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|error| parse(&self.key, error.to_string()))?;
        CertifiedKey::from_der(chain, key, &provider()).map_err(|source| TlsError::Mismatch {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            source,
        })
    }

    /// What tells one state of the files from another.
    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes))
        .map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(bytes)
}

/// What our own certificate is for.
fn names(config: &Config, host: &str) -> Vec<String> {
    let mut names = config.tls.names.clone();
    let address = config.listen.ip();
    if !address.is_unspecified() {
        names.push(address.to_string());
    }
    if let Some(name) = config
        .public_origin()
        .and_then(|origin| origin.host_str().map(str::to_owned))
    {
        names.push(name);
    }
    names.extend([host.to_owned(), "localhost".to_owned()]);
    // Names no certificate can hold are left out.
    names.retain(|name| {
        name.parse::<IpAddr>().is_ok()
            || (!name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)))
    });
    names.sort();
    names.dedup();
    names
}

fn make(folder: &Path, files: &Files, names: &[String], now: Timestamp) -> Result<(), TlsError> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let mut parameters = rcgen::CertificateParams::new(names.to_vec()).map_err(TlsError::Make)?;
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(rcgen::DnType::CommonName, "Seawall");
    parameters.distinguished_name = subject;
    // From the year before: clocks of other machines may be behind.
    let year = i32::from(now.to_zoned(jiff::tz::TimeZone::UTC).year());
    parameters.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year + YEARS, 1, 1);
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate().map_err(TlsError::Make)?;
    let certificate = parameters.self_signed(&key).map_err(TlsError::Make)?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Write { path, source }
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed(folder))?;
    for (path, text) in [
        (&files.key, key.serialize_pem()),
        (&files.certificate, certificate.pem()),
    ] {
        fs::remove_file(path)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .map_err(failed(path))?;
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(failed(path))?;
    }
    Ok(())
}

/// Follows the files and `SIGHUP` until told to stop.
pub(crate) async fn follow(certificate: Arc<Certificate>, shutdown: CancellationToken) {
    let mut hangups = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok();
    let mut ticks = tokio::time::interval(LOOK);
    let mut seen = certificate.files.stamp();
    loop {
        let asked = tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => false,
            () = hangup(&mut hangups) => true,
        };
        let now = certificate.files.stamp();
        if !asked && now == seen {
            continue;
        }
        // A certificate and a key are two files: between the two writes
        // they do not fit, and the next look sees them both.
        match certificate.reload() {
            Ok(()) => {
                seen = now;
                tracing::info!(
                    tls.fingerprint = %certificate.fingerprint(),
                    "the certificate was read again"
                );
            }
            Err(error) => {
                if now != seen || asked {
                    tracing::error!(
                        error = %model::error::chain(&error),
                        "the new certificate cannot be used; the one before stays"
                    );
                }
                seen = now;
            }
        }
    }
}

async fn hangup(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
