//! Where an engine listens, as Docker's own programs write it.

use std::{fmt, path::PathBuf, str::FromStr};

/// Docker's ports: with TLS and without.
const TLS_PORT: u16 = 2376;
const PLAIN_PORT: u16 = 2375;
/// The longest name a host can have.
const LONGEST_NAME: usize = 253;

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A socket of this machine.
    Socket(PathBuf),
    /// A name or address, without brackets.
    Network { host: String, port: Option<u16> },
}

/// The text is no address of an engine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an engine's address: '{0}' (expected tcp://host:2376 or unix:///path)")]
pub struct ParseAddressError(String);

impl Address {
    /// The port, where the address leaves it open.
    pub fn port(&self, has_tls: bool) -> u16 {
        match self {
            Self::Network {
                port: Some(port), ..
            } => *port,
            _ if has_tls => TLS_PORT,
            _ => PLAIN_PORT,
        }
    }

    /// Whether it is a socket of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Socket(_))
    }

    /// The address with its port, as a daemon's options write it.
    pub fn full(&self, has_tls: bool) -> String {
        match self {
            Self::Socket(_) => self.to_string(),
            Self::Network { host, .. } => Self::Network {
                host: host.clone(),
                port: Some(self.port(has_tls)),
            }
            .to_string(),
        }
    }
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseAddressError(text.chars().take(80).collect());
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') && !path.contains('\0') {
                Ok(Self::Socket(path.into()))
            } else {
                Err(refuse())
            };
        }
        let rest = ["tcp://", "https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or_else(refuse)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(refuse)?;
                host.parse::<std::net::Ipv6Addr>()
                    .map_err(|_not| refuse())?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err(refuse()),
                }
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let is_name = !host.is_empty()
            && host.len() <= LONGEST_NAME
            && host.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':')
            });
        let port = port
            .map(|port| port.parse::<u16>().ok().filter(|port| *port > 0))
            .map_or(Ok(None), |port| port.map(Some).ok_or_else(refuse))?;
        if !is_name {
            return Err(refuse());
        }
        Ok(Self::Network {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Network { host, port } => {
                if host.contains(':') {
                    write!(f, "tcp://[{host}]")?;
                } else {
                    write!(f, "tcp://{host}")?;
                }
                match port {
                    Some(port) => write!(f, ":{port}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_docker_writes_them() {
        for (text, again, port) in [
            ("tcp://build-1:2376", "tcp://build-1:2376", 2376),
            ("tcp://10.0.0.5", "tcp://10.0.0.5", 2376),
            (
                "https://build-1.example.org/",
                "tcp://build-1.example.org",
                2376,
            ),
            ("tcp://[fd00::1]:2399", "tcp://[fd00::1]:2399", 2399),
            (
                "unix:///var/run/docker.sock",
                "unix:///var/run/docker.sock",
                2376,
            ),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), again);
            assert_eq!(address.port(true), port, "{text}");
            assert_eq!(again.parse(), Ok(address));
        }
        for text in [
            "",
            "build-1",
            "tcp://",
            "tcp://a:b",
            "tcp://a:0",
            "tcp://a:99999",
            "tcp://a/b",
            "tcp://me@host",
            "unix://docker.sock",
            "ssh://host",
            "tcp://[::1",
            "tcp://[x]:1",
            "tcp://a?b",
            "tcp://a b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
