//! Which addresses may be connected to.
//!
//! Whoever may add a sink makes the server send requests of their
//! choosing. Addresses that only mean something to this machine or its
//! cloud (link-local, where machines get their credentials) are refused
//! always; loopback and private networks unless the sink says so. The
//! address that was judged is the one connected to, so a name cannot
//! change its meaning in between.

use std::net::{IpAddr, SocketAddr};

use fetch::{Reach, reach};
use tokio::net::TcpStream;

/// What one sink may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    pub allow_private: bool,
}

/// An address that is not connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "{host} is {address}, a link-local, metadata or otherwise special address, which no sink \
         may use"
    )]
    Special { host: String, address: IpAddr },
    #[error(
        "{host} is {address}, on this machine or a private network; the sink must say \
         'allow_private' to use it"
    )]
    Private { host: String, address: IpAddr },
}

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("resolve {host}: {source}")]
    Resolve {
        host: String,
        source: std::io::Error,
    },
    #[error("resolve {host}: no address")]
    NoAddress { host: String },
    #[error("connect to {host}:{port}: {source}")]
    Connect {
        host: String,
        port: u16,
        source: std::io::Error,
    },
}

impl Guard {
    /// Judges one address that `host` means.
    pub fn judge(self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let host = host.to_owned();
        match reach(address) {
            Reach::Special => Err(Refused::Special { host, address }),
            Reach::Private | Reach::Loopback if !self.allow_private => {
                Err(Refused::Private { host, address })
            }
            Reach::Private | Reach::Loopback | Reach::Public => Ok(()),
        }
    }

    /// Judges a host that is written as an address; names are judged
    /// once they are resolved.
    pub fn judge_literal(self, host: &str) -> Result<(), Refused> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => self.judge(host, address),
            Err(_name) => Ok(()),
        }
    }

    /// The addresses of `host` that may be used, at least one.
    pub async fn resolve(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, port))
            .await
            .map_err(|source| ConnectError::Resolve {
                host: host.to_owned(),
                source,
            })?;
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.judge(host, address.ip()) {
                Ok(()) => allowed.push(address),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(refusal)) => Err(refusal.into()),
            (true, None) => Err(ConnectError::NoAddress {
                host: host.to_owned(),
            }),
        }
    }

    /// Connects to the first address of `host` that answers.
    pub async fn connect(self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let mut last = None;
        for address in self.resolve(host, port).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(ConnectError::Connect {
            host: host.to_owned(),
            port,
            source: last.unwrap_or_else(|| std::io::Error::other("no address")),
        })
    }
}

/// Whether a host, written as a name or an address, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_name) => bare.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(allow_private: bool, address: &str) -> &'static str {
        match (Guard { allow_private }).judge("host", address.parse().unwrap()) {
            Ok(()) => "ok",
            Err(Refused::Special { .. }) => "special",
            Err(Refused::Private { .. }) => "private",
        }
    }

    #[test]
    fn metadata_addresses_are_refused_in_every_spelling() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(judge(true, address), "special", "{address}");
        }
    }

    #[test]
    fn private_networks_must_be_asked_for() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd12:3456::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert_eq!(judge(false, address), "private", "{address}");
            assert_eq!(judge(true, address), "ok", "{address}");
        }
    }

    #[test]
    fn public_addresses_are_used() {
        for address in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "100.128.0.1"] {
            assert_eq!(judge(false, address), "ok", "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let guard = Guard {
            allow_private: false,
        };
        let refusal = guard.resolve("localhost", 80).await.unwrap_err();
        assert!(matches!(refusal, ConnectError::Refused(_)), "{refusal}");
        assert!(guard.judge_literal("[::1]").is_err());
        assert!(guard.judge_literal("hooks.example.com").is_ok());
    }
}
