//! How is a result written?
//!
//! One [`model::Report`] goes in; a table for people, or a document for
//! other programs, comes out: our own JSON, SARIF, CycloneDX, SPDX, CSV.
//! This room decides layout and wording only. It neither scans nor
//! matches, reads no clock and no environment, and treats every string
//! in a report as hostile: what comes from inside an image cannot move
//! the terminal's cursor, break a line of a table, become a spreadsheet
//! formula or a shell command.
//!
//! The same report and options always give the same bytes.

pub mod compliance;
mod csv;
mod cyclonedx;
mod format;
mod license;
mod link;
mod list;
mod places;
mod sarif;
mod score;
mod spdx;
pub mod summary;
mod table;
mod terminal;
pub mod vex;

#[cfg(test)]
mod fixture;

use std::{cmp::Ordering, collections::BTreeMap, io};

use jiff::Timestamp;
use model::{Purl, Report, VersionScheme, purl::PurlParts};

pub use format::{Format, ParseFormatError};
pub use list::{Heading, write_csv, write_list};
pub use summary::Summary;
pub use terminal::{columns, plain};

/// Orders two versions by an ecosystem's own rules; `None` where either
/// is no version of that scheme. Handed in, because this room knows no
/// version rules.
pub type CompareVersions = fn(VersionScheme, &str, &str) -> Option<Ordering>;

/// How to write, beyond the format.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of a command line"
)]
pub struct WriteOptions {
    /// Columns to lay tables out for. `None`: the output is no terminal,
    /// so tables become tab-separated lines under a header, uncut.
    pub width: Option<usize>,
    pub color: bool,
    /// Whether the terminal understands OSC 8 hyperlinks.
    pub hyperlinks: bool,
    /// List suppressed findings too, with who says so and why.
    pub show_suppressed: bool,
    /// List every package found, after the findings.
    pub list_packages: bool,
    /// What "today" is, for ages.
    pub now: Timestamp,
    pub compare_versions: CompareVersions,
}

/// The report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("write the report")]
    Write(#[from] io::Error),
    #[error("encode the report")]
    Encode(#[from] serde_json::Error),
    #[error("{0} describes one target and cannot hold {1}")]
    OneTargetOnly(Format, usize),
}

/// Writes one report.
pub fn write(
    format: Format,
    report: &Report,
    options: &WriteOptions,
    out: &mut dyn io::Write,
) -> Result<(), WriteError> {
    write_all(format, std::slice::from_ref(report), options, out)
}

/// Writes several reports as one output: tables and JSON documents
/// follow each other, SARIF holds one run for each, CSV has one header.
/// CycloneDX and SPDX describe exactly one target.
pub fn write_all(
    format: Format,
    reports: &[Report],
    options: &WriteOptions,
    out: &mut dyn io::Write,
) -> Result<(), WriteError> {
    match format {
        Format::Table | Format::Wide => table::write(format, reports, options, out)?,
        Format::Json => {
            for report in reports {
                write_json(report, out)?;
            }
        }
        Format::Sarif => write_json(&sarif::document(reports), out)?,
        Format::Cyclonedx => write_json(&cyclonedx::document(only(format, reports)?)?, out)?,
        Format::Spdx => write_json(&spdx::document(only(format, reports)?)?, out)?,
        Format::Csv => csv::write(reports, options, out)?,
    }
    Ok(())
}

/// Writes the summary alone: counts, what to do first, caveats. For
/// standard error, beside a table that went down a pipe.
pub fn write_summary(
    report: &Report,
    options: &WriteOptions,
    out: &mut dyn io::Write,
) -> Result<(), WriteError> {
    let summary = Summary::of(report, options.compare_versions);
    if report.findings.is_empty() {
        writeln!(out, "{}", summary::clean_line(report, &summary, options))?;
    }
    summary::write(report, &summary, options, out)?;
    Ok(())
}

fn only(format: Format, reports: &[Report]) -> Result<&Report, WriteError> {
    match reports {
        [report] => Ok(report),
        _ => Err(WriteError::OneTargetOnly(format, reports.len())),
    }
}

fn write_json(document: &impl serde::Serialize, out: &mut dyn io::Write) -> Result<(), WriteError> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// `seawall 0.1.0` taken apart.
fn tool(report: &Report) -> (&str, &str) {
    report
        .tool
        .split_once(' ')
        .unwrap_or((report.tool.as_str(), ""))
}

/// A document's UUID, derived from the report's content: the same report
/// always gives the same document (RFC 9562, version 5 by shape).
fn document_id(report: &Report) -> Result<uuid::Uuid, serde_json::Error> {
    let content = serde_json::to_vec(report)?;
    let digest = model::Digest::of(&content);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    Ok(uuid::Builder::from_sha1_bytes(bytes).into_uuid())
}

/// The image as a package URL: `pkg:oci/nginx@sha256:…` (purl
/// specification, type `oci`); `None` without a manifest digest.
fn image_purl(report: &Report) -> Option<Purl> {
    let image = report.sbom.image.as_ref()?;
    let digest = image.manifest?;
    let named = image.tags.first().unwrap_or(&report.target.name);
    let named = named.split('@').next().unwrap_or(named);
    let (repository, tag) = match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (named, None),
    };
    let name = repository.rsplit('/').next().unwrap_or(repository);
    let mut qualifiers = BTreeMap::new();
    if repository.contains('/') {
        qualifiers.insert("repository_url".to_owned(), repository.to_owned());
    }
    qualifiers.extend(tag.map(|tag| ("tag".to_owned(), tag.to_owned())));
    let config = report.sbom.config.as_ref();
    let platform = config.and_then(|config| config.platform.as_ref());
    qualifiers.extend(platform.map(|platform| ("arch".to_owned(), platform.architecture.clone())));
    let parts = PurlParts {
        kind: "oci".to_owned(),
        name: name.to_ascii_lowercase(),
        version: Some(digest.to_string()),
        qualifiers,
        ..PurlParts::default()
    };
    parts.build().ok()
}

#[cfg(test)]
mod tests;
