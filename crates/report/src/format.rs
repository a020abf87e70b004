//! The formats a report can be written in.

use std::{fmt, str::FromStr};

/// One way to write a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// What matters, and what to do first.
    #[default]
    Table,
    /// Every finding on its own line, with where it is.
    Wide,
    /// The whole report: [`model::Report`] as it is.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// CycloneDX 1.6 JSON with vulnerabilities.
    Cyclonedx,
    /// SPDX 2.3 JSON.
    Spdx,
    /// One line for each finding, for spreadsheets.
    Csv,
}

impl Format {
    pub const ALL: [Self; 7] = [
        Self::Table,
        Self::Wide,
        Self::Json,
        Self::Sarif,
        Self::Cyclonedx,
        Self::Spdx,
        Self::Csv,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Cyclonedx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::Csv => "csv",
        }
    }

    /// For people rather than programs.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }

    /// Describes exactly one target.
    pub fn is_one_target_only(self) -> bool {
        matches!(self, Self::Cyclonedx | Self::Spdx)
    }

    /// For an HTTP `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Table | Self::Wide => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Sarif => "application/sarif+json",
            Self::Cyclonedx => "application/vnd.cyclonedx+json; version=1.6",
            Self::Spdx => "application/spdx+json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// How a file of this format ends, as its own tools expect.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Table | Self::Wide => "txt",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Cyclonedx => "cdx.json",
            Self::Spdx => "spdx.json",
            Self::Csv => "csv",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format '{0}' (expected one of table, wide, json, sarif, cyclonedx, spdx, csv)")]
pub struct ParseFormatError(String);

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| ParseFormatError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_reads_back_what_it_prints() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
    }

    #[test]
    fn the_refusal_lists_every_format() {
        let refusal = "pdf".parse::<Format>().unwrap_err().to_string();
        for format in Format::ALL {
            assert!(refusal.contains(format.as_str()), "{format}");
        }
    }
}
