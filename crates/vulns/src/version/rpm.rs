//! RPM versions: `[epoch:]version[-release]`.
//!
//! What: the order of rpm 4.15 and later, with `~` and `^`; no
//! allocation.
//! Why: Red Hat, its rebuilds, SUSE, Amazon, Azure Linux and others.
//! Limits: a version without a release sorts before the same version
//! with any.
//! References: rpm-version(7); rpm's "Dependencies" manual page,
//! "Versioning".

use std::cmp::Ordering;

use super::{by_value, split_run};

#[derive(Debug)]
pub(super) struct Version<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    release: Option<&'a [u8]>,
}

impl Version<'_> {
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        by_value(self.epoch, other.epoch)
            .then_with(|| by_segments(self.upstream, other.upstream))
            .then_with(|| match (self.release, other.release) {
                (Some(a), Some(b)) => by_segments(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
    }
}

pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let (digits, rest) = split_run(bytes, u8::is_ascii_digit);
    let (epoch, rest) = match rest {
        [b':', rest @ ..] => (digits, rest),
        _ => (digits.get(..0)?, bytes),
    };
    let (upstream, release) = match rest.iter().rposition(|byte| *byte == b'-') {
        Some(hyphen) => (rest.get(..hyphen)?, rest.get(hyphen + 1..)),
        None => (rest, None),
    };
    Some(Version {
        epoch,
        upstream,
        release,
    })
}

/// What stands next in a version, lowest first: a tilde sorts before the
/// end, a caret just after it, words before numbers.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Tilde,
    End,
    Caret,
    Word(&'a [u8]),
    Number(&'a [u8]),
}

fn by_segments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (segment_a, rest_a) = next(a);
        let (segment_b, rest_b) = next(b);
        let order = match (&segment_a, &segment_b) {
            (Segment::Number(a), Segment::Number(b)) => by_value(a, b),
            (a, b) => a.cmp(b),
        };
        if order.is_ne() || segment_a == Segment::End {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// Anything that is neither a letter, a digit, `~` nor `^` only
/// separates.
fn next(bytes: &[u8]) -> (Segment<'_>, &[u8]) {
    let is_separator = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^');
    let (_, bytes) = split_run(bytes, is_separator);
    match bytes {
        [] => (Segment::End, bytes),
        [b'~', rest @ ..] => (Segment::Tilde, rest),
        [b'^', rest @ ..] => (Segment::Caret, rest),
        [digit, ..] if digit.is_ascii_digit() => {
            let (number, rest) = split_run(bytes, u8::is_ascii_digit);
            (Segment::Number(number), rest)
        }
        _ => {
            let (word, rest) = split_run(bytes, u8::is_ascii_alphabetic);
            (Segment::Word(word), rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Rpm, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn separators_only_separate() {
        check("1.0", Ordering::Equal, "1_0");
        check("2.0.1", Ordering::Greater, "2.0");
        check("2.0", Ordering::Equal, "2.0.");
        check("1++2", Ordering::Equal, "1.2");
    }

    #[test]
    fn numbers_compare_by_value_and_beat_words() {
        check("5.5p10", Ordering::Greater, "5.5p9");
        check("1.05", Ordering::Equal, "1.5");
        check("10xyz", Ordering::Less, "10.1xyz");
        check("xyz.4", Ordering::Less, "8");
        check("1.0a", Ordering::Greater, "1.0");
        check("20240101000000000000000001", Ordering::Greater, "20240101");
    }

    #[test]
    fn words_compare_by_bytes_and_a_longer_one_is_newer() {
        check("1a", Ordering::Less, "1ab");
        check("1A", Ordering::Less, "1a");
    }

    #[test]
    fn a_tilde_is_older_and_a_caret_newer_than_the_end() {
        check("1.0~rc1", Ordering::Less, "1.0");
        check("1.0~rc1", Ordering::Less, "1.0~rc2");
        check("1.0^git1", Ordering::Greater, "1.0");
        check("1.0^git1", Ordering::Less, "1.0.1");
        check("1.0^git1~pre", Ordering::Less, "1.0^git1");
        check("1.0~rc1^git1", Ordering::Greater, "1.0~rc1");
        check("1.0^20160101", Ordering::Less, "1.01");
    }

    #[test]
    fn epoch_first_then_version_then_release() {
        check("1:1.0-1", Ordering::Greater, "2.0-1");
        check("0:1.0-1.el9", Ordering::Equal, "1.0-1.el9");
        check("1.2.3-4.el9_2.1", Ordering::Greater, "1.2.3-4.el9");
        check("1.0", Ordering::Less, "1.0-1");
    }

    #[test]
    fn blanks_and_nothing_are_no_versions() {
        for text in ["", "1 2", "1\n", "1.0\u{e9}"] {
            assert_eq!(compare(text, text), None, "{text}");
        }
    }
}
