//! Whether a version lies in what an advisory calls affected.
//!
//! The evaluation the OSV schema prescribes ("Evaluation" in
//! schema 1.7), in one pass and without sorting.

use std::cmp::Ordering;

use model::VersionScheme;

use super::compare;

/// One point on the line of versions where the state changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Affected from here on; `0` is before every version.
    Introduced(&'a str),
    /// Not affected from here on.
    Fixed(&'a str),
    /// Not affected after this one.
    LastAffected(&'a str),
    /// The range says nothing from here on.
    Limit(&'a str),
}

/// Whether `version` is affected by one range's `events` or is one of
/// the enumerated `versions`. `None` when that cannot be told: the
/// version or an event is not one of `scheme`.
pub fn affected<'a>(
    scheme: VersionScheme,
    events: impl IntoIterator<Item = Event<'a>>,
    versions: impl IntoIterator<Item = &'a str>,
    version: &str,
) -> Option<bool> {
    if is_enumerated(scheme, versions, version) {
        return Some(true);
    }
    in_events(scheme, events, version)
}

/// Whether one of `versions` is `version`, in so many letters or by the
/// rules of `scheme` (`1.0` is `1.0.0` on PyPI).
pub fn is_enumerated<'a>(
    scheme: VersionScheme,
    versions: impl IntoIterator<Item = &'a str>,
    version: &str,
) -> bool {
    versions
        .into_iter()
        .any(|one| one == version || compare(scheme, one, version) == Some(Ordering::Equal))
}

/// Whether `version` lies in one range.
///
/// Sorted by version, events switch the state on and off; what counts is
/// the last one that applies to `version`. Of two at the same version
/// the one listed last wins, as in a stable sort; a last affected version
/// acts after both.
pub fn in_events<'a>(
    scheme: VersionScheme,
    events: impl IntoIterator<Item = Event<'a>>,
    version: &str,
) -> Option<bool> {
    compare(scheme, version, version)?;
    // The version of the last event that applies; `None` is the
    // beginning of the line.
    let mut last: Option<&str> = None;
    let mut is_affected = false;
    // Whether that event leaves its own version as it was.
    let mut acts_after = false;
    let mut limits = 0_usize;
    let mut is_below_a_limit = false;
    for event in events {
        let (at, applies, switches_on) = match event {
            Event::Introduced("0") => (None, true, true),
            Event::Introduced(at) => (Some(at), compare(scheme, at, version)?.is_le(), true),
            Event::Fixed(at) => (Some(at), compare(scheme, at, version)?.is_le(), false),
            Event::LastAffected(at) => (Some(at), compare(scheme, at, version)?.is_lt(), false),
            Event::Limit(at) => {
                limits += 1;
                is_below_a_limit |= at == "*" || compare(scheme, version, at)?.is_lt();
                continue;
            }
        };
        let is_later = match (last, at) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(last), Some(at)) => match compare(scheme, last, at)? {
                Ordering::Less => true,
                Ordering::Equal => !(acts_after && switches_on),
                Ordering::Greater => false,
            },
        };
        if applies && is_later {
            last = at;
            is_affected = switches_on;
            acts_after = matches!(event, Event::LastAffected(_));
        }
    }
    Some(is_affected && (limits == 0 || is_below_a_limit))
}

#[cfg(test)]
mod tests {
    use super::{Event::*, *};

    const NPM: VersionScheme = VersionScheme::Semver;

    #[track_caller]
    fn check(events: &[Event<'_>], affected: &[&str], unaffected: &[&str]) {
        for version in affected {
            let verdict = in_events(NPM, events.iter().copied(), version);
            assert_eq!(verdict, Some(true), "{version}");
            let backwards = in_events(NPM, events.iter().rev().copied(), version);
            assert_eq!(backwards, Some(true), "{version}, events reversed");
        }
        for version in unaffected {
            let verdict = in_events(NPM, events.iter().copied(), version);
            assert_eq!(verdict, Some(false), "{version}");
            let backwards = in_events(NPM, events.iter().rev().copied(), version);
            assert_eq!(backwards, Some(false), "{version}, events reversed");
        }
    }

    #[test]
    fn zero_is_before_every_version() {
        check(&[Introduced("0")], &["0.0.0-alpha", "0", "99"], &[]);
        check(
            &[Introduced("0"), Fixed("1.2.0")],
            &["0.0.0-a", "1.2.0-rc"],
            &["1.2.0"],
        );
    }

    #[test]
    fn several_branches_in_one_range_are_kept_apart() {
        let events = [
            Introduced("1.0.0"),
            Fixed("1.0.2"),
            Introduced("3.0.0"),
            Fixed("3.2.5"),
        ];
        check(
            &events,
            &["1.0.0", "1.0.1", "3.1.0"],
            &["0.9.0", "1.0.2", "2.0.0", "3.2.5", "4.0.0"],
        );
    }

    #[test]
    fn the_last_affected_version_is_itself_affected() {
        check(
            &[Introduced("0"), LastAffected("2.1.214")],
            &["2.1.214"],
            &["2.1.215"],
        );
        check(
            &[Introduced("1.0.0"), LastAffected("1.0.0")],
            &["1.0.0"],
            &["1.0.1", "0.9.9"],
        );
    }

    #[test]
    fn beyond_the_limit_a_range_says_nothing() {
        check(
            &[Introduced("1.0.0"), Limit("2.0.0")],
            &["1.5.0"],
            &["2.0.0", "3.0.0"],
        );
        check(&[Introduced("1.0.0"), Limit("*")], &["9.0.0"], &["0.1.0"]);
    }

    #[test]
    fn a_range_without_events_affects_nothing() {
        check(&[], &[], &["1.0.0"]);
    }

    #[test]
    fn an_enumerated_version_is_affected_whatever_the_events_say() {
        let verdict = affected(NPM, [Introduced("0"), Fixed("1.0.0")], ["3.3.6"], "3.3.6");
        assert_eq!(verdict, Some(true));
        assert_eq!(affected(NPM, [], ["v3.3.6"], "3.3.6"), Some(true));
        assert_eq!(affected(NPM, [], ["3.3.6"], "3.3.7"), Some(false));
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed_at() {
        assert_eq!(in_events(NPM, [Introduced("0")], "latest"), None);
        assert_eq!(
            in_events(NPM, [Introduced("0"), Fixed("soon")], "1.0.0"),
            None
        );
        assert_eq!(affected(NPM, [], ["latest"], "latest"), Some(true));
    }
}
