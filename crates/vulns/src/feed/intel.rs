//! What is known of exploitation: EPSS scores and the KEV catalogue.
//!
//! Both are joined to vulnerabilities when a generation is compiled, so
//! that a result shows them without another lookup. Neither is needed:
//! where one is missing or broken the rest stands.

use std::{collections::HashMap, io::Read};

use jiff::civil::Date;
use model::vulnerability::Kev;
use serde::Deserialize;

/// EPSS publishes near 330,000 rows, 10 MB unpacked.
const MAX_EPSS_BYTES: u64 = 256 << 20;
const MAX_EPSS_ROWS: usize = 4_000_000;
const MAX_KEV_BYTES: u64 = 64 << 20;

/// Why intelligence could not be read.
#[derive(Debug, thiserror::Error)]
pub enum IntelError {
    #[error("could not unpack it")]
    Read(#[source] std::io::Error),
    #[error("it is larger than {0} bytes unpacked")]
    TooLarge(u64),
    #[error("it is no EPSS table")]
    ReadEpss(#[source] csv::Error),
    #[error("it is no EPSS table: the columns 'cve', 'epss' and 'percentile' are missing")]
    NoEpssTable,
    #[error("it is no KEV catalogue")]
    ParseKev(#[source] serde_json::Error),
}

/// Both, where present.
#[derive(Debug, Default)]
pub(crate) struct Intel {
    pub(crate) epss: Option<Epss>,
    pub(crate) kev: Option<KevCatalogue>,
}

/// A CVE id as a number: 20 bytes less for each of 330,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CveNumber(u64);

impl CveNumber {
    fn parse(text: &str) -> Option<Self> {
        let (year, number) = text.strip_prefix("CVE-")?.split_once('-')?;
        let (year, number): (u16, u32) = (year.parse().ok()?, number.parse().ok()?);
        Some(Self(u64::from(year) << 32 | u64::from(number)))
    }
}

/// EPSS scores by CVE id.
#[derive(Debug)]
pub(crate) struct Epss {
    pub(crate) date: Option<Date>,
    scores: Vec<(CveNumber, f32, f32)>,
}

impl Epss {
    /// Reads `epss_scores-*.csv`, gzip-packed or not. Rows that make no
    /// sense are passed over.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, IntelError> {
        let bytes = unpack(bytes, MAX_EPSS_BYTES)?;
        let comment = bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let date = score_date(&String::from_utf8_lossy(comment));
        let mut reader = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .flexible(true)
            .from_reader(bytes.as_slice());
        let headers = reader.headers().map_err(IntelError::ReadEpss)?;
        let column = |name| headers.iter().position(|header| header == name);
        let (Some(cve), Some(score), Some(percentile)) =
            (column("cve"), column("epss"), column("percentile"))
        else {
            return Err(IntelError::NoEpssTable);
        };
        let mut scores = Vec::new();
        let mut row = csv::StringRecord::new();
        while scores.len() < MAX_EPSS_ROWS {
            match reader.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if error.is_io_error() => break,
                Err(_) => continue,
            }
            let number = |index: usize| -> Option<f32> {
                let number: f32 = row.get(index)?.parse().ok()?;
                (0.0..=1.0).contains(&number).then_some(number)
            };
            if let (Some(cve), Some(score), Some(percentile)) = (
                row.get(cve).and_then(CveNumber::parse),
                number(score),
                number(percentile),
            ) {
                scores.push((cve, score, percentile));
            }
        }
        scores.sort_unstable_by_key(|(cve, ..)| *cve);
        Ok(Self { date, scores })
    }

    /// Score and percentile of a CVE id.
    pub(crate) fn of(&self, cve: &str) -> Option<(f32, f32)> {
        let number = CveNumber::parse(cve)?;
        let index = self
            .scores
            .binary_search_by_key(&number, |(cve, ..)| *cve)
            .ok()?;
        let (_, score, percentile) = self.scores.get(index)?;
        Some((*score, *percentile))
    }
}

/// `#model_version:v2025.03.14,score_date:2026-08-16T00:00:00+0000`.
fn score_date(comment: &str) -> Option<Date> {
    let (_, date) = comment.split_once("score_date:")?;
    date.get(..10)?.parse().ok()
}

/// CISA's catalogue of Known Exploited Vulnerabilities.
#[derive(Debug)]
pub(crate) struct KevCatalogue {
    pub(crate) released: Option<Date>,
    entries: HashMap<String, Kev>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KevDocument {
    #[serde(default)]
    date_released: String,
    vulnerabilities: Vec<KevEntry>,
}

#[derive(Deserialize)]
struct KevEntry {
    #[serde(rename = "cveID")]
    cve: String,
    #[serde(rename = "dateAdded")]
    added: String,
    #[serde(rename = "dueDate", default)]
    due: String,
    #[serde(rename = "knownRansomwareCampaignUse", default)]
    ransomware: String,
}

impl KevCatalogue {
    /// Reads CISA's JSON, gzip-packed or not.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, IntelError> {
        let bytes = unpack(bytes, MAX_KEV_BYTES)?;
        let document: KevDocument = serde_json::from_slice(&bytes).map_err(IntelError::ParseKev)?;
        let date = |text: &str| text.get(..10).and_then(|date| date.parse().ok());
        let entries = document
            .vulnerabilities
            .into_iter()
            .filter_map(|entry| {
                let kev = Kev {
                    added: date(&entry.added)?,
                    due: date(&entry.due),
                    ransomware: entry.ransomware.eq_ignore_ascii_case("known"),
                };
                Some((entry.cve, kev))
            })
            .collect();
        Ok(Self {
            released: date(&document.date_released),
            entries,
        })
    }

    pub(crate) fn of(&self, cve: &str) -> Option<&Kev> {
        self.entries.get(cve)
    }
}

/// The content of a file that may be gzip-packed.
fn unpack(bytes: &[u8], limit: u64) -> Result<Vec<u8>, IntelError> {
    let mut content = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes)
            .take(limit + 1)
            .read_to_end(&mut content)
            .map_err(IntelError::Read)?;
    } else {
        content.extend_from_slice(bytes);
    }
    if content.len() as u64 > limit {
        return Err(IntelError::TooLarge(limit));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_found_by_id_and_odd_rows_passed_over() {
        let epss = Epss::read(
            b"#model_version:v1,score_date:2026-08-16T00:00:00+0000\ncve,epss,percentile\n\
              CVE-2021-44228,0.97,0.999\nnot-a-cve,1,1\nCVE-2020-1,7.5,0.1\nCVE-2020-2\n",
        )
        .unwrap();
        assert_eq!(epss.date, Some(jiff::civil::date(2026, 8, 16)));
        assert_eq!(epss.of("CVE-2021-44228"), Some((0.97, 0.999)));
        assert_eq!(epss.of("CVE-2020-1"), None);
        assert_eq!(epss.of("GHSA-1"), None);
    }

    #[test]
    fn another_table_is_refused() {
        assert!(matches!(
            Epss::read(b"a,b\n1,2\n"),
            Err(IntelError::NoEpssTable)
        ));
    }

    #[test]
    fn catalogue_entries_keep_their_dates() {
        let kev = KevCatalogue::read(
            br#"{"dateReleased":"2025-08-01T00:00:00Z","vulnerabilities":[{"cveID":"CVE-1-1",
                "dateAdded":"2021-12-10","dueDate":"2021-12-24","knownRansomwareCampaignUse":"Known"}]}"#,
        )
        .unwrap();
        let entry = kev.of("CVE-1-1").unwrap();
        assert_eq!(entry.added, jiff::civil::date(2021, 12, 10));
        assert!(entry.ransomware);
    }
}
