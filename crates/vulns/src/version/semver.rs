//! Semantic versions: npm's lenient reading, and crates.io's strict one.
//!
//! What: precedence of SemVer 2.0.0, section 11. The lenient reading
//! also takes a leading `v` or `=`, leading zeros, missing and
//! additional numbers, and a prerelease glued to the patch number
//! (`1.2.3beta`), as node-semver's `loose` option does.
//! Why: npm, Bitnami, Pub, Hex and crates.io order by it.
//! Limits: numbers beyond 64 bits are accepted leniently only.
//! References: semver.org 2.0.0; node-semver README; the `semver` crate.

use std::cmp::Ordering;

use super::{by_value, split_run};

/// One version taken apart; the build metadata is gone, having no say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version<'a> {
    /// Dot-separated digits.
    numbers: &'a [u8],
    /// Dot-separated identifiers; empty for a release.
    prerelease: &'a [u8],
}

/// Advisories may say `0.2` where they mean `0.2.0`, as in a manifest.
pub(super) fn parse_strict(text: &str) -> Option<semver::Version> {
    if text.is_empty()
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return semver::Version::parse(text).ok();
    }
    let missing = match text.bytes().filter(|byte| *byte == b'.').count() {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    };
    semver::Version::parse(&format!("{text}{missing}")).ok()
}

pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.trim_ascii().as_bytes();
    let (_, text) = split_run(text, |byte| matches!(byte, b'v' | b'V' | b'=' | b' '));
    let (text, build) = split_run(text, |byte| *byte != b'+');
    let (numbers, rest) = split_run(text, |byte| byte.is_ascii_digit() || *byte == b'.');
    if numbers.split(|byte| *byte == b'.').any(<[u8]>::is_empty) {
        return None;
    }
    let prerelease = match rest {
        [b'-'] => return None,
        [b'-', prerelease @ ..] => prerelease,
        glued => glued,
    };
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let words = |part: &[u8]| {
        part.split(|byte| *byte == b'.')
            .all(|word| !word.is_empty() && word.iter().all(is_word))
    };
    let build_is_fine = build.iter().all(u8::is_ascii_graphic);
    (build_is_fine && (prerelease.is_empty() || words(prerelease))).then_some(Version {
        numbers,
        prerelease,
    })
}

impl Version<'_> {
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        by_numbers(self.numbers, other.numbers)
            .then_with(|| by_prerelease(self.prerelease, other.prerelease))
    }
}

/// Missing numbers are zero.
fn by_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let mut a = a.split(|byte| *byte == b'.');
    let mut b = b.split(|byte| *byte == b'.');
    loop {
        let (one, two) = (a.next(), b.next());
        if one.is_none() && two.is_none() {
            return Ordering::Equal;
        }
        let order = by_value(one.unwrap_or_default(), two.unwrap_or_default());
        if order.is_ne() {
            return order;
        }
    }
}

/// No prerelease outranks any; identifiers compare left to right, and of
/// two that agree so far the longer list wins.
pub(super) fn by_prerelease(a: &[u8], b: &[u8]) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let mut a = a.split(|byte| *byte == b'.');
    let mut b = b.split(|byte| *byte == b'.');
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => by_identifier(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Numbers by value and below words; words byte by byte.
fn by_identifier(a: &[u8], b: &[u8]) -> Ordering {
    let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    match (is_number(a), is_number(b)) {
        (true, true) => by_value(a, b),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Semver, a, b)
    }

    fn compare_strict(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Crates, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    const SECTION_11: [&str; 12] = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "2.0.0",
        "2.1.0",
        "2.1.1",
        "11.0.0",
    ];

    #[test]
    fn the_specifications_own_examples_are_in_order() {
        for pair in SECTION_11.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
            assert_eq!(compare_strict(pair[0], pair[1]), Some(Ordering::Less));
        }
    }

    #[test]
    fn build_metadata_has_no_say() {
        check("1.0.0+20130313144700", Ordering::Equal, "1.0.0");
        check("1.0.0-beta+exp.sha.5114f85", Ordering::Equal, "1.0.0-beta");
        assert_eq!(compare_strict("1.0.0+a", "1.0.0+b"), Some(Ordering::Equal));
    }

    #[test]
    fn npms_lenient_forms_are_read() {
        check("v1.2.3", Ordering::Equal, "1.2.3");
        check("=1.2.3", Ordering::Equal, " 1.2.3 ");
        check("1.2", Ordering::Equal, "1.2.0");
        check("1", Ordering::Less, "1.0.1");
        check("1.2.3beta", Ordering::Less, "1.2.3");
        check("01.02.03", Ordering::Equal, "1.2.3");
        check("1.2.3.4", Ordering::Greater, "1.2.3");
    }

    #[test]
    fn numbers_may_be_of_any_length() {
        check("1.0.99999999999999999999999999", Ordering::Greater, "1.0.2");
    }

    #[test]
    fn the_strict_reading_refuses_what_crates_io_refuses() {
        for text in ["v1.2.3", "01.2.3", "01", "1.2.3.4", "1.2.3-01", "1.2.3-"] {
            assert_eq!(compare_strict(text, text), None, "{text}");
        }
    }

    #[test]
    fn what_npm_refuses_is_no_version() {
        for text in [
            "",
            "latest",
            "1..2",
            ".1",
            "1.2.",
            "1.0.0-",
            "1.0.0-a..b",
            "*",
            "1.x",
            "1.0.0-\u{e9}",
        ] {
            assert_eq!(compare(text, text), None, "{text}");
        }
    }
}
