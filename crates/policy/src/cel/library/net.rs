//! Addresses, networks and locators, read as Go reads them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Function, method, plain};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::{Key, Text, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    plain("ip", 1, ip),
    plain("isIP", 1, is_ip),
    plain("ip.isCanonical", 1, is_canonical),
    method("family", 0, 0, family),
    method("isUnspecified", 0, 0, is_unspecified),
    method("isLoopback", 0, 0, is_loopback),
    method("isLinkLocalMulticast", 0, 0, is_link_local_multicast),
    method("isLinkLocalUnicast", 0, 0, is_link_local_unicast),
    method("isGlobalUnicast", 0, 0, is_global_unicast),
    plain("cidr", 1, cidr),
    plain("isCIDR", 1, is_cidr),
    method("containsIP", 1, 1, contains_ip),
    method("containsCIDR", 1, 1, contains_cidr),
    method("ip", 0, 0, ip_of),
    method("masked", 0, 0, masked),
    method("prefixLength", 0, 0, prefix_length),
    plain("url", 1, url),
    plain("isURL", 1, is_url),
    method("getScheme", 0, 0, scheme),
    method("getHost", 0, 0, host),
    method("getHostname", 0, 0, hostname),
    method("getPort", 0, 0, port),
    method("getEscapedPath", 0, 0, escaped_path),
    method("getQuery", 0, 0, query),
];

/// An address with how many of its bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    length: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl Cidr {
    fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |why: &str| {
            Fault::Error(format!(
                "network address parse error during conversion from string: \
                 netip.ParsePrefix({text:?}): {why}"
            ))
        };
        let (address, length) = text.rsplit_once('/').ok_or_else(|| wrong("no '/'"))?;
        if address.contains('%') {
            return Err(wrong("IPv6 zones cannot be present in a prefix"));
        }
        let address: IpAddr = address
            .parse()
            .ok()
            .ok_or_else(|| wrong("unable to parse IP"))?;
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || length.is_empty() || (length.len() > 1 && length.starts_with('0')) {
            return Err(wrong("bad bits after slash"));
        }
        let length = length
            .parse::<u8>()
            .ok()
            .filter(|length| *length <= bits(address))
            .ok_or_else(|| wrong("prefix length out of range"))?;
        if mapped(address) {
            return Err(Fault::Error(format!(
                "IPv4-mapped IPv6 address {text:?} is not allowed"
            )));
        }
        Ok(Self { address, length })
    }

    fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.length))
                    .unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.length))
                    .unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && Self {
                address,
                length: self.length,
            }
            .network()
                == self.network()
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

fn parse_ip(text: &str) -> Result<IpAddr, Fault> {
    if text.contains('%') && text.contains(':') {
        return Err(Fault::Error(format!(
            "IP address {text:?} with zone value is not allowed"
        )));
    }
    let address: IpAddr = text.parse().ok().ok_or_else(|| {
        Fault::Error(format!(
            "IP Address {text:?} parse error during conversion from string: \
             ParseAddr({text:?}): unable to parse IP"
        ))
    })?;
    if mapped(address) {
        return Err(Fault::Error(format!(
            "IPv4-mapped IPv6 address {text:?} is not allowed"
        )));
    }
    Ok(address)
}

fn ip<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    parse_ip(call.text(0)?).map(Value::Ip)
}

fn is_ip<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(parse_ip(call.text(0)?).is_ok()))
}

fn is_canonical<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let text = call.text(0)?;
    Ok(Value::Bool(parse_ip(text)?.to_string() == **text))
}

fn address(call: &Call<'_, '_>) -> Result<IpAddr, Fault> {
    match call.arg(0)? {
        Value::Ip(address) => Ok(*address),
        _ => Err(Fault::no_overload()),
    }
}

fn family<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Int(if address(call)?.is_ipv4() { 4 } else { 6 }))
}

fn is_unspecified<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(address(call)?.is_unspecified()))
}

fn is_loopback<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(address(call)?.is_loopback()))
}

fn is_link_local_multicast<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(match address(call)? {
        IpAddr::V4(address) => matches!(address.octets(), [224, 0, 0, _]),
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }))
}

fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_link_local_unicast<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(link_local(address(call)?)))
}

fn is_global_unicast<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let address = address(call)?;
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    Ok(Value::Bool(
        !broadcast
            && !address.is_unspecified()
            && !address.is_loopback()
            && !address.is_multicast()
            && !link_local(address),
    ))
}

fn cidr<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Cidr::parse(call.text(0)?).map(Value::Cidr)
}

fn is_cidr<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(Cidr::parse(call.text(0)?).is_ok()))
}

fn network(call: &Call<'_, '_>) -> Result<Cidr, Fault> {
    match call.arg(0)? {
        Value::Cidr(cidr) => Ok(*cidr),
        _ => Err(Fault::no_overload()),
    }
}

fn contains_ip<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let address = match call.arg(1)? {
        Value::Ip(address) => *address,
        Value::String(text) => parse_ip(text)?,
        _ => return Err(Fault::no_overload()),
    };
    Ok(Value::Bool(network(call)?.contains(address)))
}

fn contains_cidr<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let other = match call.arg(1)? {
        Value::Cidr(cidr) => *cidr,
        Value::String(text) => Cidr::parse(text)?,
        _ => return Err(Fault::no_overload()),
    };
    let cidr = network(call)?;
    Ok(Value::Bool(
        cidr.length <= other.length && cidr.contains(other.address),
    ))
}

fn ip_of<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Ip(network(call)?.address))
}

fn masked<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let cidr = network(call)?;
    Ok(Value::Cidr(Cidr {
        address: cidr.network(),
        length: cidr.length,
    }))
}

fn prefix_length<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Int(i64::from(network(call)?.length)))
}

/// An absolute locator, or an absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uri {
    scheme: String,
    /// With its port, without the user before it.
    host: String,
    path: String,
    query: String,
}

impl Uri {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("parse {text:?}: {why}");
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(wrong("net/url: invalid control character in URL"));
        }
        if text.is_empty() {
            return Err(wrong("empty url"));
        }
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            Some(("", _)) => return Err(wrong("missing protocol scheme")),
            _ => (String::new(), text),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !rest.starts_with('/') {
            return Err(wrong("invalid URI for request"));
        }
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) if !scheme.is_empty() => match rest.find('/') {
                Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
                None => (rest, ""),
            },
            _ => ("", rest),
        };
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        valid_host(host).map_err(|why| wrong(&why))?;
        let bad_escape = percent_decode(path, false).is_none();
        if bad_escape {
            return Err(wrong("invalid URL escape"));
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
        })
    }

    fn hostname(&self) -> &str {
        if let Some(rest) = self.host.strip_prefix('[') {
            return rest.split(']').next().unwrap_or(rest);
        }
        self.host
            .rsplit_once(':')
            .map_or(&self.host, |(host, _)| host)
    }

    fn port(&self) -> &str {
        let after = match self.host.rfind(']') {
            Some(at) => self.host.get(at + 1..).unwrap_or_default(),
            None => &self.host,
        };
        after.rsplit_once(':').map_or("", |(_, port)| port)
    }

    fn escaped_path(&self) -> String {
        let mut escaped = String::new();
        for found in self.path.chars() {
            if found.is_ascii_alphanumeric() || "-._~$&+,/:;=@!'()*[]%".contains(found) {
                escaped.push(found);
            } else {
                let mut bytes = [0; 4];
                for byte in found.encode_utf8(&mut bytes).bytes() {
                    escaped.push('%');
                    escaped.push_str(&super::text::hex(&[byte]).to_uppercase());
                }
            }
        }
        escaped
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|found| found.is_ascii_alphanumeric() || "+-.".contains(found))
}

fn valid_host(host: &str) -> Result<(), String> {
    let after = if host.starts_with('[') {
        let end = host
            .rfind(']')
            .ok_or_else(|| "missing ']' in host".to_owned())?;
        host.get(end + 1..).unwrap_or_default()
    } else {
        if host.chars().any(|found| " <>\"^`{}|\\".contains(found)) {
            return Err("invalid character in host name".to_owned());
        }
        host.find(':')
            .and_then(|at| host.get(at..))
            .unwrap_or_default()
    };
    match after.strip_prefix(':') {
        None if after.is_empty() => Ok(()),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(format!("invalid port {after:?} after host")),
    }
}

fn percent_decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn uri<'c>(call: &'c Call<'_, '_>) -> Result<&'c Uri, Fault> {
    match call.arg(0)? {
        Value::Url(uri) => Ok(uri),
        _ => Err(Fault::no_overload()),
    }
}

fn url<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Uri::parse(call.text(0)?)
        .map(|uri| Value::Url(Arc::new(uri)))
        .map_err(|why| {
            Fault::Error(format!(
                "URL parse error during conversion from string: {why}"
            ))
        })
}

fn is_url<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(Uri::parse(call.text(0)?).is_ok()))
}

fn scheme<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(uri(call)?.scheme.as_str()))
}

fn host<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(uri(call)?.host.as_str()))
}

fn hostname<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(uri(call)?.hostname()))
}

fn port<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(uri(call)?.port()))
}

fn escaped_path<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::text(uri(call)?.escaped_path()))
}

fn query<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let query = uri(call)?
        .query
        .split_once('#')
        .map_or(uri(call)?.query.as_str(), |(query, _)| query);
    let mut found: BTreeMap<Key<'a>, Vec<Value<'a>>> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(key), Some(value)) = (percent_decode(key, true), percent_decode(value, true)) {
            found
                .entry(Key::Text(Text::from(key)))
                .or_default()
                .push(Value::text(value));
        }
    }
    Ok(Value::map(
        found
            .into_iter()
            .map(|(key, values)| (key, Value::list(values)))
            .collect(),
    ))
}
