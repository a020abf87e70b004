//! Why an engine is not reached, by what somebody has to mend.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::CredentialsError;

/// Why an engine was not reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("open {}", path.display())]
    Socket {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("find the host {host}")]
    NoSuchHost {
        host: String,
        #[source]
        source: std::io::Error,
    },
    #[error("connect to {address}")]
    Connect {
        address: String,
        #[source]
        source: std::io::Error,
    },
    #[error("get an answer from {address} within {seconds} s")]
    Timeout { address: String, seconds: u64 },
    /// Its certificate is from an authority that is not ours.
    #[error(
        "trust {address}: its certificate ({subject}) is from another authority than the one \
         given; it says it is from {issuer}"
    )]
    WrongAuthority {
        address: String,
        subject: String,
        issuer: String,
    },
    #[error(
        "trust {address}: its certificate ({subject}) expired on {}",
        day(ended)
    )]
    ServerExpired {
        address: String,
        subject: String,
        ended: Timestamp,
    },
    #[error(
        "trust {address}: its certificate ({subject}) does not hold before {}",
        day(begins)
    )]
    ServerEarly {
        address: String,
        subject: String,
        begins: Timestamp,
    },
    #[error(
        "trust {address}: its certificate is for another host: {}",
        names(for_hosts)
    )]
    WrongHost {
        address: String,
        for_hosts: Vec<String>,
    },
    #[error("trust {address}: {reason}")]
    Untrusted { address: String, reason: String },
    #[error(
        "prove ourselves to {address}: our certificate ({subject}) expired on {}",
        day(ended)
    )]
    ClientExpired {
        address: String,
        subject: String,
        ended: Timestamp,
    },
    #[error(
        "prove ourselves to {address}: our certificate ({subject}) does not hold before {}",
        day(begins)
    )]
    ClientEarly {
        address: String,
        subject: String,
        begins: Timestamp,
    },
    #[error("prove ourselves to {address}: it refused our certificate ({reason})")]
    ClientRefused { address: String, reason: String },
    #[error("prove ourselves to {address}: it wants a certificate of us and none was given")]
    ClientWanted { address: String },
    #[error("speak TLS with {address}: it answers without TLS")]
    NotTls { address: String },
    #[error("speak with {address} without TLS: it wants TLS")]
    WantsTls { address: String },
    #[error("speak TLS with {address}: {reason}")]
    Tls { address: String, reason: String },
    #[error("speak with Docker at {address}: {answer}")]
    NotDocker { address: String, answer: String },
    #[error("ask {address} for {what}: {answer}")]
    Refused {
        address: String,
        what: &'static str,
        answer: String,
    },
}

fn day(time: &Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        "it names none".to_owned()
    } else {
        names.join(", ")
    }
}

impl ConnectError {
    /// What is wrong, in a word that programs can rely on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credentials(_) => "credentials",
            Self::Socket { .. } => "socket",
            Self::NoSuchHost { .. } => "no_such_host",
            Self::Connect { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::WrongAuthority { .. } => "wrong_authority",
            Self::ServerExpired { .. } => "server_certificate_expired",
            Self::ServerEarly { .. } => "server_certificate_early",
            Self::WrongHost { .. } => "wrong_host",
            Self::Untrusted { .. } => "untrusted",
            Self::ClientExpired { .. } => "client_certificate_expired",
            Self::ClientEarly { .. } => "client_certificate_early",
            Self::ClientRefused { .. } => "client_certificate_refused",
            Self::ClientWanted { .. } => "client_certificate_wanted",
            Self::NotTls { .. } => "not_tls",
            Self::WantsTls { .. } => "wants_tls",
            Self::Tls { .. } => "tls",
            Self::NotDocker { .. } => "not_docker",
            Self::Refused { .. } => "refused",
        }
    }

    /// The whole story in one line.
    pub fn explain(&self) -> String {
        format!("failed to {}", model::error::chain(self))
    }

    /// What to do about it, in one sentence.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Credentials(_) => {
                "give the files as 'docker' takes them: ca.pem, cert.pem, key.pem"
            }
            Self::Socket { .. } => {
                "check that the engine runs and that this user may open its socket (root, or \
                 group docker)"
            }
            Self::NoSuchHost { .. } => "check the name, or give the address",
            Self::Connect { .. } => {
                "check that the daemon listens there (dockerd --host tcp://…:2376) and that no \
                 firewall is in between"
            }
            Self::Timeout { .. } => "check the address, the firewall, and whether the daemon hangs",
            Self::WrongAuthority { .. } => {
                "give the certificate of the authority that the daemon's own is from (its \
                 --tlscacert is for clients, and may be another)"
            }
            Self::ServerExpired { .. } => "issue the daemon's certificate anew and restart it",
            Self::ServerEarly { .. } => "check the clocks of both machines",
            Self::WrongHost { .. } => {
                "reach the host by a name that its certificate carries, or issue one that carries \
                 this name (subjectAltName)"
            }
            Self::Untrusted { .. } => "issue the daemon's certificate anew",
            Self::ClientExpired { .. } => "issue our certificate anew",
            Self::ClientEarly { .. } => "check the clock of this machine",
            Self::ClientRefused { .. } => {
                "give a certificate from the authority that the daemon's --tlscacert names, issued \
                 for clients (extendedKeyUsage = clientAuth)"
            }
            Self::ClientWanted { .. } => "give our certificate and its key, too",
            Self::NotTls { .. } => {
                "give the port that speaks TLS (2376); where there is none, this daemon is open to \
                 everybody: start it with --tlsverify"
            }
            Self::WantsTls { .. } => "give the authority, our certificate and its key",
            Self::Tls { .. } => "check that Docker listens there, and nothing else",
            Self::NotDocker { .. } => {
                "check the address and the port: another program answers there"
            }
            Self::Refused { .. } => "look into the daemon's log",
        }
    }
}
