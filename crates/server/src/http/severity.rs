//! Counts by severity, from the record to the wire.

use api::SeverityCounts;
use model::Severity;
use store::Counts;

pub(crate) fn counts(counts: Counts) -> SeverityCounts {
    SeverityCounts {
        critical: counts.critical,
        high: counts.high,
        medium: counts.medium,
        low: counts.low,
        info: counts.info,
        unknown: counts.unknown,
    }
}

/// A facet over severities, worst first; absent ones are left out.
pub(crate) fn facet(mut counts: Counts) -> api::Facet {
    api::Facet {
        field: "severity".to_owned(),
        values: Severity::WORST_FIRST
            .into_iter()
            .filter_map(|severity| {
                let count = *counts.of(severity);
                (count > 0).then(|| value(severity.as_str(), count))
            })
            .collect(),
    }
}

/// A facet over one flag: how many have it.
pub(crate) fn flag(field: &str, count: u64) -> api::Facet {
    api::Facet {
        field: field.to_owned(),
        values: if count > 0 {
            vec![value("true", count)]
        } else {
            Vec::new()
        },
    }
}

pub(crate) fn tallied(field: &str, tallies: Vec<store::Tally>) -> api::Facet {
    api::Facet {
        field: field.to_owned(),
        values: tallies
            .into_iter()
            .map(|tally| value(&tally.value, tally.count))
            .collect(),
    }
}

fn value(value: &str, count: u64) -> api::FacetValue {
    api::FacetValue {
        value: value.to_owned(),
        label: None,
        count,
    }
}
