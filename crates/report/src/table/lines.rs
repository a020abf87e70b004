//! The table without a terminal: one tab-separated line for each
//! finding, uncut, for `cut`, `awk` and spreadsheets.

use std::io::{self, Write};

use model::{Finding, Report};

use super::{because, issues, layer_number, no_fix, percent};
use crate::{WriteOptions, places::Places, terminal::plain};

const FINDINGS: &[&str] = &[
    "SEVERITY",
    "VULNERABILITY",
    "PACKAGE",
    "INSTALLED",
    "FIXED IN",
    "KEV",
    "EPSS",
    "LAYER",
    "PATH",
    "TITLE",
    "TARGET",
    "SUPPRESSED",
];

const PACKAGES: &[&str] = &[
    "PACKAGE", "VERSION", "KIND", "LAYER", "LICENCE", "PATH", "OWNED BY", "TARGET",
];

pub(super) fn write(
    reports: &[Report],
    options: &WriteOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    // A column that can only be empty is left out.
    let width = FINDINGS.len() - usize::from(!options.show_suppressed);
    writeln!(out, "{}", FINDINGS[..width].join("\t"))?;
    for report in reports {
        let places = Places::of(report);
        let suppressed = report.suppressed.iter().filter(|_| options.show_suppressed);
        for finding in report.findings.iter().chain(suppressed) {
            let cells = finding_cells(report, &places, finding);
            write_line(&cells[..width], out)?;
        }
    }
    issues::write_lines(reports, options, out)?;
    if options.list_packages {
        writeln!(out, "\n{}", PACKAGES.join("\t"))?;
        for report in reports {
            for package in &report.sbom.packages {
                let cells = [
                    package.name.clone(),
                    package.version.clone(),
                    package.kind.to_string(),
                    layer_number(package.layer),
                    package.licenses.join(", "),
                    package.path.clone(),
                    package.owned_by.clone().unwrap_or_default(),
                    report.target.name.clone(),
                ];
                write_line(&cells, out)?;
            }
        }
    }
    Ok(())
}

fn finding_cells(report: &Report, places: &Places<'_>, finding: &Finding) -> [String; 12] {
    let details = report.vulnerabilities.get(&finding.vulnerability);
    let kev = details.and_then(|vulnerability| vulnerability.kev.as_ref());
    let epss = details.and_then(|vulnerability| vulnerability.epss);
    [
        finding.severity.to_string(),
        finding.vulnerability.to_string(),
        finding.package.name.clone(),
        finding.package.version.clone(),
        finding
            .fix
            .version()
            .unwrap_or_else(|| no_fix(finding.fix.state))
            .to_owned(),
        kev.map(|kev| kev.added.to_string()).unwrap_or_default(),
        epss.map(|epss| percent(epss.score)).unwrap_or_default(),
        places
            .describe_layer(finding.package.layer)
            .unwrap_or_default(),
        finding.package.path.clone(),
        details.map(|v| v.title.clone()).unwrap_or_default(),
        report.target.name.clone(),
        because(finding),
    ]
}

pub(super) fn write_line(cells: &[String], out: &mut dyn Write) -> io::Result<()> {
    let clean: Vec<_> = cells.iter().map(|cell| plain(cell)).collect();
    writeln!(out, "{}", clean.join("\t"))
}
