//! Debian package versions: `[epoch:]upstream[-revision]`.
//!
//! What: the order dpkg gives them; no allocation.
//! Why: Debian, Ubuntu and their derivatives publish fixed versions so.
//! Limits: any printable ASCII is accepted in the parts, as dpkg itself
//! does when reading its own database.
//! References: Debian Policy 5.6.12; deb-version(7).

use std::cmp::Ordering;

use super::{by_value, split_run};

#[derive(Debug)]
pub(super) struct Version<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl Version<'_> {
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        by_value(self.epoch, other.epoch)
            .then_with(|| by_part(self.upstream, other.upstream))
            .then_with(|| by_part(self.revision, other.revision))
    }
}

pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let bytes = text.as_bytes();
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let (epoch, rest) = match bytes.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let (epoch, rest) = bytes.split_at(colon);
            // dpkg keeps the epoch in an int.
            if epoch.is_empty() || !epoch.iter().all(u8::is_ascii_digit) || epoch.len() > 10 {
                return None;
            }
            (epoch, rest.get(1..)?)
        }
        None => (bytes.get(..0)?, bytes),
    };
    let (upstream, revision) = match rest.iter().rposition(|byte| *byte == b'-') {
        Some(hyphen) => {
            let (upstream, revision) = rest.split_at(hyphen);
            let revision = revision.get(1..).filter(|text| !text.is_empty())?;
            (upstream, revision)
        }
        None => (rest, bytes.get(..0)?),
    };
    (!upstream.is_empty()).then_some(Version {
        epoch,
        upstream,
        revision,
    })
}

/// Alternately a run of non-digits, by [`weight`], and a run of digits,
/// by value, until they differ.
fn by_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (words_a, rest_a) = split_run(a, |byte| !byte.is_ascii_digit());
        let (words_b, rest_b) = split_run(b, |byte| !byte.is_ascii_digit());
        let (number_a, rest_a) = split_run(rest_a, u8::is_ascii_digit);
        let (number_b, rest_b) = split_run(rest_b, u8::is_ascii_digit);
        let order = by_words(words_a, words_b).then_with(|| by_value(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn by_words(a: &[u8], b: &[u8]) -> Ordering {
    let weight_at = |run: &[u8], index| run.get(index).copied().map_or(END, weight);
    (0..a.len().max(b.len()))
        .map(|index| weight_at(a, index).cmp(&weight_at(b, index)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

const END: u16 = 1;

/// A tilde sorts before the end of the part, letters before everything
/// else.
fn weight(byte: u8) -> u16 {
    match byte {
        b'~' => 0,
        letter if letter.is_ascii_alphabetic() => u16::from(letter),
        other => u16::from(other) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Dpkg, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn the_policy_manuals_tilde_example_is_in_order() {
        // Debian Policy 5.6.12: "the following parts are sorted from
        // earliest to latest".
        let sorted = ["~~", "~~a", "~", "", "a"].map(|part| format!("1{part}"));
        for pair in sorted.windows(2) {
            check(&pair[0], Ordering::Less, &pair[1]);
        }
    }

    #[test]
    fn digits_compare_by_value_and_letters_before_signs() {
        check("1.2", Ordering::Less, "1.10");
        check("1.002", Ordering::Equal, "1.2");
        check("1a", Ordering::Less, "1+");
        check("1.a", Ordering::Greater, "1a");
        check("1.0", Ordering::Equal, "1.");
        check(
            "99999999999999999999999",
            Ordering::Less,
            "100000000000000000000000",
        );
    }

    #[test]
    fn a_missing_epoch_is_zero_and_outweighs_everything() {
        check("0:1.0-1", Ordering::Equal, "1.0-1");
        check("1:0.1-1", Ordering::Greater, "9.9-1");
    }

    #[test]
    fn the_last_hyphen_begins_the_revision() {
        check("1.0-2-1", Ordering::Less, "1.0-10-1");
        check("1.0", Ordering::Equal, "1.0-0");
        check("1.0", Ordering::Less, "1.0-1");
        check("1.1.1n-0+deb11u4", Ordering::Less, "1.1.1n-0+deb11u5");
        check("2.36-9+deb12u4~bpo1", Ordering::Less, "2.36-9+deb12u4");
        check("1.0-1ubuntu1.1", Ordering::Greater, "1.0-1");
        check("1:2.3:4-1", Ordering::Less, "1:2.3:5-1");
    }

    #[test]
    fn what_dpkg_refuses_is_no_version() {
        for text in [
            "",
            "1 2",
            "a:1",
            ":1",
            "1:",
            "1-",
            "-1",
            "1.0\u{e9}",
            "99999999999:1",
        ] {
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }
}
