//! How bad something is: five steps, plus "nobody has said".

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The product's one severity scale, least to worst.
///
/// `Unknown` sorts below everything: a vulnerability nobody has scored
/// must not push scored ones off the screen, and `--severity` filters
/// name it explicitly.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    Unknown,
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// All severities, worst first: the order of every list.
    pub const WORST_FIRST: [Self; 6] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
        Self::Unknown,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The qualitative rating of a CVSS base score in 0.0–10.0
    /// (CVSS v3.1 specification, section 5; v4.0 keeps the table).
    pub fn from_cvss(score: f64) -> Self {
        match score {
            s if s >= 9.0 => Self::Critical,
            s if s >= 7.0 => Self::High,
            s if s >= 4.0 => Self::Medium,
            s if s > 0.0 => Self::Low,
            _ => Self::Info,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no severity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown severity '{0}' (expected one of critical, high, medium, low, info, unknown)")]
pub struct ParseSeverityError(String);

impl FromStr for Severity {
    type Err = ParseSeverityError;

    /// Reads our own words and the field's synonyms (`important`,
    /// `moderate`, `negligible`, …), in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "critical" => Ok(Self::Critical),
            "high" | "important" => Ok(Self::High),
            "medium" | "moderate" => Ok(Self::Medium),
            "low" => Ok(Self::Low),
            "info" | "informational" | "negligible" | "unimportant" | "none" | "minor" => {
                Ok(Self::Info)
            }
            "unknown" | "" => Ok(Self::Unknown),
            _ => Err(ParseSeverityError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cvss_bands_follow_the_specification() {
        use Severity::{Critical, High, Info, Low, Medium};
        let bands = [0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0, 10.0].map(Severity::from_cvss);
        assert_eq!(
            bands,
            [
                Info, Low, Low, Medium, Medium, High, High, Critical, Critical
            ]
        );
    }

    #[test]
    fn every_severity_reads_back_what_it_prints() {
        for severity in Severity::WORST_FIRST {
            assert_eq!(severity.to_string().parse(), Ok(severity));
        }
    }

    #[test]
    fn an_unknown_word_is_named_in_the_error() {
        let error = "severe".parse::<Severity>().unwrap_err();
        assert!(error.to_string().contains("'severe'"));
    }
}
