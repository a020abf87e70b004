//! Comma-separated values: one line for each finding (RFC 4180).

use std::{borrow::Cow, io};

use model::{Finding, Report};

use crate::{WriteOptions, places::Places, score::best};

const HEADER: &[&str] = &[
    "target",
    "severity",
    "vulnerability",
    "package",
    "kind",
    "installed",
    "fixed",
    "state",
    "exploited",
    "epss",
    "cvss",
    "title",
    "path",
    "layer",
    "layer_digest",
    "layer_step",
    "suppressed_by",
    "suppressed_because",
    "fingerprint",
];

pub(crate) fn write(
    reports: &[Report],
    options: &WriteOptions,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    write_line(HEADER.iter().map(|&name| Cow::Borrowed(name)), out)?;
    for report in reports {
        let places = Places::of(report);
        for finding in &report.findings {
            write_line(cells(report, &places, finding), out)?;
        }
        if options.show_suppressed {
            for finding in &report.suppressed {
                write_line(cells(report, &places, finding), out)?;
            }
        }
    }
    Ok(())
}

fn cells<'a>(
    report: &'a Report,
    places: &Places<'a>,
    finding: &'a Finding,
) -> impl Iterator<Item = Cow<'a, str>> {
    let details = report.vulnerabilities.get(&finding.vulnerability);
    let layer = places.layer(finding.package.layer);
    let text = |value: Option<&'a str>| Cow::Borrowed(value.unwrap_or_default());
    let suppression = finding.suppression.as_ref();
    [
        Cow::Borrowed(report.target.name.as_str()),
        Cow::Borrowed(finding.severity.as_str()),
        Cow::Borrowed(finding.vulnerability.as_str()),
        Cow::Borrowed(finding.package.name.as_str()),
        Cow::Borrowed(finding.package.kind.as_str()),
        Cow::Borrowed(finding.package.version.as_str()),
        text(finding.fix.version()),
        Cow::Borrowed(finding.fix.state.as_str()),
        Cow::Borrowed(if details.is_some_and(|v| v.kev.is_some()) {
            "yes"
        } else {
            "no"
        }),
        details
            .and_then(|v| v.epss)
            .map_or(Cow::Borrowed(""), |epss| {
                Cow::Owned(format!("{:.5}", epss.score))
            }),
        details
            .and_then(best)
            .map_or(Cow::Borrowed(""), |score| Cow::Owned(format!("{score:.1}"))),
        text(details.map(|v| v.title.as_str())),
        Cow::Borrowed(finding.package.path.as_str()),
        finding.package.layer.map_or(Cow::Borrowed(""), |index| {
            Cow::Owned((index + 1).to_string())
        }),
        layer.map_or(Cow::Borrowed(""), |layer| {
            Cow::Owned(layer.diff_id.to_string())
        }),
        layer
            .and_then(|layer| layer.created_by.as_deref())
            .map_or(Cow::Borrowed(""), |step| {
                Cow::Owned(crate::places::build_step(step))
            }),
        text(suppression.map(|suppression| suppression.source.as_str())),
        text(suppression.and_then(|s| s.justification.as_deref().or(s.statement.as_deref()))),
        Cow::Borrowed(finding.fingerprint.as_str()),
    ]
    .into_iter()
}

pub(crate) fn write_line<'a>(
    cells: impl Iterator<Item = Cow<'a, str>>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        out.write_all(quoted(&cell).as_bytes())?;
    }
    out.write_all(b"\r\n")
}

/// A cell that a spreadsheet shows and never runs: what looks like a
/// formula gets an apostrophe in front (OWASP, "CSV Injection"). `@`
/// begins every npm scope, so it counts only where a call or a link to
/// another program follows.
fn quoted(cell: &str) -> Cow<'_, str> {
    let is_formula = cell.starts_with(['=', '+', '-', '\t', '\r'])
        || (cell.starts_with('@') && cell.contains(['(', '|', '!']));
    let cell = if is_formula {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    };
    if cell.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\"")))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_shown_and_never_run() {
        assert_eq!(quoted("openssl"), "openssl");
        assert_eq!(quoted("@babel/core"), "@babel/core");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"no\""), "\"say \"\"no\"\"\"");
    }
}
