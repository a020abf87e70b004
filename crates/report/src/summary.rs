//! What to do first: one report boiled down to counts, upgrades and
//! caveats.

mod base;
mod text;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SpanRound, Timestamp, Unit};
use model::{Ecosystem, Finding, Report, Severity};
use serde::Serialize;

pub use base::BaseAdvice;
pub(crate) use text::{clean_line, count, number, write};
pub use upgrade::{SystemUpgrade, Upgrade};

use crate::{CompareVersions, places::Places};

/// Facts and advice drawn from one report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Worst first; severities without any are absent.
    pub counts: Vec<(Severity, usize)>,
    pub findings: usize,
    /// Distinct vulnerabilities among them.
    pub vulnerabilities: usize,
    /// Findings that a published version mends.
    pub fixable: usize,
    /// Findings whose vulnerability is known to be exploited.
    pub exploited: usize,
    /// Everything the distribution's package manager can mend, as one step.
    pub system: Option<SystemUpgrade>,
    /// Language packages to raise, most worthwhile first.
    pub upgrades: Vec<Upgrade>,
    /// Set where the lowest layers hold most findings.
    pub base: Option<BaseAdvice>,
    pub suppressed: usize,
    /// Language packages that belong to a distribution package, which
    /// was matched in their place.
    pub owned: usize,
    pub packages: usize,
    /// Packages nothing could be said of, by ecosystem, because the
    /// advisory database holds nothing for it.
    pub unchecked: BTreeMap<String, usize>,
    /// Places that could not be read.
    pub unreadable: usize,
    pub database: DatabaseNote,
}

/// How far the advisories behind a result can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseNote {
    pub advisories: u64,
    /// Only the embedded starter set was used.
    pub starter_only: bool,
    /// When the newest advisory was last changed, else when the database
    /// was compiled.
    pub newest: Timestamp,
}

impl DatabaseNote {
    /// Whole days since anything in the database was news.
    pub fn age_days(&self, now: Timestamp) -> i64 {
        now.since(self.newest)
            .and_then(|span| span.round(SpanRound::new().largest(Unit::Hour)))
            .map_or(0, |span| i64::from(span.get_hours()) / 24)
            .max(0)
    }
}

impl Summary {
    /// `compare` orders versions, to tell the highest of several fixes.
    pub fn of(report: &Report, compare: CompareVersions) -> Self {
        let places = Places::of(report);
        let is_fixable = |finding: &&Finding| finding.fix.version().is_some();
        let mut counts: Vec<_> = report.counts().into_iter().collect();
        counts.reverse();
        Self {
            counts,
            findings: report.findings.len(),
            vulnerabilities: report
                .findings
                .iter()
                .map(|finding| &finding.vulnerability)
                .collect::<BTreeSet<_>>()
                .len(),
            fixable: report.findings.iter().filter(is_fixable).count(),
            exploited: report
                .findings
                .iter()
                .filter(|finding| is_exploited(report, finding))
                .count(),
            system: SystemUpgrade::of(report, &places, compare),
            upgrades: upgrade::of_languages(report, &places, compare),
            base: BaseAdvice::of(report),
            suppressed: report.suppressed.len(),
            owned: report
                .sbom
                .packages
                .iter()
                .filter(|package| package.owned_by.is_some())
                .count(),
            packages: report.sbom.packages.len(),
            unchecked: unchecked(report),
            unreadable: report.sbom.warnings.len(),
            database: DatabaseNote {
                advisories: report.database.advisories,
                starter_only: report.database.starter_only,
                newest: report
                    .database
                    .sources
                    .iter()
                    .filter_map(|source| source.newest)
                    .max()
                    .unwrap_or(report.database.compiled),
            },
        }
    }
}

pub(crate) fn is_exploited(report: &Report, finding: &Finding) -> bool {
    report
        .vulnerabilities
        .get(&finding.vulnerability)
        .is_some_and(|vulnerability| vulnerability.kev.is_some())
}

/// A clean result means nothing for packages the database knows no
/// advisories for, so they are counted by name.
fn unchecked(report: &Report) -> BTreeMap<String, usize> {
    let listed: BTreeSet<&str> = report
        .database
        .sources
        .iter()
        .filter(|source| source.advisories > 0)
        .map(|source| source.ecosystem.as_str())
        .collect();
    // Some distributions are listed by release, so that one whose
    // support has ended is not taken for one without vulnerabilities.
    let is_covered = |ecosystem: &Ecosystem| {
        listed.contains(ecosystem.name.as_str()) || listed.contains(&*ecosystem.to_string())
    };
    let mut unchecked = BTreeMap::new();
    for package in &report.sbom.packages {
        let name = match &package.ecosystem {
            Some(ecosystem) if is_covered(ecosystem) => continue,
            Some(ecosystem) => ecosystem.to_string(),
            None => match &report.sbom.os {
                Some(os) if package.kind.is_distribution() => os.to_string(),
                _ => package.kind.to_string(),
            },
        };
        *unchecked.entry(name).or_default() += 1;
    }
    unchecked
}
