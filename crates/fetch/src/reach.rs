//! How far an address reaches, and which a client may connect to.
//!
//! Whoever chooses what is fetched, or answers with a redirect, makes
//! this program send requests of their choosing. Addresses that only
//! mean something to this machine or its cloud (link-local, where
//! machines get their credentials) are refused by every guard.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use ureq::{
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};
use url::{Host, Url};

/// How far away an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Public,
    /// A private network.
    Private,
    /// This machine.
    Loopback,
    /// Link-local, a cloud's metadata, and others nobody fetches from.
    Special,
}

/// Which addresses a client connects to, by whatever name or redirect it
/// comes to them. The address that was judged is the one connected to,
/// so a name cannot change its meaning in between; only what a proxy
/// makes of a name is the proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    pub allow_private: bool,
    pub allow_loopback: bool,
}

/// An address that is not connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} is {address}, {}",
    match reach {
        Reach::Special => "a link-local, metadata or otherwise special address, which is never used",
        Reach::Loopback => "this machine itself",
        Reach::Private | Reach::Public => "on a private network, which must be allowed first",
    }
)]
pub struct Refused {
    pub host: String,
    pub address: IpAddr,
    pub reach: Reach,
}

impl Guard {
    /// Judges one address that `host` means.
    pub fn judge(self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let reach = reach(address);
        let is_allowed = match reach {
            Reach::Public => true,
            Reach::Private => self.allow_private,
            Reach::Loopback => self.allow_loopback,
            Reach::Special => false,
        };
        if is_allowed {
            return Ok(());
        }
        Err(Refused {
            host: host.to_owned(),
            address,
            reach,
        })
    }
}

const NOT_KNOWN: u8 = 0;
const PRIVATE: u8 = 1;
const ELSEWHERE: u8 = 2;

/// A host that may be on a private network although a guard allows none:
/// it was asked for by its name. What it leads to may be there then as
/// well, but only while it never was anywhere else: a host on the
/// internet leads nobody into a network of theirs, nor does one whose
/// name means now this, now that. Clones share what was seen.
#[derive(Clone, Debug)]
pub struct Home {
    host: String,
    place: Arc<AtomicU8>,
}

impl Home {
    /// `host` without its port.
    pub fn of(host: &str) -> Self {
        Self {
            host: plain(host),
            place: Arc::new(AtomicU8::new(NOT_KNOWN)),
        }
    }

    /// The guard for connecting to `host`, which is at `addresses`.
    fn guard(
        &self,
        guard: Guard,
        host: &str,
        mut addresses: impl Iterator<Item = IpAddr>,
    ) -> Guard {
        let place = if plain(host) == self.host {
            let is_private = addresses.all(|address| reach(address) == Reach::Private);
            let here = if is_private { PRIVATE } else { ELSEWHERE };
            self.place.fetch_max(here, Ordering::Relaxed).max(here)
        } else {
            self.place.load(Ordering::Relaxed)
        };
        Guard {
            allow_private: guard.allow_private || place == PRIVATE,
            ..guard
        }
    }
}

/// A host as it is compared.
fn plain(host: &str) -> String {
    host.trim_matches(['[', ']']).to_lowercase()
}

/// Judges an address that is written as one; names are judged once they
/// are resolved.
pub(crate) fn judge_literal(guard: Guard, home: Option<&Home>, url: &Url) -> Result<(), Refused> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    let host = url.host_str().unwrap_or_default();
    let guard = home.map_or(guard, |home| {
        home.guard(guard, host, std::iter::once(address))
    });
    guard.judge(host, address)
}

/// Resolves names as always, and gives what the guard lets pass.
#[derive(Debug)]
pub(crate) struct GuardedResolver {
    pub(crate) inner: DefaultResolver,
    pub(crate) guard: Option<Guard>,
    pub(crate) home: Option<Home>,
    /// Who set a proxy up may have it anywhere.
    pub(crate) proxy: Option<String>,
}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or_default();
        let Some(guard) = self.guard else {
            return Ok(found);
        };
        if self.proxy.as_deref() == Some(host) {
            return Ok(found);
        }
        let guard = self.home.as_ref().map_or(guard, |home| {
            home.guard(guard, host, found.iter().map(std::net::SocketAddr::ip))
        });
        let mut allowed = self.empty();
        let mut refused = None;
        for address in &found {
            match guard.judge(host, address.ip()) {
                Ok(()) => allowed.push(*address),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match refused {
            Some(refusal) if allowed.is_empty() => Err(ureq::Error::Other(Box::new(refusal))),
            _ => Ok(allowed),
        }
    }
}

/// How far an address is from here.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => embedded(address).map_or_else(|| reach_v6(address), reach_v4),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, d] = address.octets();
    let is_metadata = matches!(
        [a, b, c, d],
        // Where Azure, Alibaba and Oracle put what AWS and others put
        // at a link-local address.
        [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192]
    );
    if is_metadata
        || a == 0
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
    {
        Reach::Special
    } else if address.is_loopback() {
        Reach::Loopback
    } else if address.is_private()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240
    {
        Reach::Private
    } else {
        Reach::Public
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let segments = address.segments();
    let is_metadata = segments == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        || segments == [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254];
    if is_metadata
        || address.is_unspecified()
        || address.is_multicast()
        || segments[0] & 0xffc0 == 0xfe80
    {
        Reach::Special
    } else if address.is_loopback() {
        Reach::Loopback
    } else if segments[0] & 0xfe00 == 0xfc00 || segments[0] & 0xffc0 == 0xfec0 {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// The IPv4 address inside a mapped, compatible, translated (NAT64) or
/// tunnelled (6to4) one: that is where the packets go.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    if address.is_unspecified() || address.is_loopback() {
        return None;
    }
    let mapped = segments[..5] == [0; 5] && (segments[5] == 0xffff || segments[5] == 0);
    let translated =
        segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] || segments[..3] == [0x64, 0xff9b, 1];
    if mapped || translated {
        Some(join(segments[6], segments[7]))
    } else if segments[0] == 0x2002 {
        Some(join(segments[1], segments[2]))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(guard: Guard, address: &str) -> Option<Reach> {
        let refused = guard.judge("host", address.parse().unwrap()).err()?;
        Some(refused.reach)
    }

    const OPEN: Guard = Guard {
        allow_private: true,
        allow_loopback: true,
    };
    const OUTWARD: Guard = Guard {
        allow_private: false,
        allow_loopback: false,
    };

    #[test]
    fn metadata_is_refused_by_every_guard_in_every_spelling() {
        for address in [
            "169.254.169.254",
            "168.63.129.16",
            "0.0.0.0",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(judge(OPEN, address), Some(Reach::Special), "{address}");
        }
    }

    #[test]
    fn this_machine_and_private_networks_are_told_apart() {
        for address in ["127.0.0.1", "::1", "::ffff:127.8.0.1"] {
            assert_eq!(judge(OUTWARD, address), Some(Reach::Loopback), "{address}");
            assert_eq!(judge(OPEN, address), None);
        }
        for address in ["10.1.2.3", "192.168.1.1", "100.64.0.1", "fd12:3456::1"] {
            assert_eq!(judge(OUTWARD, address), Some(Reach::Private), "{address}");
            assert_eq!(judge(OPEN, address), None);
        }
        assert_eq!(judge(OUTWARD, "1.1.1.1"), None);
    }

    #[test]
    fn an_address_written_in_numbers_of_any_kind_is_an_address() {
        for text in [
            "http://169.254.169.254/latest",
            "http://2852039166/latest",
            "http://0xa9fea9fe/",
            "http://[::ffff:a9fe:a9fe]/",
        ] {
            let url = text.parse().unwrap();
            assert!(judge_literal(OPEN, None, &url).is_err(), "{text}");
        }
    }

    #[test]
    fn a_home_on_a_private_network_leads_within_it_and_no_other_does() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let may = |home: &Home, host: &str, addresses: &[&str]| {
            let guard = home.guard(OUTWARD, host, addresses.iter().map(|text| at(text)));
            addresses
                .iter()
                .all(|address| guard.judge(host, at(address)).is_ok())
        };
        let home = Home::of("registry.corp");
        assert!(!may(&home, "store.corp", &["10.0.0.9"]), "nothing is known");
        assert!(may(&home, "Registry.corp", &["10.0.0.8"]));
        assert!(may(&home.clone(), "store.corp", &["10.0.0.9"]));
        assert!(!may(&home, "metadata", &["169.254.169.254"]));
        // Now it is on the internet, and stays out.
        assert!(may(&home, "registry.corp", &["8.8.8.8"]));
        assert!(!may(&home, "store.corp", &["10.0.0.9"]));
        assert!(!may(&home, "registry.corp", &["10.0.0.8"]));

        let outside = Home::of("registry.example");
        assert!(may(&outside, "registry.example", &["8.8.8.8"]));
        assert!(!may(&outside, "10.0.0.9", &["10.0.0.9"]));
        // Both at once is not at home.
        let both = Home::of("registry.example");
        assert!(!may(&both, "registry.example", &["10.0.0.9", "8.8.8.8"]));
        let url = Url::parse("http://10.0.0.9:5000/v2/").unwrap();
        assert!(judge_literal(OUTWARD, None, &url).is_err());
        assert!(judge_literal(OUTWARD, Some(&Home::of("10.0.0.9")), &url).is_ok());
    }
}
