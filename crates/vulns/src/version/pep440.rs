//! Python package versions.
//!
//! What: PEP 440, as read by the `pep440_rs` crate.
//! Why: PyPI.
//! Limits: the free-form versions from before PEP 440 are none, as for
//! pip since 24.1; numbers beyond 64 bits neither.
//! References: PEP 440; the packaging guide's "Version specifiers".

use std::str::FromStr;

pub(super) use pep440_rs::Version;

pub(super) fn parse(text: &str) -> Option<Version> {
    Version::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Pep440, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn the_peps_own_example_is_in_order() {
        // PEP 440, "Summary of permitted suffixes and relative ordering".
        let sorted = [
            "1.dev0",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
        ];
        for pair in sorted.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        check("v1.0", Ordering::Equal, "1.0.0");
        check("1.0-ALPHA_1", Ordering::Equal, "1.0a1");
        check("1.0-1", Ordering::Equal, "1.0.post1");
        check("1!1.0", Ordering::Greater, "2024.1");
    }

    #[test]
    fn free_form_versions_are_none() {
        for text in ["", "french toast", "1.0+", "1.0-SNAPSHOT", "2004d-beta"] {
            assert_eq!(compare(text, text), None, "{text}");
        }
    }
}
