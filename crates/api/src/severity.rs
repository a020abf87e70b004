//! Severities and how many findings have each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How bad it is. `unknown`: nobody has scored it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
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

impl From<model::Severity> for Severity {
    fn from(severity: model::Severity) -> Self {
        match severity {
            model::Severity::Unknown => Self::Unknown,
            model::Severity::Info => Self::Info,
            model::Severity::Low => Self::Low,
            model::Severity::Medium => Self::Medium,
            model::Severity::High => Self::High,
            model::Severity::Critical => Self::Critical,
        }
    }
}

/// Open, unsuppressed findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeverityCounts {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub info: u64,
    pub unknown: u64,
}

impl SeverityCounts {
    pub fn total(&self) -> u64 {
        self.critical + self.high + self.medium + self.low + self.info + self.unknown
    }

    pub fn add(&mut self, severity: model::Severity, count: u64) {
        *match severity {
            model::Severity::Critical => &mut self.critical,
            model::Severity::High => &mut self.high,
            model::Severity::Medium => &mut self.medium,
            model::Severity::Low => &mut self.low,
            model::Severity::Info => &mut self.info,
            model::Severity::Unknown => &mut self.unknown,
        } += count;
    }

    /// The worst severity that has any finding.
    pub fn worst(&self) -> Option<Severity> {
        [
            (self.critical, Severity::Critical),
            (self.high, Severity::High),
            (self.medium, Severity::Medium),
            (self.low, Severity::Low),
            (self.info, Severity::Info),
            (self.unknown, Severity::Unknown),
        ]
        .into_iter()
        .find_map(|(count, severity)| (count > 0).then_some(severity))
    }
}
