//! How bad, and whether it will be mended: the publisher's words read.

use model::{AffectedState, Severity};

use super::standing::is_distribution_bulletin;
use crate::{
    cvss,
    osv::{Affected, Record},
};

/// How bad a record says its vulnerability is, and on what grounds:
/// better grounds win, then the worse rating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rating {
    grounds: u8,
    pub(crate) severity: Severity,
}

/// The publisher's word on packages without a fixed version.
pub(super) fn state(affected: &Affected<'_>) -> AffectedState {
    let specific = &affected.ecosystem_specific;
    let state = specific.state.as_deref();
    let state = state.or(affected.database_specific.state.as_deref());
    // Debian says "end-of-life" where others say how urgent it is.
    let state = state.or(specific.severity.as_deref());
    match state
        .unwrap_or_default()
        .to_ascii_lowercase()
        .replace([' ', '-'], "_")
        .as_str()
    {
        "ignored"
        | "will_not_fix"
        | "wontfix"
        | "won't_fix"
        | "end_of_life"
        | "eol"
        | "out_of_support_scope" => AffectedState::WillNotFix,
        "needs_triage" | "under_investigation" | "undetermined" => {
            AffectedState::UnderInvestigation
        }
        "not_affected" | "dne" | "does_not_exist" => AffectedState::NotAffected,
        _ => AffectedState::Unfixed,
    }
}

/// A distribution's own rating of one package.
pub(super) fn vendor_severity(affected: &Affected<'_>) -> Severity {
    [&affected.ecosystem_specific, &affected.database_specific]
        .into_iter()
        .filter_map(|specific| specific.severity.as_deref())
        .filter_map(|word| word.parse().ok())
        .find(|severity| *severity != Severity::Unknown)
        .unwrap_or_default()
}

/// What a record says of its vulnerability's severity: CVSS 4 before 3
/// before 2 before words, and a bundle's word last of all.
pub(super) fn rate(record: &Record<'_>, is_same: bool) -> Rating {
    let informational = record.affected.iter().find_map(|affected| {
        let word = affected.database_specific.informational.as_deref()?;
        Some(if word == "unsound" {
            Severity::Low
        } else {
            Severity::Info
        })
    });
    if let Some(severity) = informational {
        return Rating {
            grounds: 1,
            severity,
        };
    }
    let scores = record
        .affected
        .iter()
        .flat_map(|affected| &affected.severity)
        .chain(&record.severity);
    let from_score = scores.filter_map(|score| {
        let grounds = match &*score.kind {
            "CVSS_V4" => 5,
            "CVSS_V3" => 4,
            "CVSS_V2" => 3,
            _ => return None,
        };
        let severity = Severity::from_cvss(cvss::score(&score.score)?);
        Some(Rating { grounds, severity })
    });
    let by_kind = record.severity.iter();
    let words = by_kind
        .filter(|score| !score.kind.starts_with("CVSS"))
        .map(|score| &*score.score)
        .chain(record.database_specific.severity.as_deref())
        .chain(record.affected.iter().flat_map(|affected| {
            let specific = [&affected.ecosystem_specific, &affected.database_specific];
            specific.into_iter().filter_map(|s| s.severity.as_deref())
        }))
        .chain(title_word(record));
    let from_word = words.filter_map(|word| {
        let severity: Severity = word.parse().ok()?;
        (severity != Severity::Unknown).then_some(Rating {
            grounds: if is_same { 2 } else { 1 },
            severity,
        })
    });
    let best = from_score.chain(from_word).max();
    let malware = record.id.starts_with("MAL-").then_some(Rating {
        grounds: 1,
        severity: Severity::Critical,
    });
    best.or(malware).unwrap_or_default()
}

/// Red Hat and its kin begin a title with the rating: `Important: …`.
fn title_word<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    let (word, _) = record.summary.as_deref()?.split_once(':')?;
    is_distribution_bulletin(&record.id).then_some(word)
}
