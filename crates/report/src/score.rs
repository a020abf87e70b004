//! One number out of several CVSS vectors.

use model::{Severity, Vulnerability};

/// The highest base score, a version 2 score only where there is no
/// newer one: the versions' scales differ, and 2 is the coarsest.
pub(crate) fn best(vulnerability: &Vulnerability) -> Option<f64> {
    let highest = |is_wanted: fn(&str) -> bool| {
        vulnerability
            .cvss
            .iter()
            .filter(|cvss| is_wanted(&cvss.vector))
            .map(|cvss| cvss.score)
            .max_by(f64::total_cmp)
    };
    highest(|vector| vector.starts_with("CVSS:")).or_else(|| highest(|_| true))
}

/// A score that reads back as `severity` in tools which only know
/// numbers: the CVSS score where it agrees, else the band's middle.
pub(crate) fn agreeing(vulnerability: &Vulnerability) -> f64 {
    match best(vulnerability) {
        Some(score) if Severity::from_cvss(score) == vulnerability.severity => score,
        _ => match vulnerability.severity {
            Severity::Critical => 9.5,
            Severity::High => 8.0,
            Severity::Medium => 5.5,
            Severity::Low => 2.0,
            Severity::Info | Severity::Unknown => 0.0,
        },
    }
}
