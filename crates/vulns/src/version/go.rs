//! Go module versions and Go's own releases.
//!
//! What: semantic versions with or without their `v`, pseudo-versions
//! and `+incompatible` being nothing special by precedence; and
//! `go1.21rc2`, the toolchain's spelling, put on the same line as the
//! `1.21.0-rc.2` advisories use.
//! Why: the Go ecosystem, and the standard library inside every binary.
//! Limits: `(devel)` has no version; vendor suffixes of a toolchain
//! (`go1.21.3-acme`, `go1.20.12b7`) are set aside.
//! References: golang.org/ref/mod, "Versions"; go.dev/doc/toolchain.

use std::{borrow::Cow, cmp::Ordering};

use super::{semver, split_run};

/// A version in the spelling of advisories.
#[derive(Debug)]
pub(super) struct Version<'a>(Cow<'a, str>);

pub(super) fn parse(text: &str) -> Option<Version<'_>> {
    let text = match text.strip_prefix("go") {
        Some(release) => Cow::Owned(toolchain(release)?),
        None => Cow::Borrowed(text),
    };
    semver::parse(&text)?;
    Some(Version(text))
}

impl Version<'_> {
    pub(super) fn cmp(&self, other: &Self) -> Option<Ordering> {
        Some(semver::parse(&self.0)?.cmp(&semver::parse(&other.0)?))
    }
}

/// `1.21rc2` as `1.21.0-rc.2`. From 1.21 on the first release is
/// `1.21.0`, and bare `1.21` is the language version, before every
/// release candidate; until then bare `1.20` is the first release.
fn toolchain(release: &str) -> Option<String> {
    let bytes = release.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
    let (numbers, _vendor) = split_run(bytes, is_part);
    let (numbers, rest) = split_run(numbers, |byte| byte.is_ascii_digit() || *byte == b'.');
    let numbers = std::str::from_utf8(numbers).ok()?;
    let mut parts = numbers.split('.');
    let major: u32 = parts.next()?.parse().ok()?;
    let minor: u32 = parts.next().unwrap_or("0").parse().ok()?;
    let patch: Option<u32> = parts.next().map(str::parse).transpose().ok()?;
    if parts.next().is_some() {
        return None;
    }
    let (kind, pre) = split_run(rest, u8::is_ascii_alphabetic);
    if !pre.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let kind = std::str::from_utf8(kind).ok()?;
    let pre = std::str::from_utf8(pre).ok()?;
    Some(match (patch, kind) {
        (Some(patch), _) => format!("{major}.{minor}.{patch}"),
        (None, "") if (major, minor) >= (1, 21) => format!("{major}.{minor}.0-0"),
        (None, "") => format!("{major}.{minor}.0"),
        (None, kind) if pre.is_empty() => format!("{major}.{minor}.0-{kind}"),
        (None, kind) => format!("{major}.{minor}.0-{kind}.{pre}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        crate::version::compare(model::VersionScheme::Go, a, b)
    }

    #[track_caller]
    fn check(a: &str, expected: Ordering, b: &str) {
        assert_eq!(compare(a, b), Some(expected), "{a} against {b}");
        assert_eq!(compare(b, a), Some(expected.reverse()), "{b} against {a}");
    }

    #[test]
    fn the_v_is_not_part_of_the_order() {
        check("v1.2.3", Ordering::Equal, "1.2.3");
        check("v2.0.0+incompatible", Ordering::Equal, "v2.0.0");
    }

    #[test]
    fn pseudo_versions_lie_between_their_neighbours() {
        // golang.org/ref/mod, "Pseudo-versions": its three forms.
        check(
            "v0.0.0-20191109021931-daa7c04131f5",
            Ordering::Less,
            "v0.0.1",
        );
        check(
            "v1.2.3-pre.0.20191109021931-daa7c04131f5",
            Ordering::Greater,
            "v1.2.3-pre",
        );
        check(
            "v1.2.4-0.20191109021931-daa7c04131f5",
            Ordering::Greater,
            "v1.2.3",
        );
        check(
            "v1.2.4-0.20191109021931-daa7c04131f5",
            Ordering::Less,
            "v1.2.4",
        );
        check(
            "v0.0.0-20220314234659-1baeb1ce4c0b",
            Ordering::Less,
            "v0.0.0-20220315160706-3147a52a75dd",
        );
    }

    #[test]
    fn toolchain_releases_follow_gos_own_rules() {
        // go.dev/doc/toolchain, "Version selection": 1.21 < 1.21rc1 <
        // 1.21rc2 < 1.21.0 < 1.21.1.
        let sorted = [
            "go1.20rc3",
            "go1.20",
            "go1.20.1",
            "go1.21",
            "go1.21beta1",
            "go1.21rc1",
            "go1.21rc2",
            "go1.21.0",
            "go1.21.1",
            "go1.21.10",
        ];
        for pair in sorted.windows(2) {
            check(pair[0], Ordering::Less, pair[1]);
        }
    }

    #[test]
    fn a_toolchain_meets_the_advisories_spelling() {
        check("go1.21rc2", Ordering::Equal, "1.21.0-rc.2");
        check("go1.20", Ordering::Equal, "1.20.0");
        check("go1.21", Ordering::Equal, "1.21.0-0");
        check("go1.9.7", Ordering::Less, "1.10.0");
    }

    #[test]
    fn vendor_suffixes_are_set_aside() {
        check("go1.21.3-acme.4", Ordering::Equal, "1.21.3");
        check("go1.20.12b7", Ordering::Equal, "1.20.12");
        check("go1.22.1 X:boringcrypto", Ordering::Equal, "1.22.1");
    }

    #[test]
    fn a_development_build_has_no_version() {
        for text in [
            "(devel)",
            "devel go1.22-abcdef",
            "go",
            "gopher",
            "go1.2.3.4",
            "",
        ] {
            assert_eq!(compare(text, "1.0.0"), None, "{text}");
        }
    }
}
