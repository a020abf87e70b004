//! The laws every version order obeys, over versions as they are written
//! and over arbitrary text.

use std::cmp::Ordering;

use model::VersionScheme::{self, *};
use proptest::{prelude::*, test_runner::TestCaseError};

use super::{MAX_LENGTH, compare, sort_by};

const SCHEMES: [VersionScheme; 11] = [
    Dpkg, Rpm, Apk, Semver, Crates, Go, Pep440, Maven, RubyGems, NuGet, Composer,
];

/// Versions as they look in the wild; small numbers and few words, so
/// that near misses are common.
fn plausible(scheme: VersionScheme) -> BoxedStrategy<String> {
    let pattern = match scheme {
        Dpkg => {
            "([01]:)?[0-3](\\.[0-9]{1,2}){0,3}([a-z~+]{1,2}[0-9]?){0,2}(-[0-3](ubuntu[0-2]|\\+deb1[12]u[1-3]|~bpo1)?)?"
        }
        Rpm => {
            "([01]:)?[0-3](\\.[0-9]{1,2}){0,3}([~^][a-z]{1,3}[0-9]?)?(-[0-3](\\.el[89](_[0-9])?)?)?"
        }
        Apk => {
            "[0-3](\\.[0-9]{1,2}){0,3}[a-c]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-3]?){0,2}(~[0-9a-f]{2})?(-r[0-3])?"
        }
        Semver => {
            "v?[0-2](\\.[0-2]){0,3}(-(alpha|beta|rc|[0-2]|0a)(\\.(x|[0-2])){0,2})?(\\+[a-b])?"
        }
        Crates => "[0-2]\\.[0-2]\\.[0-2](-(alpha|beta|rc|[0-2]|0a)(\\.(x|[0-2])){0,2})?(\\+[a-b])?",
        Go => {
            "v?[0-2]\\.[0-2]\\.[0-2](-(rc\\.[0-2]|0\\.2019110902193[0-2]-daa7c04131f[0-5]))?(\\+incompatible)?|go1\\.(2[0-2]|9)(\\.[0-2]|rc[0-2]|beta1)?"
        }
        Pep440 => "([01]!)?[0-2](\\.[0-2]){0,3}(a|b|rc)?[0-2]?(\\.post[0-2])?(\\.dev[0-2])?",
        // One qualifier, and no number after one that means the release:
        // beyond that Maven's own rules are not transitive.
        Maven => {
            "[0-2](\\.[0-2]){0,3}([.-](ga|final|(alpha|beta|rc|cr|snapshot|sp|jre|m)(-?[0-2])?))?"
        }
        RubyGems => "[0-2](\\.[0-2]){0,3}(\\.(a|b|rc|pre)(\\.?[0-2])?){0,2}(-[0-2])?",
        NuGet => {
            "[0-2](\\.[0-2]){0,3}(-(Alpha|alpha|rc|[0-2]|-1)(\\.(x|X|[0-2])){0,2})?(\\+[a-b])?"
        }
        Composer => {
            "v?[0-2](\\.[0-2]){0,3}(-?(alpha|beta|RC|a|b|p|patch|stable)[0-2]?)?(-dev)?|[0-2]\\.x-dev|2024010[0-3]"
        }
    };
    proptest::string::string_regex(pattern)
        .expect("the pattern is ours")
        .boxed()
}

/// Anything, leaning towards what these grammars are made of.
fn arbitrary() -> BoxedStrategy<String> {
    prop_oneof!["[0-2a-b.~^:_+rpv-]{0,8}", "[ -~]{0,12}", any::<String>(),].boxed()
}

fn is_reflexive(scheme: VersionScheme, a: &str) -> Result<(), TestCaseError> {
    let order = compare(scheme, a, a);
    prop_assert!(
        matches!(order, None | Some(Ordering::Equal)),
        "{scheme:?}: {a:?}"
    );
    Ok(())
}

fn is_antisymmetric(scheme: VersionScheme, a: &str, b: &str) -> Result<(), TestCaseError> {
    let order = compare(scheme, a, b);
    let reverse = compare(scheme, b, a).map(Ordering::reverse);
    prop_assert_eq!(order, reverse, "{:?}: {:?} {:?}", scheme, a, b);
    Ok(())
}

fn is_transitive(scheme: VersionScheme, versions: [&str; 3]) -> Result<(), TestCaseError> {
    let mut sorted = versions;
    let valid = versions
        .iter()
        .all(|version| compare(scheme, version, version).is_some());
    if !valid {
        return Ok(());
    }
    let order = |a: &str, b: &str| compare(scheme, a, b).expect("both are versions");
    // Three elements: sorting needs no law but that of pairs.
    if order(sorted[0], sorted[1]).is_gt() {
        sorted.swap(0, 1);
    }
    if order(sorted[1], sorted[2]).is_gt() {
        sorted.swap(1, 2);
    }
    if order(sorted[0], sorted[1]).is_gt() {
        sorted.swap(0, 1);
    }
    let [a, b, c] = sorted;
    let steps = (order(a, b), order(b, c));
    let expected = match steps {
        (Ordering::Equal, step) | (step, Ordering::Equal) => step,
        _ => Ordering::Less,
    };
    prop_assert_eq!(
        order(a, c),
        expected,
        "{:?}: {:?} {:?} {:?}",
        scheme,
        a,
        b,
        c
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn plausible_versions_are_totally_ordered(
        (scheme, a, b, c) in prop::sample::select(&SCHEMES[..]).prop_flat_map(|scheme| {
            (Just(scheme), plausible(scheme), plausible(scheme), plausible(scheme))
        })
    ) {
        prop_assert!(compare(scheme, &a, &b).is_some(), "{scheme:?}: {a:?} {b:?}");
        is_reflexive(scheme, &a)?;
        is_antisymmetric(scheme, &a, &b)?;
        is_transitive(scheme, [&a, &b, &c])?;
    }

    #[test]
    fn arbitrary_text_is_refused_or_totally_ordered(
        scheme in prop::sample::select(&SCHEMES[..]),
        a in arbitrary(),
        b in arbitrary(),
        c in arbitrary(),
    ) {
        is_reflexive(scheme, &a)?;
        is_antisymmetric(scheme, &a, &b)?;
        if scheme != Maven {
            is_transitive(scheme, [&a, &b, &c])?;
        }
    }

    #[test]
    fn sorting_is_as_the_standard_librarys(
        numbers in prop::collection::vec((0..20_u8, 0..200_usize), 0..100),
    ) {
        let mut expected = numbers.clone();
        expected.sort_by_key(|(number, _)| *number);
        prop_assert_eq!(sort_by(numbers, |a, b| a.0.cmp(&b.0)), expected);
    }
}

#[test]
fn an_order_that_contradicts_itself_can_be_sorted_by() {
    let mut numbers: Vec<u32> = (0..500).collect();
    // Stone, scissors, paper.
    let order = |a: &u32, b: &u32| match (3 + a % 3 - b % 3) % 3 {
        0 => Ordering::Equal,
        1 => Ordering::Greater,
        _ => Ordering::Less,
    };
    let mut sorted = sort_by(numbers.clone(), order);
    sorted.sort_unstable();
    numbers.sort_unstable();
    assert_eq!(sorted, numbers);
}

#[test]
fn a_version_longer_than_the_bound_is_none() {
    for scheme in SCHEMES {
        let long = format!("1.0.{}", "1".repeat(MAX_LENGTH));
        assert_eq!(compare(scheme, &long, &long), None, "{scheme:?}");
    }
}
