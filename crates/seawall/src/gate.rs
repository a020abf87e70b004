//! The gate of a pipeline: which findings make a scan fail.

use std::{fmt, str::FromStr};

use model::{Finding, FindingKind, Issue, Report, Severity};

use crate::args::scan::Scanner;

/// `high`, `high,fixable`, `low,kev`, `medium,epss>0.5`, `low,secret`: a
/// severity and conditions that must all hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gate {
    severity: Severity,
    fixable: bool,
    exploited: bool,
    /// Likelier than this to be exploited within 30 days.
    epss: Option<f64>,
    /// Of what sort alone.
    sort: Option<Scanner>,
}

/// What sort of thing an issue is.
pub(crate) fn sort(issue: &Issue) -> Scanner {
    match issue.kind {
        FindingKind::Malware => Scanner::Malware,
        FindingKind::Secret => Scanner::Secret,
        _ if issue.rule == policy::LICENSES => Scanner::License,
        _ => Scanner::Misconfig,
    }
}

impl Gate {
    pub(crate) fn is_reached_by(&self, report: &Report, finding: &Finding) -> bool {
        let details = report.vulnerabilities.get(&finding.vulnerability);
        finding.severity >= self.severity
            && self.sort.is_none_or(|sort| sort == Scanner::Vuln)
            && (!self.fixable || finding.fix.version().is_some())
            && (!self.exploited || details.is_some_and(|details| details.kev.is_some()))
            && self.epss.is_none_or(|limit| {
                details
                    .and_then(|details| details.epss)
                    .is_some_and(|epss| epss.score > limit)
            })
    }

    fn is_reached_by_issue(&self, issue: &Issue) -> bool {
        issue.severity >= self.severity
            && !self.fixable
            && !self.exploited
            && self.epss.is_none()
            && self.sort.is_none_or(|wanted| wanted == sort(issue))
    }

    /// How many findings of `report` reach any of `gates`.
    pub(crate) fn count(gates: &[Self], report: &Report) -> usize {
        let findings = report
            .findings
            .iter()
            .filter(|finding| gates.iter().any(|gate| gate.is_reached_by(report, finding)));
        let issues = report
            .issues
            .iter()
            .filter(|issue| gates.iter().any(|gate| gate.is_reached_by_issue(issue)));
        findings.count() + issues.count()
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.severity)?;
        if self.fixable {
            f.write_str(",fixable")?;
        }
        if self.exploited {
            f.write_str(",kev")?;
        }
        if let Some(limit) = self.epss {
            write!(f, ",epss>{limit}")?;
        }
        if let Some(sort) = self.sort {
            write!(f, ",{}", sort.as_str())?;
        }
        Ok(())
    }
}

/// The text is no gate.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseGateError {
    #[error("begins with a severity, as in high,fixable")]
    NoSeverity,
    #[error(transparent)]
    Severity(#[from] model::severity::ParseSeverityError),
    #[error(
        "unknown condition '{0}' (expected fixable, kev, epss>NUMBER, vuln, secret, misconfig, malware or license)"
    )]
    Condition(String),
    #[error("'{0}' is no probability (expected a number from 0 to 1, as in epss>0.5)")]
    Probability(String),
}

impl FromStr for Gate {
    type Err = ParseGateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(',').map(str::trim);
        let severity = words.next().filter(|word| !word.is_empty());
        let mut gate = Self {
            severity: severity.ok_or(ParseGateError::NoSeverity)?.parse()?,
            fixable: false,
            exploited: false,
            epss: None,
            sort: None,
        };
        for word in words {
            match word.split_once('>') {
                None if word == "fixable" => gate.fixable = true,
                None if word == "kev" => gate.exploited = true,
                Some(("epss", number)) => {
                    let limit = number
                        .trim()
                        .parse()
                        .ok()
                        .filter(|limit| (0.0..=1.0).contains(limit));
                    gate.epss =
                        Some(limit.ok_or_else(|| ParseGateError::Probability(number.to_owned()))?);
                }
                None if let Ok(sort) = word.parse() => gate.sort = Some(sort),
                _ => return Err(ParseGateError::Condition(word.to_owned())),
            }
        }
        Ok(gate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_reads_back_what_it_prints() {
        for text in [
            "high",
            "low,kev",
            "medium,fixable,epss>0.5",
            "unknown",
            "low,secret",
            "low,malware",
        ] {
            assert_eq!(text.parse::<Gate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_refusal_names_the_word_and_what_was_expected() {
        let refusal = |text: &str| text.parse::<Gate>().unwrap_err().to_string();
        assert!(refusal("severe").contains("'severe'"));
        assert!(refusal("high,patched").contains("'patched' (expected fixable"));
        assert!(refusal("high,epss>2").contains("'2'"));
        assert!(refusal("high,epss>NaN").contains("'NaN'"));
        assert!(refusal("").contains("begins with a severity"));
    }
}
