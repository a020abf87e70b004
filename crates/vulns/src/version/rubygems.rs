//! Ruby gem versions.
//!
//! What: the order of `Gem::Version`; no allocation.
//! Why: RubyGems.
//! Limits: the platform (`1.15.0-java`) is not part of a version; whoever
//! reads a lock file takes it off.
//! References: RubyGems guides, "Patterns: semantic versioning";
//! `Gem::Version` API documentation.

use std::{cmp::Ordering, iter};

use super::{by_value, split_run};

/// A text without blanks that keeps to the grammar.
#[derive(Debug)]
pub(super) struct Version<'a>(&'a [u8]);

impl Version<'_> {
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        let mut a = segments(self.0);
        let mut b = segments(other.0);
        loop {
            let (one, two) = (a.next(), b.next());
            if one.is_none() && two.is_none() {
                return Ordering::Equal;
            }
            let order = one.unwrap_or(ZERO).cmp(&two.unwrap_or(ZERO));
            if order.is_ne() {
                return order;
            }
        }
    }
}

/// Letters, which make a prerelease, are older than any number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment<'a> {
    Letters(&'a [u8]),
    Number(&'a [u8]),
}

/// A missing segment counts as this.
const ZERO: Segment<'static> = Segment::Number(b"");

impl Segment<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => by_value(a, b),
            (Self::Letters(a), Self::Letters(b)) => a.cmp(b),
            (Self::Letters(_), Self::Number(_)) => Ordering::Less,
            (Self::Number(_), Self::Letters(_)) => Ordering::Greater,
        }
    }

    fn is_zero(&self) -> bool {
        self.cmp(&ZERO).is_eq()
    }
}

/// The version without blanks, if it is one: numbers and words between
/// dots, the first a number; after the first hyphen, hyphens too.
pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.trim_ascii().as_bytes();
    let (release, prerelease) = split_run(text, |byte| *byte != b'-');
    let mut words = release.split(|byte| *byte == b'.');
    let is_word = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric);
    let is_number = |word: &[u8]| is_word(word) && word.iter().all(u8::is_ascii_digit);
    let release_is_fine =
        text.is_empty() || words.next().is_some_and(is_number) && words.all(is_word);
    let prerelease_is_fine = match prerelease {
        [] => true,
        [_, words @ ..] => words.split(|byte| *byte == b'.').all(|word| {
            let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
            !word.is_empty() && word.iter().all(is_letter)
        }),
    };
    (release_is_fine && prerelease_is_fine).then_some(Version(text))
}

/// The segments in canonical form: zeros that end the numbers before the
/// first letters, or end the version, are left out.
fn segments(text: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let first_letter = raw(text).position(|segment| matches!(segment, Segment::Letters(_)));
    let numbers = first_letter.unwrap_or(usize::MAX);
    let last_counting = |from: usize, to: usize| {
        let counting = raw(text).enumerate().skip(from).take(to - from);
        let last = counting.filter(|(_, segment)| !segment.is_zero()).last();
        last.map_or(from, |(index, _)| index + 1)
    };
    let numbers_end = last_counting(0, numbers);
    let words_end = last_counting(numbers, usize::MAX);
    let release = raw(text).take(numbers_end);
    let prerelease = raw(text).take(words_end).skip(numbers);
    release.chain(prerelease)
}

/// Runs of digits and of letters; a hyphen reads as `.pre.`.
fn raw(mut rest: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    iter::from_fn(move || {
        let (_, text) = split_run(rest, |byte| *byte == b'.');
        let segment;
        (segment, rest) = match text {
            [] => return None,
            [b'-', after @ ..] => (Segment::Letters(b"pre"), after),
            [digit, ..] if digit.is_ascii_digit() => {
                let (number, after) = split_run(text, u8::is_ascii_digit);
                (Segment::Number(number), after)
            }
            _ => {
                let (letters, after) = split_run(text, u8::is_ascii_alphabetic);
                (Segment::Letters(letters), after)
            }
        };
        Some(segment)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::RubyGems, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn trailing_zeros_mean_nothing() {
        check("1", Ordering::Equal, "1.0.0");
        check("1.0.a", Ordering::Equal, "1.a");
        check("1.0.a.0", Ordering::Equal, "1.a");
        check("1.0.1", Ordering::Greater, "1.0");
        check("", Ordering::Equal, "0");
    }

    #[test]
    fn letters_make_a_prerelease() {
        let sorted = [
            "1.0.a",
            "1.0.a.2",
            "1.0.a10",
            "1.0.b1",
            "1.0.0.rc1",
            "1.0",
            "1.0.1.pre",
            "1.0.1",
        ];
        for pair in sorted.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
        }
        check("1.0.B", Ordering::Less, "1.0.a");
    }

    #[test]
    fn a_hyphen_reads_as_pre() {
        check("1.0-1", Ordering::Equal, "1.0.pre.1");
        check("1.0-rc1", Ordering::Less, "1.0");
        check("2.1.0-a-b", Ordering::Equal, "2.1.0.pre.a.pre.b");
    }

    #[test]
    fn versions_seen_in_the_field_are_in_order() {
        check("6.1.7.3", Ordering::Less, "7.0.0");
        check("5.2.4.3", Ordering::Greater, "5.2.4");
        check("1.13.10", Ordering::Greater, "1.13.9");
        check("20200101", Ordering::Less, "20200102.1");
    }

    #[test]
    fn what_rubygems_refuses_is_no_version() {
        for text in [
            "junk", "1.", ".1", "1..2", "1_0", "1.2 3", "1-", "v1", "1.\u{e9}",
        ] {
            assert_eq!(compare(text, text), None, "{text}");
        }
    }
}
