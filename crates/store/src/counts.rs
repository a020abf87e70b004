//! Findings counted by severity.

use model::Severity;
use serde::{Deserialize, Serialize};

use crate::{StoreError, db::Row};

/// How many findings have each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub info: u64,
    pub unknown: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        let mut more = more;
        for severity in Severity::WORST_FIRST {
            *self.of(severity) += *more.of(severity);
        }
    }
}

/// The columns of a [`Counts`], in its order.
pub(crate) const COUNT_COLUMNS: &str = "critical, high, medium, low, info, unknown";

impl Counts {
    pub fn of(&mut self, severity: Severity) -> &mut u64 {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Info => &mut self.info,
            Severity::Unknown => &mut self.unknown,
        }
    }

    pub fn total(&self) -> u64 {
        self.critical + self.high + self.medium + self.low + self.info + self.unknown
    }

    /// The worst severity there is any of.
    pub(crate) fn worst(&self) -> Severity {
        let mut counts = *self;
        Severity::WORST_FIRST
            .into_iter()
            .find(|severity| *counts.of(*severity) > 0)
            .unwrap_or_default()
    }

    /// One number that orders by critical, then high, then medium, then
    /// low count.
    pub(crate) fn risk(&self) -> i64 {
        let part = |count: u64| i64::try_from(count.min(8191)).unwrap_or(8191);
        part(self.critical) << 39 | part(self.high) << 26 | part(self.medium) << 13 | part(self.low)
    }

    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            critical: row.count("critical")?,
            high: row.count("high")?,
            medium: row.count("medium")?,
            low: row.count("low")?,
            info: row.count("info")?,
            unknown: row.count("unknown")?,
        })
    }

    pub(crate) fn as_columns(&self) -> [i64; 6] {
        [
            self.critical,
            self.high,
            self.medium,
            self.low,
            self.info,
            self.unknown,
        ]
        .map(|count| i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// The number a severity has in the database.
pub(crate) fn severity_number(severity: Severity) -> i64 {
    match severity {
        Severity::Unknown => 0,
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

pub(crate) fn severity_of(number: i64) -> Severity {
    match number {
        5 => Severity::Critical,
        4 => Severity::High,
        3 => Severity::Medium,
        2 => Severity::Low,
        1 => Severity::Info,
        _ => Severity::Unknown,
    }
}

/// Orders findings: by severity, then known exploitation, then its
/// likelihood. One integer, so that one index serves the queue.
pub(crate) fn finding_rank(severity: Severity, kev: bool, epss: Option<f64>) -> i64 {
    // In steps of a thousandth: forecasts change daily by less than
    // that, and every other rank is a row written again.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a probability times a thousand"
    )]
    let likelihood = (epss.unwrap_or(0.0).clamp(0.0, 1.0) * 999.0).round() as i64 * 1000;
    severity_number(severity) * 2_000_000 + i64::from(kev) * 1_000_000 + likelihood
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worse_severity_outranks_any_likelihood() {
        let exploited = finding_rank(Severity::Medium, true, Some(1.0));
        let quiet = finding_rank(Severity::High, false, None);
        assert!(quiet > exploited);
        assert!(exploited > finding_rank(Severity::Medium, false, Some(1.0)));
    }

    #[test]
    fn one_critical_outweighs_thousands_of_lesser_ones() {
        let one = Counts {
            critical: 1,
            ..Counts::default()
        };
        let many = Counts {
            high: 100_000,
            medium: 100_000,
            ..Counts::default()
        };
        assert!(one.risk() > many.risk());
    }
}
