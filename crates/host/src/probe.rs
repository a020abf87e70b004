//! Trying the connection, and saying exactly what is wrong with it.
//!
//! Two connections at most tell most of it: one as we would come, and
//! one without our certificate, which a daemon that verifies its clients
//! must refuse. What was seen of the certificates is kept also where the
//! connection fails.

use std::{
    io::{ErrorKind, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use policy::facts::{CertificateFacts, TlsFacts};
use rustls::{
    AlertDescription, CertificateError, ClientConnection, DigitallySignedStruct, ProtocolVersion,
    SignatureScheme, StreamOwned,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    Access, Address, ConnectError, Credentials, certificate,
    http::{self, Answer},
    old_tls,
};

/// How long a server has to refuse a certificate before it is asked.
const TO_REFUSE: Duration = Duration::from_millis(300);
/// How long a look at another port may take.
const GLANCE: Duration = Duration::from_secs(2);
/// Certificates of a chain that are looked at.
const CHAIN: usize = 8;
const TLS_PORT: u16 = 2376;
const PLAIN_PORT: u16 = 2375;

/// What trying a connection showed.
#[derive(Debug, Default)]
pub struct Probed {
    pub tls: Option<TlsFacts>,
    /// Addresses that answer without TLS.
    pub plain: Vec<String>,
    /// Addresses that answer over TLS whoever asks.
    pub unverified: Vec<String>,
    /// Why the engine is not reached, if it is not.
    pub error: Option<ConnectError>,
}

/// Tries to reach an engine, as of `now`.
pub fn probe(access: &Access, now: Timestamp) -> Probed {
    let mut probed = Probed::default();
    match (&access.address, &access.credentials) {
        (Address::Socket(path), _) => {
            probed.error = socket(path, access.patience, &access.name()).err();
        }
        (Address::Network { host, .. }, None) => {
            let connection = Connection::to(access, host, false);
            match connection.and_then(|connection| connection.plain()) {
                Ok(()) => probed.plain.push(access.name()),
                Err(error) => probed.error = Some(error),
            }
        }
        (Address::Network { host, .. }, Some(credentials)) => {
            let connection = match Connection::to(access, host, true) {
                Ok(connection) => connection,
                Err(error) => {
                    probed.error = Some(error);
                    return probed;
                }
            };
            let seen = connection.over_tls(credentials, true);
            let mut tls = TlsFacts {
                version: seen.version,
                old_versions: None,
                certificates: seen.certificates,
            };
            let was_tls = !tls.certificates.is_empty();
            tls.certificates.extend(credentials.authorities());
            tls.certificates.extend(credentials.client());
            probed.error = seen.error;
            if let Some(own) = access.own_fault(now)
                && matches!(
                    probed.error,
                    Some(ConnectError::ClientRefused { .. } | ConnectError::ClientWanted { .. })
                )
            {
                probed.error = Some(connection.own(own, now));
            }
            if was_tls {
                tls.old_versions =
                    old_tls::versions(connection.address, host, access.patience.min(GLANCE));
                let is_open = match &probed.error {
                    None if !credentials.has_identity() => true,
                    None => connection.over_tls(credentials, false).error.is_none(),
                    Some(_) => false,
                };
                if is_open {
                    probed.unverified.push(access.name());
                }
                probed.tls = Some(tls);
            }
            if access.address.port(true) == TLS_PORT
                && let Some(address) = connection.without_tls(host)
            {
                probed.plain.push(address);
            }
        }
    }
    probed
}

fn socket(path: &Path, patience: Duration, name: &str) -> Result<(), ConnectError> {
    let refuse = |source: std::io::Error| ConnectError::Socket {
        path: path.to_owned(),
        source,
    };
    let mut stream = UnixStream::connect(path).map_err(refuse)?;
    stream.set_read_timeout(Some(patience)).map_err(refuse)?;
    stream.set_write_timeout(Some(patience)).map_err(refuse)?;
    match http::ask(&mut stream, Instant::now() + patience) {
        Ok(Answer::Docker) => Ok(()),
        Ok(Answer::WantsTls) => Err(ConnectError::WantsTls {
            address: name.to_owned(),
        }),
        Ok(Answer::Other(answer)) => Err(ConnectError::NotDocker {
            address: name.to_owned(),
            answer,
        }),
        Err(error) if is_timeout(&error) => Err(ConnectError::Timeout {
            address: name.to_owned(),
            seconds: patience.as_secs(),
        }),
        Err(source) => Err(refuse(source)),
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// A host whose address is known.
struct Connection<'access> {
    name: String,
    host: &'access str,
    address: SocketAddr,
    patience: Duration,
}

/// What a handshake showed.
#[derive(Default)]
struct Seen {
    version: Option<String>,
    certificates: Vec<CertificateFacts>,
    error: Option<ConnectError>,
}

impl<'access> Connection<'access> {
    fn to(access: &Access, host: &'access str, tls: bool) -> Result<Self, ConnectError> {
        let no_such_host = |source| ConnectError::NoSuchHost {
            host: host.to_owned(),
            source,
        };
        let mut addresses = (host, access.address.port(tls))
            .to_socket_addrs()
            .map_err(no_such_host)?;
        let address = addresses
            .next()
            .ok_or_else(|| no_such_host(std::io::Error::other("the name has no address")))?;
        Ok(Self {
            name: access.name(),
            host,
            address,
            patience: access.patience,
        })
    }

    fn stream(&self, patience: Duration) -> Result<TcpStream, ConnectError> {
        let refuse = |source: std::io::Error| {
            if is_timeout(&source) {
                self.timeout()
            } else {
                ConnectError::Connect {
                    address: self.name.clone(),
                    source,
                }
            }
        };
        let stream = TcpStream::connect_timeout(&self.address, patience).map_err(refuse)?;
        stream.set_read_timeout(Some(patience)).map_err(refuse)?;
        stream.set_write_timeout(Some(patience)).map_err(refuse)?;
        Ok(stream)
    }

    fn timeout(&self) -> ConnectError {
        ConnectError::Timeout {
            address: self.name.clone(),
            seconds: self.patience.as_secs(),
        }
    }

    fn plain(&self) -> Result<(), ConnectError> {
        let mut stream = self.stream(self.patience)?;
        match http::ask(&mut stream, Instant::now() + self.patience) {
            Ok(Answer::Docker) => Ok(()),
            Ok(Answer::WantsTls) => Err(ConnectError::WantsTls {
                address: self.name.clone(),
            }),
            Ok(Answer::Other(answer)) => Err(ConnectError::NotDocker {
                address: self.name.clone(),
                answer,
            }),
            Err(error) if is_timeout(&error) => Err(self.timeout()),
            Err(source) => Err(ConnectError::Connect {
                address: self.name.clone(),
                source,
            }),
        }
    }

    /// The same host on Docker's port without TLS, if Docker answers
    /// there.
    fn without_tls(&self, host: &str) -> Option<String> {
        let beside = Connection {
            name: Address::Network {
                host: host.to_owned(),
                port: Some(PLAIN_PORT),
            }
            .to_string(),
            host: self.host,
            address: SocketAddr::new(self.address.ip(), PLAIN_PORT),
            patience: self.patience.min(GLANCE),
        };
        beside.plain().ok()?;
        Some(beside.name)
    }

    fn over_tls(&self, credentials: &Credentials, with_identity: bool) -> Seen {
        let mut seen = Seen::default();
        seen.error = self.handshake(credentials, with_identity, &mut seen).err();
        seen
    }

    fn handshake(
        &self,
        credentials: &Credentials,
        with_identity: bool,
        seen: &mut Seen,
    ) -> Result<(), ConnectError> {
        let until = Instant::now() + self.patience * 2;
        let fault = |reason: String| ConnectError::Tls {
            address: self.name.clone(),
            reason,
        };
        let watcher = Arc::new(Watcher {
            inner: credentials.verifier().map_err(fault)?,
            chain: Mutex::default(),
        });
        let config = credentials
            .config(
                Arc::clone(&watcher) as Arc<dyn ServerCertVerifier>,
                with_identity,
            )
            .map_err(|error| fault(error.to_string()))?;
        let name =
            ServerName::try_from(self.host.to_owned()).map_err(|error| fault(error.to_string()))?;
        let mut session = ClientConnection::new(Arc::new(config), name)
            .map_err(|error| fault(error.to_string()))?;
        let mut socket = self.stream(self.patience)?;
        let sent_identity = with_identity && credentials.has_identity();
        let shaken = shake(&mut session, &mut socket, until);
        let chain = watcher.chain();
        seen.certificates = chain
            .iter()
            .take(CHAIN)
            .filter_map(|der| certificate::read("server", der))
            .collect();
        seen.version = session.protocol_version().map(version);
        if let Err(error) = shaken {
            return Err(self.explain(&error, &chain, sent_identity));
        }
        // In TLS 1.3 a certificate of ours is refused only now, and what
        // we sent meanwhile would make that word be lost.
        if let Err(error) = listen(&mut session, &mut socket, self.patience) {
            return Err(self.explain(&error, &chain, sent_identity));
        }
        let mut stream = StreamOwned::new(session, socket);
        match http::ask(&mut stream, until) {
            Ok(Answer::Docker) => {
                stream.conn.send_close_notify();
                if stream.flush().is_err() {
                    tracing::debug!("the engine hung up first");
                }
                Ok(())
            }
            Ok(Answer::WantsTls) => Err(ConnectError::NotDocker {
                address: self.name.clone(),
                answer: "there is TLS within TLS".to_owned(),
            }),
            Ok(Answer::Other(answer)) => Err(ConnectError::NotDocker {
                address: self.name.clone(),
                answer,
            }),
            Err(error) => Err(self.explain(&error, &chain, sent_identity)),
        }
    }

    /// What a fault of the handshake means.
    fn explain(
        &self,
        error: &std::io::Error,
        chain: &[Vec<u8>],
        sent_identity: bool,
    ) -> ConnectError {
        let address = self.name.clone();
        if is_timeout(error) {
            return self.timeout();
        }
        let Some(tls) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        else {
            return ConnectError::Tls {
                address,
                reason: match error.kind() {
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
                        "it hung up during the handshake".to_owned()
                    }
                    _ => error.to_string(),
                },
            };
        };
        match tls {
            rustls::Error::InvalidCertificate(fault) => self.distrust(fault, chain),
            rustls::Error::AlertReceived(alert) => {
                let is_about_us = matches!(
                    alert,
                    AlertDescription::CertificateRequired
                        | AlertDescription::BadCertificate
                        | AlertDescription::UnsupportedCertificate
                        | AlertDescription::CertificateRevoked
                        | AlertDescription::CertificateExpired
                        | AlertDescription::CertificateUnknown
                        | AlertDescription::UnknownCA
                        | AlertDescription::AccessDenied
                        | AlertDescription::NoCertificate
                );
                match (is_about_us, sent_identity) {
                    (true, true) => ConnectError::ClientRefused {
                        address,
                        reason: refusal(*alert),
                    },
                    (true, false) => ConnectError::ClientWanted { address },
                    (false, _) => ConnectError::Tls {
                        address,
                        reason: format!("it ended the handshake with {alert:?}"),
                    },
                }
            }
            rustls::Error::InvalidMessage(_) => ConnectError::NotTls { address },
            other => ConnectError::Tls {
                address,
                reason: other.to_string(),
            },
        }
    }

    /// Why its certificate is not trusted.
    fn distrust(&self, fault: &CertificateError, chain: &[Vec<u8>]) -> ConnectError {
        let address = self.name.clone();
        let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
        let facts = certificate::read("server", leaf);
        let subject = facts
            .as_ref()
            .map(|facts| facts.subject.clone())
            .unwrap_or_default();
        match fault {
            // An authority of the same name with another key signs badly.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                ConnectError::WrongAuthority {
                    address,
                    subject,
                    issuer: certificate::issuer(leaf),
                }
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ConnectError::ServerExpired {
                    address,
                    subject,
                    ended: facts.map(|facts| facts.not_after).unwrap_or_default(),
                }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                ConnectError::ServerEarly {
                    address,
                    subject,
                    begins: facts.map(|facts| facts.not_before).unwrap_or_default(),
                }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                ConnectError::WrongHost {
                    address,
                    for_hosts: certificate::names(leaf),
                }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                ConnectError::Untrusted {
                    address,
                    reason: "its certificate is not for servers (extendedKeyUsage)".to_owned(),
                }
            }
            other => ConnectError::Untrusted {
                address,
                reason: format!("its certificate cannot be used: {other}"),
            },
        }
    }

    fn own(&self, own: CertificateFacts, now: Timestamp) -> ConnectError {
        let address = self.name.clone();
        if own.not_after <= now {
            ConnectError::ClientExpired {
                address,
                subject: own.subject,
                ended: own.not_after,
            }
        } else {
            ConnectError::ClientEarly {
                address,
                subject: own.subject,
                begins: own.not_before,
            }
        }
    }
}

fn shake(
    session: &mut ClientConnection,
    socket: &mut TcpStream,
    until: Instant,
) -> std::io::Result<()> {
    while session.is_handshaking() {
        if Instant::now() >= until {
            return Err(ErrorKind::TimedOut.into());
        }
        session.complete_io(socket)?;
    }
    // The last message of ours.
    while session.wants_write() {
        session.write_tls(socket)?;
    }
    Ok(())
}

/// Hears whether the server has something to say before it is asked.
fn listen(
    session: &mut ClientConnection,
    socket: &mut TcpStream,
    patience: Duration,
) -> std::io::Result<()> {
    socket.set_read_timeout(Some(TO_REFUSE.min(patience)))?;
    let heard = match session.read_tls(socket) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => session
            .process_new_packets()
            .map(drop)
            .map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error)),
        Err(error) if is_timeout(&error) => Ok(()),
        Err(error) => Err(error),
    };
    socket.set_read_timeout(Some(patience))?;
    heard
}

fn version(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

fn refusal(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "it is from an authority it does not know".to_owned(),
        AlertDescription::CertificateExpired => "it says that it has expired".to_owned(),
        AlertDescription::CertificateRevoked => "it was revoked".to_owned(),
        AlertDescription::UnsupportedCertificate => "it is not of a sort it takes".to_owned(),
        AlertDescription::BadCertificate => {
            "bad certificate: not from its authority, or not for clients".to_owned()
        }
        other => format!("{other:?}"),
    }
}

/// Verifies as usual and keeps what it was shown.
#[derive(Debug)]
struct Watcher {
    inner: Arc<WebPkiServerVerifier>,
    chain: Mutex<Vec<Vec<u8>>>,
}

impl Watcher {
    fn chain(&self) -> Vec<Vec<u8>> {
        self.chain
            .lock()
            .map(|chain| chain.clone())
            .unwrap_or_default()
    }
}

impl ServerCertVerifier for Watcher {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut chain) = self.chain.lock() {
            chain.clear();
            chain.push(end_entity.to_vec());
            chain.extend(intermediates.iter().take(CHAIN).map(|der| der.to_vec()));
        }
        self.inner
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
