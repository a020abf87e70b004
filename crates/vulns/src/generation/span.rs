//! Ranges of the schema, taken apart into stretches that can be asked
//! one by one.

use std::cmp::Ordering;

use model::VersionScheme;

use super::layout::Bound;
use crate::{
    osv::{Affected, Event},
    version,
};

/// A stretch of affected versions.
#[derive(Debug)]
pub(super) struct Span<'r> {
    pub(super) introduced: &'r str,
    pub(super) bound: Bound,
    pub(super) upper: &'r str,
}

impl Span<'_> {
    pub(super) fn holds(&self, scheme: Option<VersionScheme>, version: &str) -> bool {
        let Some(scheme) = scheme else { return false };
        let is_after = self.introduced.is_empty()
            || version::compare(scheme, version, self.introduced).is_some_and(Ordering::is_ge);
        is_after
            && match self.bound {
                Bound::Open => true,
                Bound::Fixed | Bound::Limit => {
                    version::compare(scheme, version, self.upper).is_some_and(Ordering::is_lt)
                }
                Bound::LastAffected => {
                    version::compare(scheme, version, self.upper).is_some_and(Ordering::is_le)
                }
                Bound::Versions => false,
            }
    }
}

/// An event's kind (`None` for "introduced") and version.
pub(super) fn bound_of<'r>(event: &'r Event<'_>) -> Option<(Option<Bound>, &'r str)> {
    let Event {
        introduced,
        fixed,
        last_affected,
        limit,
    } = event;
    if let Some(text) = introduced {
        return Some((None, text));
    }
    [
        (fixed, Bound::Fixed),
        (last_affected, Bound::LastAffected),
        (limit, Bound::Limit),
    ]
    .into_iter()
    .find_map(|(text, bound)| text.as_ref().map(|text| (Some(bound), &**text)))
}

/// The affected stretches of all ranges whose versions we can order.
pub(super) fn spans<'r>(
    affected: &'r Affected<'_>,
    scheme: Option<VersionScheme>,
) -> Vec<Span<'r>> {
    let mut spans = Vec::new();
    let Some(scheme) = scheme else {
        return spans;
    };
    for range in &affected.ranges {
        if &*range.kind == "GIT" {
            continue;
        }
        let mut events: Vec<_> = range.events.iter().filter_map(bound_of).collect();
        // The schema lets events come in any order.
        if events.len() > 2 {
            events = version::sort_by(events, |(a_bound, a), (b_bound, b)| {
                let from_zero = (*b == "0").cmp(&(*a == "0"));
                from_zero
                    .then_with(|| version::compare(scheme, a, b).unwrap_or(Ordering::Equal))
                    .then_with(|| a_bound.is_none().cmp(&b_bound.is_none()))
            });
        }
        let mut introduced: Option<&str> = None;
        for (bound, text) in events {
            match (bound, introduced) {
                (None, None) => introduced = Some(if text == "0" { "" } else { text }),
                (Some(bound), Some(start)) if !(bound == Bound::Limit && text == "*") => {
                    spans.push(Span {
                        introduced: start,
                        bound,
                        upper: text,
                    });
                    introduced = None;
                }
                _ => {}
            }
        }
        if let Some(start) = introduced {
            spans.push(Span {
                introduced: start,
                bound: Bound::Open,
                upper: "",
            });
        }
    }
    spans
}
