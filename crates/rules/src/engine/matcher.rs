//! One comparison, made ready: does this value pass?

use std::{collections::HashSet, net::IpAddr};

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use super::{cache::FastHash, glob};
use crate::{
    ast::{Operator, Quantifier},
    field::Kind,
    value::Value,
};

/// Compiled patterns are cut off here; no rule needs a larger one.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Why a comparison can never hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unusable {
    #[error("{value:?} is no number")]
    Number { value: String },
    #[error("{value:?} is neither `true` nor `false`")]
    Boolean { value: String },
    #[error("{value:?} is no address and no network")]
    Network { value: String },
    #[error("{value:?} is no sequence of hexadecimal digits")]
    Bytes { value: String },
    #[error("{value:?} is no regular expression")]
    Pattern {
        value: String,
        #[source]
        source: Box<regex::Error>,
    },
    #[error("there is nothing to compare with")]
    Nothing,
}

#[derive(Debug)]
pub(crate) enum Matcher {
    /// There is a value: `exists`.
    Always,
    Equal(Box<[u8]>),
    NotEqual(Box<[u8]>),
    In(HashSet<Box<[u8]>, FastHash>),
    Order(Operator, Box<[u8]>),
    Contains(Box<Finder<'static>>),
    /// In lower case.
    ContainsAnyCase(Box<[u8]>),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Glob {
        pattern: Box<[u8]>,
        any_case: bool,
    },
    Regex(Regex),
    Paths(Vec<Vec<Box<[u8]>>>),
    Number(Operator, i64),
    NumberIn(Vec<i64>),
    /// One truth value, and whether it shall be that.
    Boolean(bool),
    BooleanIn(Vec<bool>),
    Networks {
        networks: Vec<Network>,
        shall_be_in: bool,
    },
    Quantified(Quantifier, Vec<Self>),
}

/// An address with the number of its leading bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn contains(self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                shift == 32 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                shift == 128 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            _ => false,
        }
    }
}

impl Matcher {
    pub(crate) fn new<T: AsRef<str>>(
        kind: Kind,
        operator: Operator,
        quantifier: Option<Quantifier>,
        right: &[T],
    ) -> Result<Self, Unusable> {
        if operator == Operator::Exists {
            return Ok(Self::Always);
        }
        if let Some(quantifier) = quantifier {
            let each = right
                .iter()
                .map(|value| Self::new(kind, operator, None, std::slice::from_ref(value)))
                .collect::<Result<_, _>>()?;
            return Ok(Self::Quantified(quantifier, each));
        }
        match kind {
            Kind::Text | Kind::Path => Self::text(operator, right),
            Kind::Number | Kind::Time | Kind::Port => Self::number(operator, right),
            Kind::Boolean => {
                let truths = right
                    .iter()
                    .map(|value| match value.as_ref() {
                        "true" | "TRUE" | "True" => Ok(true),
                        "false" | "FALSE" | "False" => Ok(false),
                        other => Err(Unusable::Boolean {
                            value: other.to_owned(),
                        }),
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                match (operator, truths.as_slice()) {
                    (Operator::Equal, [truth]) => Ok(Self::Boolean(*truth)),
                    (Operator::NotEqual, [truth]) => Ok(Self::Boolean(!truth)),
                    _ => Ok(Self::BooleanIn(truths)),
                }
            }
            Kind::Address | Kind::Network => {
                let networks = right
                    .iter()
                    .map(|value| {
                        Network::parse(value.as_ref()).ok_or_else(|| Unusable::Network {
                            value: value.as_ref().to_owned(),
                        })
                    })
                    .collect::<Result<_, _>>()?;
                Ok(Self::Networks {
                    networks,
                    shall_be_in: operator != Operator::NotEqual,
                })
            }
        }
    }

    fn text<T: AsRef<str>>(operator: Operator, right: &[T]) -> Result<Self, Unusable> {
        if matches!(operator, Operator::In | Operator::Intersects) {
            return Ok(Self::In(
                right.iter().map(|it| bytes(it.as_ref())).collect(),
            ));
        }
        if operator == Operator::PathMatch {
            return Ok(Self::Paths(
                right
                    .iter()
                    .map(|path| {
                        components(path.as_ref().as_bytes())
                            .map(Into::into)
                            .collect()
                    })
                    .collect(),
            ));
        }
        let value = right.first().ok_or(Unusable::Nothing)?.as_ref();
        Ok(match operator {
            Operator::Equal => Self::Equal(bytes(value)),
            Operator::NotEqual => Self::NotEqual(bytes(value)),
            Operator::Contains => Self::Contains(finder(value.as_bytes())),
            Operator::ContainsAnyCase => Self::ContainsAnyCase(bytes(&value.to_ascii_lowercase())),
            Operator::ContainsBytes => Self::Contains(finder(&hexadecimal(value)?)),
            Operator::StartsWith => Self::StartsWith(bytes(value)),
            Operator::StartsWithBytes => Self::StartsWith(hexadecimal(value)?.into()),
            Operator::EndsWith => Self::EndsWith(bytes(value)),
            Operator::Glob | Operator::GlobAnyCase => Self::Glob {
                pattern: bytes(value),
                any_case: operator == Operator::GlobAnyCase,
            },
            Operator::Regex => Self::Regex(
                RegexBuilder::new(&format!("^(?:{value})$"))
                    .size_limit(MAX_PATTERN_BYTES)
                    .build()
                    .map_err(|source| Unusable::Pattern {
                        value: value.to_owned(),
                        source: Box::new(source),
                    })?,
            ),
            _ => Self::Order(operator, bytes(value)),
        })
    }

    fn number<T: AsRef<str>>(operator: Operator, right: &[T]) -> Result<Self, Unusable> {
        let mut numbers = right
            .iter()
            .map(|value| {
                value
                    .as_ref()
                    .trim()
                    .parse()
                    .ok()
                    .ok_or_else(|| Unusable::Number {
                        value: value.as_ref().to_owned(),
                    })
            })
            .collect::<Result<Vec<i64>, _>>()?;
        if matches!(operator, Operator::In | Operator::Intersects) {
            numbers.sort_unstable();
            return Ok(Self::NumberIn(numbers));
        }
        let number = numbers.first().ok_or(Unusable::Nothing)?;
        Ok(Self::Number(operator, *number))
    }

    /// Dear enough that remembering what it said is worth it.
    pub(crate) fn is_dear(&self) -> bool {
        matches!(
            self,
            Self::Glob { .. } | Self::Regex(_) | Self::Paths(_) | Self::ContainsAnyCase(_)
        )
    }

    pub(crate) fn holds(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Always, _) => true,
            (Self::Quantified(quantifier, each), value) => {
                let mut holding = each.iter().filter(|each| each.holds(value));
                match quantifier {
                    Quantifier::AnyOf => holding.next().is_some(),
                    Quantifier::OneOf => holding.next().is_some() && holding.next().is_none(),
                    Quantifier::AllOf => !each.is_empty() && holding.count() == each.len(),
                }
            }
            (Self::Number(operator, right), Value::Number(left)) => {
                ordered(*operator, &left, right)
            }
            (Self::NumberIn(numbers), Value::Number(left)) => numbers.binary_search(&left).is_ok(),
            (Self::Number(..) | Self::NumberIn(_), Value::Text(text)) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .is_some_and(|number| self.holds(Value::Number(number))),
            (Self::Boolean(right), Value::Boolean(left)) => *right == left,
            (Self::BooleanIn(truths), Value::Boolean(left)) => truths.contains(&left),
            (
                Self::Networks {
                    networks,
                    shall_be_in,
                },
                Value::Address(address),
            ) => networks.iter().any(|it| it.contains(address)) == *shall_be_in,
            (
                Self::Number(..)
                | Self::NumberIn(_)
                | Self::Boolean(_)
                | Self::BooleanIn(_)
                | Self::Networks { .. },
                _,
            ) => false,
            (_, Value::Text(text)) => self.holds_text(text),
            (_, other) => self.holds_text(other.to_text().as_bytes()),
        }
    }

    fn holds_text(&self, text: &[u8]) -> bool {
        match self {
            Self::Equal(right) => text == &**right,
            Self::NotEqual(right) => text != &**right,
            Self::In(set) => set.contains(text),
            Self::Order(operator, right) => ordered(*operator, text, right),
            Self::Contains(finder) => finder.find(text).is_some(),
            Self::ContainsAnyCase(right) => {
                right.is_empty()
                    || text
                        .windows(right.len())
                        .any(|window| window.eq_ignore_ascii_case(right))
            }
            Self::StartsWith(right) => text.starts_with(right),
            Self::EndsWith(right) => text.ends_with(right),
            Self::Glob { pattern, any_case } => glob::matches(pattern, text, *any_case),
            Self::Regex(pattern) => pattern.is_match(text),
            Self::Paths(paths) => paths.iter().any(|path| is_below(path, text)),
            _ => false,
        }
    }
}

fn bytes(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}

fn finder(needle: &[u8]) -> Box<Finder<'static>> {
    Box::new(Finder::new(needle).into_owned())
}

fn hexadecimal(text: &str) -> Result<Vec<u8>, Unusable> {
    let wrong = || Unusable::Bytes {
        value: text.to_owned(),
    };
    if !text.is_ascii() || text.len() % 2 == 1 {
        return Err(wrong());
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(wrong)
        })
        .collect()
}

fn ordered<T: Ord + ?Sized>(operator: Operator, left: &T, right: &T) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        _ => false,
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|it| !it.is_empty())
}

fn is_pattern(component: &[u8]) -> bool {
    component.iter().any(|byte| b"?*[".contains(byte))
}

/// Whether a path is this one or below it, component by component.
fn is_below(above: &[Box<[u8]>], path: &[u8]) -> bool {
    let mut own = components(path);
    above.iter().all(|wanted| {
        own.next().is_some_and(|it| {
            it == &**wanted || (is_pattern(wanted) && glob::matches(wanted, it, false))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(kind: Kind, operator: Operator, right: &[&str], value: Value<'_>) -> bool {
        Matcher::new(kind, operator, None, right)
            .unwrap()
            .holds(value)
    }

    fn text(operator: Operator, right: &[&str], value: &str) -> bool {
        holds(Kind::Text, operator, right, Value::Text(value.as_bytes()))
    }

    #[test]
    fn text_compares_as_falco_does() {
        assert!(text(Operator::Equal, &["a"], "a"));
        assert!(text(Operator::In, &["a", "b"], "b"));
        assert!(text(Operator::StartsWith, &["2"], "201"));
        assert!(text(
            Operator::ContainsAnyCase,
            &["HTTP_Proxy"],
            "x http_proxy=1"
        ));
        assert!(text(Operator::Glob, &["/home/*/.ssh/*"], "/home/a/.ssh/id"));
        assert!(text(Operator::Regex, &["a+b"], "aab"));
        assert!(
            !text(Operator::Regex, &["a+b"], "xaab"),
            "the whole value counts"
        );
        assert!(text(Operator::ContainsBytes, &["6162"], "xaby"));
        assert!(text(Operator::GreaterOrEqual, &["400"], "403"));
    }

    #[test]
    fn paths_match_on_whole_components() {
        let below = |path| {
            text(
                Operator::PathMatch,
                &["/var/run", "/proc/*/mem", "/etc"],
                path,
            )
        };
        assert!(below("/var/run") && below("/var/run/docker.sock") && below("/etc/passwd"));
        assert!(below("/proc/12/mem"));
        assert!(!below("/var/runner") && !below("/var") && !below("/proc/12/maps"));
        assert!(text(Operator::PathMatch, &["/"], "/anything"));
    }

    #[test]
    fn networks_contain_addresses() {
        let inside = |operator, right: &[&str], address: &str| {
            holds(
                Kind::Network,
                operator,
                right,
                Value::Address(address.parse().unwrap()),
            )
        };
        assert!(inside(
            Operator::In,
            &["10.0.0.0/8", "192.168.0.0/16"],
            "192.168.3.4"
        ));
        assert!(!inside(Operator::In, &["10.0.0.0/8"], "11.0.0.1"));
        assert!(inside(Operator::NotEqual, &["127.0.0.0/8"], "10.0.0.1"));
        assert!(inside(Operator::Equal, &["0.0.0.0/0"], "1.2.3.4"));
        assert!(inside(Operator::Equal, &["fd00::/8"], "fd12::1"));
        assert!(!inside(Operator::Equal, &["0.0.0.0/0"], "::1"));
    }

    #[test]
    fn quantifiers_count_what_holds() {
        let count = |quantifier, value: &str| {
            Matcher::new(
                Kind::Text,
                Operator::Contains,
                Some(quantifier),
                &["a", "b"],
            )
            .unwrap()
            .holds(Value::Text(value.as_bytes()))
        };
        assert!(count(Quantifier::AnyOf, "a") && count(Quantifier::AnyOf, "ab"));
        assert!(count(Quantifier::OneOf, "a") && !count(Quantifier::OneOf, "ab"));
        assert!(count(Quantifier::AllOf, "ab") && !count(Quantifier::AllOf, "a"));
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let wrong = |kind, value| {
            Matcher::new(kind, Operator::Equal, None, &[value])
                .unwrap_err()
                .to_string()
        };
        assert_eq!(wrong(Kind::Number, "many"), "\"many\" is no number");
        assert_eq!(
            wrong(Kind::Network, "10.0.0.0/40"),
            "\"10.0.0.0/40\" is no address and no network"
        );
    }
}
