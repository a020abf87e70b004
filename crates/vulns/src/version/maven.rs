//! Maven versions.
//!
//! What: the order of Maven's own `ComparableVersion` (3.9 and 4): lists
//! of numbers and qualifiers, a hyphen or a change between digits and
//! letters opening a nested list.
//! Why: Maven Central; Gradle and sbt publish there too.
//! Limits: ASCII only. Nesting is flattened, so depth costs no stack.
//! Maven's rules are not transitive where qualifiers follow qualifiers,
//! or where a number follows one that means the release: `1` is `1-ga`,
//! but they stand differently to `1-ga1`. Neither is ours.
//! References: Maven POM reference, "Version Order Specification".

use std::{cmp::Ordering, mem};

use super::by_value;

/// One version without the zeros that mean nothing.
#[derive(Debug)]
pub(super) struct Version(Vec<Item>);

impl Version {
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        by_items(&self.0, &other.0)
    }
}

#[derive(Debug)]
enum Item {
    Number(Vec<u8>),
    Qualifier(Vec<u8>),
    /// A qualifier directly before a number: `rc1`.
    Numbered(Vec<u8>, Vec<u8>),
    /// A nested list follows, to the end.
    Nested,
}

/// Known qualifiers stand around the release, which is 5; unknown ones
/// come after all, alphabetically.
fn qualifier_rank(name: &[u8]) -> u8 {
    match name {
        b"alpha" => 0,
        b"beta" => 1,
        b"milestone" => 2,
        b"rc" | b"cr" => 3,
        b"snapshot" => 4,
        b"ga" | b"final" | b"release" => RELEASE,
        b"sp" => 6,
        _ => UNKNOWN,
    }
}

const RELEASE: u8 = 5;
const UNKNOWN: u8 = 7;

fn by_qualifier(a: &[u8], b: &[u8]) -> Ordering {
    let rank = qualifier_rank(a);
    let order = rank.cmp(&qualifier_rank(b));
    if order.is_eq() && rank == UNKNOWN {
        return a.cmp(b);
    }
    order
}

impl Item {
    fn is_zero(&self) -> bool {
        matches!(self, Self::Number(digits) if digits.iter().all(|digit| *digit == b'0'))
    }

    /// Against nothing, where the other version has ended.
    fn against_nothing(&self) -> Ordering {
        match self {
            Self::Number(digits) => by_value(digits, b""),
            Self::Qualifier(name) | Self::Numbered(name, _) => qualifier_rank(name).cmp(&RELEASE),
            Self::Nested => Ordering::Equal,
        }
    }

    /// Qualifiers are older than nested lists, those than numbers.
    fn kind(&self) -> u8 {
        match self {
            Self::Qualifier(_) | Self::Numbered(..) => 0,
            Self::Nested => 1,
            Self::Number(_) => 2,
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => by_value(a, b),
            (Self::Qualifier(a), Self::Qualifier(b)) => by_qualifier(a, b),
            (Self::Numbered(a, m), Self::Numbered(b, n)) => {
                by_qualifier(a, b).then_with(|| by_value(m, n))
            }
            (Self::Qualifier(a), Self::Numbered(b, _)) => by_qualifier(a, b).then(Ordering::Less),
            (Self::Numbered(a, _), Self::Qualifier(b)) => {
                by_qualifier(a, b).then(Ordering::Greater)
            }
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

fn by_items(a: &[Item], b: &[Item]) -> Ordering {
    let shared = a.iter().zip(b);
    let mut orders = shared.map(|(a, b)| a.cmp(b));
    if let Some(order) = orders.find(|order| order.is_ne()) {
        return order;
    }
    let rest_a = a.iter().skip(b.len()).map(Item::against_nothing);
    let rest_b = b
        .iter()
        .skip(a.len())
        .map(|item| item.against_nothing().reverse());
    let mut rest = rest_a.chain(rest_b);
    rest.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

pub(super) fn parse(text: &str) -> Option<Version> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let lists = split(&text.to_ascii_lowercase().into_bytes());
    Some(Version(normalize(lists)))
}

/// The nested lists, outermost first; each is the last item of the one
/// before.
fn split(text: &[u8]) -> Vec<Vec<Item>> {
    let mut lists = Vec::new();
    let mut open = Vec::new();
    let mut token: Vec<u8> = Vec::new();
    // Whether the last character seen was a digit; separators leave it.
    let mut in_digits = false;
    let mut nest = |open: &mut Vec<Item>| {
        if !open.is_empty() {
            lists.push(mem::take(open));
        }
    };
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'.' => open.push(item(&mut token)),
            b'-' => {
                let next_is_digit = text.get(index + 1).is_some_and(u8::is_ascii_digit);
                // `rc-1` is `rc1`.
                if !token.is_empty() && !in_digits && next_is_digit {
                    continue;
                }
                open.push(item(&mut token));
                nest(&mut open);
            }
            b'0'..=b'9' => {
                if !in_digits && !token.is_empty() {
                    nest(&mut open);
                }
                in_digits = true;
                token.push(*byte);
            }
            letter => {
                if in_digits && !token.is_empty() {
                    open.push(item(&mut token));
                    nest(&mut open);
                }
                in_digits = false;
                token.push(*letter);
            }
        }
    }
    if !token.is_empty() {
        if !in_digits {
            nest(&mut open);
        }
        open.push(item(&mut token));
    }
    lists.push(open);
    lists
}

/// What the finished token is; an empty one is zero.
fn item(token: &mut Vec<u8>) -> Item {
    let mut name = mem::take(token);
    match name.iter().position(u8::is_ascii_digit) {
        None if name.is_empty() => Item::Number(name),
        None => Item::Qualifier(name),
        Some(0) => Item::Number(name),
        Some(digit) => {
            let number = name.split_off(digit);
            let full = match name.as_slice() {
                b"a" => b"alpha".to_vec(),
                b"b" => b"beta".to_vec(),
                b"m" => b"milestone".to_vec(),
                _ => name,
            };
            Item::Numbered(full, number)
        }
    }
}

/// Drops zeros that mean nothing: at the end of a list, and before a
/// qualifier.
fn normalize(lists: Vec<Vec<Item>>) -> Vec<Item> {
    // Built back to front: the innermost list's end comes first.
    let mut reversed: Vec<Item> = Vec::new();
    for list in lists.into_iter().rev() {
        let has_nested = !reversed.is_empty();
        // What a zero in this place would stand before.
        let mut is_idle = match reversed.last() {
            None | Some(Item::Qualifier(_) | Item::Numbered(..)) => true,
            Some(Item::Number(_) | Item::Nested) => false,
        };
        if has_nested {
            reversed.push(Item::Nested);
        }
        for item in list.into_iter().rev() {
            if is_idle && item.is_zero() {
                continue;
            }
            is_idle = matches!(item, Item::Qualifier(_));
            reversed.push(item);
        }
    }
    reversed.reverse();
    reversed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Maven, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn the_reference_manuals_qualifiers_are_in_order() {
        let sorted = [
            "1-alpha",
            "1-beta",
            "1-milestone",
            "1-rc",
            "1-snapshot",
            "1",
            "1-sp",
            "1-xyz",
            "1-1",
            "1.1",
        ];
        for pair in sorted.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
        }
    }

    #[test]
    fn the_reference_manuals_synonyms_are_equal() {
        for synonym in [
            "1.0",
            "1.0.0",
            "1-0",
            "1-ga",
            "1.final",
            "1-RELEASE",
            "1.",
            "1-",
        ] {
            check("1", Ordering::Equal, synonym);
        }
        check("1.0.0-foo.0.0", Ordering::Equal, "1-foo");
        check("1.0.0-0.0.0", Ordering::Equal, "1");
        check("1a1", Ordering::Equal, "1-alpha-1");
        check("1-cr2", Ordering::Equal, "1-rc2");
        check("1-rc-1", Ordering::Equal, "1-rc1");
    }

    #[test]
    fn the_reference_manuals_examples_are_in_order() {
        check("1-foo2", Ordering::Less, "1-foo10");
        check("1.foo", Ordering::Equal, "1-foo");
        check("1-foo", Ordering::Less, "1-1");
        check("1-1", Ordering::Less, "1.1");
        check("1-sp", Ordering::Greater, "1-ga");
        check("1-sp-1", Ordering::Greater, "1-ga-1");
        check("1-a1", Ordering::Equal, "1-alpha-1");
    }

    #[test]
    fn versions_seen_in_the_field_are_in_order() {
        check("2.14.1", Ordering::Less, "2.15.0");
        check("2.15.0-rc1", Ordering::Less, "2.15.0");
        check("2.0-beta9", Ordering::Less, "2.0-rc1");
        check("5.3.17", Ordering::Less, "5.3.18");
        check("5.2.19.RELEASE", Ordering::Less, "5.2.20.RELEASE");
        check("4.1.77.Final", Ordering::Equal, "4.1.77");
        check("9.4.43.v20210629", Ordering::Less, "9.4.44.v20210927");
        check("31.1-android", Ordering::Less, "31.1-jre");
        check("1.2.83_noneautotype", Ordering::Greater, "1.2.83");
        check("2.9.10.8", Ordering::Greater, "2.9.10");
        check("20230227", Ordering::Greater, "20090211");
        check(
            "1.99999999999999999999",
            Ordering::Less,
            "1.100000000000000000000",
        );
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = "1-".repeat(500);
        check(&deep, Ordering::Greater, "1");
    }

    #[test]
    fn blanks_and_nothing_are_no_versions() {
        for text in ["", "1 0", "[1,2)\u{e9}"] {
            assert_eq!(compare(text, text), None, "{text}");
        }
    }
}
