//! NuGet versions: SemVer 2.0.0 with up to four numbers.
//!
//! What: the order of NuGet's `VersionComparer` by version and release
//! label; no allocation.
//! Why: .NET packages.
//! Limits: numbers beyond 31 bits are refused, as NuGet does.
//! References: learn.microsoft.com, "NuGet package version reference".

use std::cmp::Ordering;

use super::split_run;

#[derive(Debug)]
pub(super) struct Version<'a> {
    /// Missing numbers are zero: `1.0` is `1.0.0.0`.
    numbers: [i32; 4],
    labels: &'a [u8],
}

impl Version<'_> {
    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        let by_numbers = self.numbers.cmp(&other.numbers);
        by_numbers.then_with(|| by_labels(self.labels, other.labels))
    }
}

pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.trim_ascii().as_bytes();
    let (text, metadata) = split_run(text, |byte| *byte != b'+');
    let (release, labels) = split_run(text, |byte| *byte != b'-');
    let mut numbers = [0; 4];
    let mut places = numbers.iter_mut();
    for part in release.split(|byte| *byte == b'.') {
        if !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        *places.next()? = std::str::from_utf8(part).ok()?.parse().ok()?;
    }
    let labels = match labels {
        [] => labels,
        [_, labels @ ..] if are_labels(labels) => labels,
        _ => return None,
    };
    match metadata {
        [] => {}
        [_, metadata @ ..] if are_labels(metadata) => {}
        _ => return None,
    }
    Some(Version { numbers, labels })
}

fn are_labels(text: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    text.split(|byte| *byte == b'.')
        .all(|label| !label.is_empty() && label.iter().all(is_letter))
}

/// As in SemVer, except that case does not count.
fn by_labels(a: &[u8], b: &[u8]) -> Ordering {
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
            (Some(a), Some(b)) => by_label(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn by_label(a: &[u8], b: &[u8]) -> Ordering {
    // What .NET reads as an int is a number, a minus sign included.
    let number = |label: &[u8]| -> Option<i32> { std::str::from_utf8(label).ok()?.parse().ok() };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => {
            let upper = |label: &'_ [u8]| label.to_ascii_uppercase();
            upper(a).cmp(&upper(b))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::NuGet, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn the_reference_pages_example_is_in_order() {
        // "Pre-release versions": listed there from the highest down.
        let sorted = [
            "1.0.1-alpha",
            "1.0.1-alpha10",
            "1.0.1-alpha2",
            "1.0.1-Beta",
            "1.0.1-open",
            "1.0.1-rc.2",
            "1.0.1-rc.10",
            "1.0.1-zzz",
            "1.0.1",
        ];
        for pair in sorted.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
        }
    }

    #[test]
    fn spellings_the_reference_page_normalizes_are_equal() {
        check("1.00", Ordering::Equal, "1.0");
        check("1.01.1", Ordering::Equal, "1.1.1");
        check("1.00.0.1", Ordering::Equal, "1.0.0.1");
        check("1.0.0.0", Ordering::Equal, "1.0.0");
        check("1.0.01.0", Ordering::Equal, "1.0.1");
        check("1.0.7+r3456", Ordering::Equal, "1.0.7");
        check("1.0.0-ALPHA", Ordering::Equal, "1.0.0-alpha");
    }

    #[test]
    fn a_fourth_number_counts() {
        check("4.3.0.1", Ordering::Greater, "4.3.0");
        check("13.0.1", Ordering::Greater, "12.0.3");
        check("1.0.0.1-rc", Ordering::Less, "1.0.0.1");
    }

    #[test]
    fn numeric_labels_are_older_than_words() {
        check("1.0.0-1", Ordering::Less, "1.0.0-a");
        check("1.0.0-9", Ordering::Less, "1.0.0-10");
        check("1.0.0-a", Ordering::Less, "1.0.0-a.0");
    }

    #[test]
    fn what_nuget_refuses_is_no_version() {
        for text in [
            "",
            "1.2.3.4.5",
            "1..2",
            "v1.0",
            "1.0-",
            "1.0-a..b",
            "1.0+",
            "99999999999.0",
            "1.0-b_c",
        ] {
            assert_eq!(compare(text, text), None, "{text}");
        }
    }
}
