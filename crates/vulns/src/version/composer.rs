//! Composer versions.
//!
//! What: Composer's normal form (four numbers and a stability), ordered
//! as PHP's `version_compare` orders it.
//! Why: Packagist.
//! Limits: branches (`dev-main`) have no place in the order and are no
//! versions here; `1.2.x-dev` is after all of `1.2`.
//! References: getcomposer.org, "Versions and constraints"; PHP manual,
//! `version_compare`.

use std::cmp::Ordering;

use super::{by_value, split_run};

/// What a normalized version consists of.
///
/// PHP reads a number against a word as if it were between release
/// candidate and patch; so does [`Part::order`].
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Number(&'a [u8]),
    Word(Word),
}

/// Stabilities, and where a version ends among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Dev,
    Alpha,
    Beta,
    Candidate,
    End,
    Number,
    Patch,
}

impl Part<'_> {
    fn word(self) -> Word {
        match self {
            Self::Number(_) => Word::Number,
            Self::Word(word) => word,
        }
    }

    fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => by_value(a, b),
            (a, b) => a.word().cmp(&b.word()),
        }
    }
}

/// One version in its normal form.
#[derive(Debug)]
pub(super) struct Version<'a>(Vec<Part<'a>>);

impl Version<'_> {
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        let (Self(a), Self(b)) = (self, other);
        let end = Part::Word(Word::End);
        let length = a.len().max(b.len());
        let padded_a = a.iter().copied().chain(std::iter::repeat(end));
        let padded_b = b.iter().copied().chain(std::iter::repeat(end));
        let mut orders = padded_a.zip(padded_b).take(length).map(|(a, b)| a.order(b));
        orders
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

/// Stands for the `x` of a branch such as `1.x-dev`, as in Composer.
const WILDCARD: &[u8] = b"9999999";

pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.trim_ascii();
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return None;
    }
    // `1.0.x-dev as 1.0.0`, `1.0@beta` and `1.0+build`: what follows is
    // not part of the version.
    let text = text.split_once(" as ").map_or(text, |(version, _)| version);
    let text = text.split_once('@').map_or(text, |(version, _)| version);
    let text = text.split_once('+').map_or(text, |(version, _)| version);
    let bytes = text.as_bytes();
    let bytes = bytes
        .strip_prefix(b"v")
        .or(bytes.strip_prefix(b"V"))
        .unwrap_or(bytes);
    classical(bytes)
        .or_else(|| dated(bytes))
        .or_else(|| branch(bytes))
        .map(Version)
}

/// One to four numbers, the first of at most five digits.
fn classical(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let (first, mut rest) = split_run(bytes, u8::is_ascii_digit);
    if first.is_empty() || first.len() > 5 {
        return None;
    }
    let mut parts = vec![Part::Number(first)];
    while parts.len() < 4 {
        let Some((number, after)) = dotted_number(rest) else {
            break;
        };
        parts.push(Part::Number(number));
        rest = after;
    }
    parts.resize(4, Part::Number(b"0"));
    stability(rest, parts)
}

fn dotted_number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (number, rest) = split_run(bytes.strip_prefix(b".")?, u8::is_ascii_digit);
    (!number.is_empty()).then_some((number, rest))
}

/// A date: `20240131`, `2024-01-31`, `2024.01.31.1`. Four digits, then
/// one to six groups of two, then up to two groups of three or fewer.
fn dated(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let (digits, mut rest) = split_run(bytes, u8::is_ascii_digit);
    let glued = digits.len().checked_sub(4)?;
    if glued > 18 {
        return None;
    }
    let mut groups = glued / 2;
    let mut parts = vec![Part::Number(digits)];
    while let [b'.' | b':' | b'-', after @ ..] = rest {
        let (number, after) = split_run(after, u8::is_ascii_digit);
        if number.is_empty() || number.len() > 3 {
            break;
        }
        groups += 1;
        parts.push(Part::Number(number));
        rest = after;
    }
    if groups == 0 || groups > 8 {
        return None;
    }
    stability(rest, parts)
}

/// `1.x-dev`, `1.2.*-dev`: the tip of a numbered branch.
fn branch(bytes: &[u8]) -> Option<Vec<Part<'_>>> {
    let length = bytes.len().checked_sub(4)?;
    let (mut rest, dev) = bytes.split_at(length);
    if !dev.eq_ignore_ascii_case(b"-dev") && !dev.eq_ignore_ascii_case(b".dev") {
        return None;
    }
    let mut parts = Vec::with_capacity(5);
    while parts.len() < 4 && !rest.is_empty() {
        let (piece, after) = split_run(rest, |byte| *byte != b'.');
        rest = after.strip_prefix(b".").unwrap_or(after);
        parts.push(Part::Number(match piece {
            b"x" | b"X" | b"*" if !parts.is_empty() => WILDCARD,
            digits if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => digits,
            _ => return None,
        }));
    }
    if !rest.is_empty() || parts.is_empty() {
        return None;
    }
    parts.resize(4, Part::Number(WILDCARD));
    parts.push(Part::Word(Word::Dev));
    Some(parts)
}

/// `-beta2`, `RC1`, `-p3`, `-dev` and their like after the numbers.
fn stability<'a>(rest: &'a [u8], mut parts: Vec<Part<'a>>) -> Option<Vec<Part<'a>>> {
    let (separator, after) = split_run(rest, |byte| matches!(byte, b'.' | b'_' | b'-'));
    let (name, after) = split_run(after, u8::is_ascii_alphabetic);
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if separator.len() > 1 {
        return None;
    }
    let word = if is("stable") {
        None
    } else if is("alpha") || is("a") {
        Some(Word::Alpha)
    } else if is("beta") || is("b") {
        Some(Word::Beta)
    } else if is("rc") {
        Some(Word::Candidate)
    } else if is("patch") || is("pl") || is("p") {
        Some(Word::Patch)
    } else {
        // Without a stability, a lone separator at the end means nothing.
        let rest = if name.is_empty() { after } else { rest };
        return dev(rest, parts);
    };
    let mut rest = after;
    let mut numbers = Vec::new();
    loop {
        let start = rest
            .strip_prefix(b".")
            .or(rest.strip_prefix(b"-"))
            .unwrap_or(rest);
        let (number, after) = split_run(start, u8::is_ascii_digit);
        if number.is_empty() {
            break;
        }
        numbers.push(Part::Number(number));
        rest = after;
    }
    if let Some(word) = word {
        parts.push(Part::Word(word));
        parts.append(&mut numbers);
    }
    dev(rest, parts)
}

fn dev<'a>(rest: &[u8], mut parts: Vec<Part<'a>>) -> Option<Vec<Part<'a>>> {
    let name = rest
        .strip_prefix(b".")
        .or(rest.strip_prefix(b"-"))
        .unwrap_or(rest);
    if name.eq_ignore_ascii_case(b"dev") {
        parts.push(Part::Word(Word::Dev));
        return Some(parts);
    }
    rest.is_empty().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Composer, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn stabilities_stand_around_the_release() {
        let sorted = [
            "1.0-dev",
            "1.0-alpha1",
            "1.0-alpha2",
            "1.0a3",
            "1.0-beta",
            "1.0b2",
            "1.0-RC1",
            "1.0-RC2-dev",
            "1.0-RC2",
            "1.0",
            "1.0-p1",
            "1.0-patch2",
            "1.0.1",
        ];
        for pair in sorted.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        check("v1.2", Ordering::Equal, "1.2.0.0");
        check("1.0-stable", Ordering::Equal, "1");
        check("1.0.0@beta", Ordering::Equal, "1.0.0");
        check("1.0.0+build.5", Ordering::Equal, "1.0.0");
        check("1.0.0RC1", Ordering::Equal, "1.0.0-rc.1");
        check("1.0pl3", Ordering::Equal, "1.0-patch3");
        check("1.0.0-beta.2", Ordering::Equal, "1.0.0_b2");
    }

    #[test]
    fn the_tip_of_a_branch_is_after_its_releases() {
        check("1.2.x-dev", Ordering::Greater, "1.2.99");
        check("1.2.x-dev", Ordering::Less, "1.3.0");
        check("1.x-dev", Ordering::Greater, "1.3.0");
        check("2-dev", Ordering::Less, "2.0.0");
    }

    #[test]
    fn dates_are_versions() {
        check("20240131", Ordering::Less, "20240201");
        check("2024-01-31", Ordering::Less, "2024-02-01");
        check("20240131.1", Ordering::Greater, "20240131");
    }

    #[test]
    fn versions_seen_in_the_field_are_in_order() {
        check("8.5.15", Ordering::Greater, "8.5.9");
        check("v5.4.0-BETA1", Ordering::Less, "v5.4.0");
        check("6.18.35", Ordering::Less, "7.0.0");
    }

    #[test]
    fn branch_names_and_nonsense_are_no_versions() {
        for text in [
            "",
            "dev-main",
            "main",
            "1.0-foo",
            "1..2",
            "1.0.0.0.0",
            "x.1-dev",
            "a1",
            "1--2",
            "1-rc.",
        ] {
            assert_eq!(compare(text, text), None, "{text}");
        }
    }
}
