//! The table: for a terminal in columns, for a pipe in tab-separated
//! lines.

mod issues;
pub(crate) mod layout;
mod lines;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use model::{AffectedState, Finding, PackageKind, Report, Severity, finding::SuppressedBy};

use crate::{
    Format, WriteOptions, link,
    places::{Places, build_step},
    score, summary,
    summary::{Summary, count, number},
    terminal::{DIM, HEADING, Painter, columns, plain, severity_style},
};
use layout::{Cell, Column};

/// Scored likelier than this to be exploited within a month, a finding
/// is listed whatever its severity.
const LIKELY: f64 = 0.1;

pub(crate) fn write(
    format: Format,
    reports: &[Report],
    options: &WriteOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(width) = options.width else {
        return lines::write(reports, options, out);
    };
    for (index, report) in reports.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let table = Table {
            report,
            places: Places::of(report),
            summary: Summary::of(report, options.compare_versions),
            options,
            painter: Painter {
                color: options.color,
                hyperlinks: options.hyperlinks,
            },
            is_wide: format == Format::Wide,
            width: if format == Format::Wide {
                usize::MAX
            } else {
                width
            },
        };
        table.write(out)?;
    }
    Ok(())
}

struct Table<'a> {
    report: &'a Report,
    places: Places<'a>,
    summary: Summary,
    options: &'a WriteOptions,
    painter: Painter,
    is_wide: bool,
    width: usize,
}

const NARROW: &[Column] = &[
    Column::fixed("SEVERITY"),
    Column::fixed("VULNERABILITY"),
    Column::fixed("PACKAGE").shrinks_to(14).cut_at_start(),
    Column::fixed("INSTALLED").shrinks_to(15),
    Column::fixed("FIXED IN").shrinks_to(15),
    Column::fixed("RISK").expendable(1),
    Column::fixed("LAYER").expendable(2),
    Column::fixed("TITLE").shrinks_to(16).expendable(3),
];

const WIDE: &[Column] = &[
    Column::fixed("SEVERITY"),
    Column::fixed("VULNERABILITY"),
    Column::fixed("PACKAGE"),
    Column::fixed("INSTALLED"),
    Column::fixed("FIXED IN"),
    Column::fixed("KEV"),
    Column::fixed("EPSS"),
    Column::fixed("CVSS"),
    Column::fixed("PATH"),
    Column::fixed("LAYER"),
    Column::fixed("TITLE"),
];

const SUPPRESSED: &[Column] = &[
    Column::fixed("SEVERITY"),
    Column::fixed("VULNERABILITY"),
    Column::fixed("PACKAGE").shrinks_to(14).cut_at_start(),
    Column::fixed("INSTALLED").shrinks_to(15),
    Column::fixed("STATUS"),
    Column::fixed("SAID BY").shrinks_to(12).cut_at_start(),
    Column::fixed("UNTIL").expendable(1),
    Column::fixed("BECAUSE").shrinks_to(20),
];

const PACKAGES: &[Column] = &[
    Column::fixed("PACKAGE").shrinks_to(20).cut_at_start(),
    Column::fixed("VERSION").shrinks_to(12),
    Column::fixed("KIND"),
    Column::fixed("LAYER").expendable(1),
    Column::fixed("LICENCE").shrinks_to(12).expendable(2),
    Column::fixed("PATH")
        .shrinks_to(20)
        .cut_at_start()
        .expendable(3),
    Column::fixed("OWNED BY").expendable(4),
];

const LEGEND: &[Column] = &[
    Column::fixed("LAYER"),
    Column::fixed("DIGEST"),
    Column::fixed("FINDINGS"),
    Column::fixed("BUILD STEP").shrinks_to(20),
];

type Row = Vec<Cell>;

impl Table<'_> {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.report.findings.is_empty() {
            let line = summary::clean_line(self.report, &self.summary, self.options);
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{}", self.heading())?;
            self.write_findings(out)?;
            self.write_layers(out)?;
        }
        self.write_issues(out)?;
        if self.options.show_suppressed && !self.report.suppressed.is_empty() {
            self.write_suppressed(out)?;
        }
        if self.options.list_packages {
            self.write_packages(out)?;
        }
        let has_blocks = !self.report.findings.is_empty()
            || self.has_issues()
            || self.options.list_packages && !self.report.sbom.packages.is_empty()
            || self.options.show_suppressed && !self.report.suppressed.is_empty();
        if has_blocks {
            writeln!(out)?;
        }
        summary::write(self.report, &self.summary, self.options, out)
    }

    fn heading(&self) -> String {
        let sbom = &self.report.sbom;
        let mut facts = vec![self.report.target.kind.to_string()];
        if let Some(platform) = sbom
            .config
            .as_ref()
            .and_then(|config| config.platform.as_ref())
        {
            facts.push(plain(&platform.to_string()).into_owned());
        }
        if let Some(os) = &sbom.os {
            facts.push(plain(&os.to_string()).into_owned());
        }
        let packages = count(sbom.packages.len(), "package");
        facts.push(match sbom.layers.len() {
            0 => packages,
            layers => format!("{packages} in {}", count(layers, "layer")),
        });
        let name = plain(&self.report.target.name);
        format!(
            "{} · {}",
            self.painter.paint(HEADING, &name),
            facts.join(" · ")
        )
    }

    /// One table for each sort of package, with the same columns.
    fn write_findings(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut sections: BTreeMap<Section, Vec<&Finding>> = BTreeMap::new();
        for finding in &self.report.findings {
            sections
                .entry(Section::of(finding))
                .or_default()
                .push(finding);
        }
        let is_matter = |finding: &Finding| self.is_wide || self.matters(finding);
        let lists_all = !self.report.findings.iter().any(is_matter);
        let header = if self.is_wide { WIDE } else { NARROW };
        let tables: Vec<(Section, &[&Finding], Vec<Row>)> = sections
            .iter()
            .map(|(section, findings)| {
                let listed = findings
                    .iter()
                    .copied()
                    .filter(|finding| lists_all || is_matter(finding));
                (*section, findings.as_slice(), self.rows(listed))
            })
            .collect();
        let all_rows = tables.iter().flat_map(|(_, _, rows)| rows);
        let widths = layout::widths(header, all_rows, self.width);
        for (section, findings, rows) in &tables {
            writeln!(out)?;
            writeln!(out, "{}", self.section_heading(*section, findings))?;
            if !rows.is_empty() {
                layout::write_header(header, &widths, self.painter, out)?;
            }
            for row in rows {
                layout::write_row(header, row, &widths, self.painter, out)?;
            }
            let hidden = if lists_all {
                0
            } else {
                findings
                    .iter()
                    .filter(|finding| !is_matter(finding))
                    .count()
            };
            if hidden > 0 {
                let note = format!(
                    "… and {} of low severity without a fix (--format wide lists all)",
                    number(hidden)
                );
                writeln!(out, "{}", self.painter.paint(DIM, &note))?;
            }
        }
        Ok(())
    }

    /// Someone should act on it, or could.
    fn matters(&self, finding: &Finding) -> bool {
        let details = self.report.vulnerabilities.get(&finding.vulnerability);
        finding.severity >= Severity::Medium
            || finding.fix.version().is_some()
            || details.is_some_and(|vulnerability| {
                vulnerability.kev.is_some()
                    || vulnerability.epss.is_some_and(|epss| epss.score >= LIKELY)
            })
    }

    fn section_heading(&self, section: Section, findings: &[&Finding]) -> String {
        let name = match (section, &self.report.sbom.os) {
            (Section::System, Some(os)) => plain(&os.to_string()).into_owned(),
            (Section::System, None) => "System packages".to_owned(),
            (Section::Language(kind), _) => language(kind).to_owned(),
        };
        let packages: BTreeSet<_> = findings
            .iter()
            .map(|finding| (&finding.package.name, &finding.package.version))
            .collect();
        format!(
            "{}: {} in {}",
            self.painter.paint(HEADING, &name),
            count(findings.len(), "finding"),
            count(packages.len(), "package")
        )
    }

    fn rows<'b>(&'b self, findings: impl Iterator<Item = &'b Finding>) -> Vec<Row> {
        if self.is_wide {
            return findings.map(|finding| self.wide_row(finding)).collect();
        }
        // Binary packages of one source share their fate; one row names
        // them all.
        let mut merged: Vec<(&Finding, Vec<&str>)> = Vec::new();
        let mut seen = BTreeMap::new();
        for finding in findings {
            let key = (
                &finding.vulnerability,
                finding.severity,
                finding.package.kind,
                self.places.source_name(finding),
                &finding.package.version,
                finding.fix.version(),
                finding.package.layer,
            );
            let at = *seen.entry(key).or_insert_with(|| {
                merged.push((finding, Vec::new()));
                merged.len() - 1
            });
            let names = &mut merged[at].1;
            if !names.contains(&finding.package.name.as_str()) {
                names.push(&finding.package.name);
            }
        }
        merged
            .into_iter()
            .map(|(finding, names)| self.narrow_row(finding, &names))
            .collect()
    }

    fn narrow_row(&self, finding: &Finding, names: &[&str]) -> Vec<Cell> {
        let details = self.report.vulnerabilities.get(&finding.vulnerability);
        let is_exploited = details.is_some_and(|vulnerability| vulnerability.kev.is_some());
        let epss = details
            .and_then(|vulnerability| vulnerability.epss)
            .map(|epss| percent(epss.score));
        let risk = match (is_exploited, epss) {
            (true, Some(epss)) => format!("KEV {epss}"),
            (true, None) => "KEV".to_owned(),
            (false, epss) => epss.unwrap_or_default(),
        };
        let risk_style = if is_exploited {
            severity_style(Severity::Critical)
        } else {
            anstyle::Style::new()
        };
        vec![
            severity_cell(finding.severity),
            vulnerability_cell(finding),
            Cell::new(package_names(names)),
            Cell::new(plain(&finding.package.version)),
            fix_cell(finding),
            Cell::styled(risk, risk_style),
            Cell::new(layer_number(finding.package.layer)),
            Cell::new(
                details
                    .map(|v| plain(&v.title).into_owned())
                    .unwrap_or_default(),
            ),
        ]
    }

    fn wide_row(&self, finding: &Finding) -> Vec<Cell> {
        let details = self.report.vulnerabilities.get(&finding.vulnerability);
        let kev = details.and_then(|vulnerability| vulnerability.kev.as_ref());
        let epss = details.and_then(|vulnerability| vulnerability.epss);
        let score = details.and_then(score::best);
        let layer = self.places.describe_layer(finding.package.layer);
        vec![
            severity_cell(finding.severity),
            vulnerability_cell(finding),
            Cell::new(plain(&finding.package.name)),
            Cell::new(plain(&finding.package.version)),
            fix_cell(finding),
            Cell::new(kev.map(|kev| kev.added.to_string()).unwrap_or_default()),
            Cell::new(epss.map(|epss| percent(epss.score)).unwrap_or_default()),
            Cell::new(score.map(|score| format!("{score:.1}")).unwrap_or_default()),
            Cell::new(plain(&finding.package.path)),
            Cell::new(
                layer
                    .map(|text| plain(&text).into_owned())
                    .unwrap_or_default(),
            ),
            Cell::new(
                details
                    .map(|v| plain(&v.title).into_owned())
                    .unwrap_or_default(),
            ),
        ]
    }

    /// The legend to the numbers in the layer column.
    fn write_layers(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_wide || self.report.sbom.layers.is_empty() {
            return Ok(());
        }
        let mut by_layer: BTreeMap<u32, usize> = BTreeMap::new();
        for finding in &self.report.findings {
            if let Some(layer) = finding.package.layer {
                *by_layer.entry(layer).or_default() += 1;
            }
        }
        let rows: Vec<Row> = by_layer
            .into_iter()
            .filter_map(|(index, findings)| {
                let layer = self.places.layer(Some(index))?;
                let step = layer
                    .created_by
                    .as_deref()
                    .map(build_step)
                    .unwrap_or_default();
                Some(vec![
                    Cell::new((index + 1).to_string()),
                    Cell::styled(layer.diff_id.short(), DIM),
                    Cell::new(number(findings)),
                    Cell::new(plain(&step)),
                ])
            })
            .collect();
        self.write_table(None, LEGEND, &rows, out)
    }

    fn write_suppressed(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<Row> = self
            .report
            .suppressed
            .iter()
            .map(|finding| {
                let suppression = finding.suppression.as_ref();
                vec![
                    severity_cell(finding.severity),
                    vulnerability_cell(finding),
                    Cell::new(plain(&finding.package.name)),
                    Cell::new(plain(&finding.package.version)),
                    Cell::new(
                        suppression
                            .map(|s| plain(&s.status).into_owned())
                            .unwrap_or_default(),
                    ),
                    Cell::new(
                        suppression
                            .map(|s| plain(&s.source).into_owned())
                            .unwrap_or_default(),
                    ),
                    Cell::new(
                        suppression
                            .and_then(|s| s.expires)
                            .map(|date| date.to_string())
                            .unwrap_or_default(),
                    ),
                    Cell::new(plain(&because(finding))),
                ]
            })
            .collect();
        let title = format!("Suppressed: {}", count(rows.len(), "finding"));
        self.write_table(Some(&title), SUPPRESSED, &rows, out)
    }

    fn write_packages(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<Row> = self
            .report
            .sbom
            .packages
            .iter()
            .map(|package| {
                vec![
                    Cell::new(plain(&package.name)),
                    Cell::new(plain(&package.version)),
                    Cell::new(package.kind.as_str()),
                    Cell::new(layer_number(package.layer)),
                    Cell::new(plain(&package.licenses.join(", "))),
                    Cell::new(plain(&package.path)),
                    Cell::new(plain(package.owned_by.as_deref().unwrap_or_default())),
                ]
            })
            .collect();
        let title = count(rows.len(), "package");
        self.write_table(Some(&title), PACKAGES, &rows, out)
    }

    fn write_table(
        &self,
        title: Option<&str>,
        header: &[Column],
        rows: &[Row],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        if let Some(title) = title {
            writeln!(out, "{}", self.painter.paint(HEADING, title))?;
        }
        let widths = layout::widths(header, rows.iter(), self.width);
        layout::write_header(header, &widths, self.painter, out)?;
        for row in rows {
            layout::write_row(header, row, &widths, self.painter, out)?;
        }
        Ok(())
    }
}

/// What a finding is listed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    System,
    Language(PackageKind),
}

impl Section {
    fn of(finding: &Finding) -> Self {
        match finding.package.kind {
            kind if kind.is_distribution() => Self::System,
            kind => Self::Language(kind),
        }
    }
}

fn language(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Npm => "Node.js (npm)",
        PackageKind::Pypi => "Python",
        PackageKind::Maven => "Java",
        PackageKind::Golang => "Go",
        PackageKind::Cargo => "Rust",
        PackageKind::Gem => "Ruby",
        PackageKind::Composer => "PHP",
        PackageKind::Nuget => ".NET",
        PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm | PackageKind::Generic => "Other",
    }
}

fn severity_cell(severity: Severity) -> Cell {
    Cell::styled(severity.as_str(), severity_style(severity))
}

fn vulnerability_cell(finding: &Finding) -> Cell {
    let id = finding.vulnerability.as_str();
    Cell {
        text: plain(id).into_owned(),
        link: link::advisory(id),
        ..Cell::default()
    }
}

fn fix_cell(finding: &Finding) -> Cell {
    match (finding.fix.version(), finding.fix.state) {
        (Some(version), _) => Cell::new(plain(version)),
        (None, state) => Cell::styled(no_fix(state), DIM),
    }
}

/// Why no version is named.
pub(crate) fn no_fix(state: AffectedState) -> &'static str {
    match state {
        AffectedState::WillNotFix => "will not fix",
        AffectedState::UnderInvestigation => "undecided",
        AffectedState::NotAffected => "not affected",
        AffectedState::Fixed | AffectedState::Unfixed => "no fix yet",
    }
}

/// Names while they are short, else the first and how many more.
fn package_names(names: &[&str]) -> String {
    let all = plain(&names.join(", ")).into_owned();
    match names {
        [first, _, ..] if columns(&all) > 24 => {
            format!("{} +{}", plain(first), names.len() - 1)
        }
        _ => all,
    }
}

/// People count layers from one.
fn layer_number(index: Option<u32>) -> String {
    index
        .map(|index| (index + 1).to_string())
        .unwrap_or_default()
}

pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 {
        "<0.1%".to_owned()
    } else {
        format!("{percent:.1}%")
    }
}

/// The reason someone gave, in their words.
pub(crate) fn because(finding: &Finding) -> String {
    let Some(suppression) = &finding.suppression else {
        return String::new();
    };
    let said = [&suppression.justification, &suppression.statement];
    let words: Vec<&str> = said
        .into_iter()
        .flatten()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    if words.is_empty() {
        match suppression.by {
            SuppressedBy::Vex => "no reason given".to_owned(),
            SuppressedBy::IgnoreFile => "ignored".to_owned(),
            SuppressedBy::Advisory => "the advisory says so".to_owned(),
        }
    } else {
        words.join(": ")
    }
}
