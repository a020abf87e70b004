//! What can go wrong while fetching.

use std::path::PathBuf;

/// A request that brought no usable answer. An HTTP status is no error
/// here: the caller knows what a status means to it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("read the certificates in {}", path.display())]
    ReadCertificates {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("understand the certificates in {}: {reason}", path.display())]
    ParseCertificates { path: PathBuf, reason: String },
    #[error("reach {url}: {reason}")]
    Connect { url: String, reason: String },
    /// The guard does not let it be reached.
    #[error("reach {url}: {refused}")]
    Refused {
        url: String,
        refused: crate::Refused,
    },
    #[error("get an answer from {url} within {seconds} s")]
    Timeout { url: String, seconds: u64 },
    #[error("establish trust in {url}: {reason}")]
    Tls { url: String, reason: String },
    #[error("talk HTTP with {url}: {reason}")]
    Protocol { url: String, reason: String },
    #[error("follow the redirect from {url}: {reason}")]
    Redirect { url: String, reason: String },
    #[error("read the answer of {url}")]
    ReadBody {
        url: String,
        #[source]
        source: std::io::Error,
    },
    #[error("read the answer of {url}: larger than {limit} bytes")]
    TooLarge { url: String, limit: u64 },
    #[error("understand the answer of {url}")]
    ParseBody {
        url: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("finish fetching {url}: cancelled")]
    Cancelled { url: String },
}

impl FetchError {
    /// Whether trying again might help: the network's fault, not ours.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Timeout { .. } | Self::ReadBody { .. }
        )
    }

    pub(crate) fn of_transport(url: String, error: ureq::Error, idle_seconds: u64) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Timeout {
                url,
                seconds: idle_seconds,
            },
            ureq::Error::HostNotFound => Self::Connect {
                url,
                reason: "no such host".to_owned(),
            },
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Self::Timeout {
                    url,
                    seconds: idle_seconds,
                }
            }
            // rustls reports a bad certificate through the socket's error.
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Self::Tls {
                    url,
                    reason: error.to_string(),
                }
            }
            ureq::Error::Io(error) => Self::Connect {
                url,
                reason: error.to_string(),
            },
            error @ (ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_)) => {
                Self::Connect {
                    url,
                    reason: error.to_string(),
                }
            }
            error @ (ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::TlsRequired) => {
                Self::Tls {
                    url,
                    reason: error.to_string(),
                }
            }
            ureq::Error::Other(error) if error.is::<crate::Refused>() => {
                match error.downcast::<crate::Refused>() {
                    Ok(refused) => Self::Refused {
                        url,
                        refused: *refused,
                    },
                    Err(error) => Self::Protocol {
                        url,
                        reason: error.to_string(),
                    },
                }
            }
            error => Self::Protocol {
                url,
                reason: error.to_string(),
            },
        }
    }
}
