//! What may be chosen about the client.

use std::{path::PathBuf, time::Duration};

/// How requests are made. The defaults suit registries and feeds alike.
#[derive(Clone, Debug)]
pub struct Settings {
    pub user_agent: String,
    /// Resolving, connecting and the TLS handshake, together.
    pub connect_timeout: Duration,
    /// The longest silence while waiting for or reading an answer.
    pub idle_timeout: Duration,
    /// How many times a request is sent again after a fault that may
    /// pass (see [`crate::Request::send`]).
    pub retries: u32,
    /// The longest single wait between two tries, also when the server
    /// asks for more.
    pub longest_wait: Duration,
    /// Further trusted certificates, PEM, beside the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Further trusted certificates, as PEM text.
    pub authorities: Option<String>,
    /// Which addresses are connected to, redirects included; without one
    /// all are.
    pub guard: Option<crate::Guard>,
    /// A host that may be where the guard does not allow.
    pub home: Option<crate::Home>,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`
    /// are heeded. A loopback address is never asked for by proxy.
    pub proxy_from_environment: bool,
    /// The longest a whole answer may take, body included; without it
    /// only silence is bounded.
    pub total_timeout: Option<Duration>,
}

/// Whom a client trusts instead of the machine's own authorities, and
/// what it proves itself by. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Trust {
    /// Certificates of authorities, PEM. Nobody else is trusted.
    pub roots: String,
    /// Our certificate and what leads to its authority, and its key;
    /// PEM both.
    pub identity: Option<(String, String)>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: concat!("seawall/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            retries: 4,
            longest_wait: Duration::from_secs(30),
            ca_file: None,
            authorities: None,
            guard: None,
            home: None,
            proxy_from_environment: true,
            total_timeout: None,
        }
    }
}
