//! What a scan says beside vulnerabilities: malware, secrets, settings,
//! licences.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use model::{FindingKind, Issue, LicenseClass, Licensed, Report, finding::SuppressedBy};

use super::{
    Row, Table,
    layout::{Cell, Column},
    lines::write_line,
    severity_cell,
};
use crate::{
    WriteOptions,
    summary::{count, number},
    terminal::plain,
};

const SECRETS: &[Column] = &[
    Column::fixed("SEVERITY"),
    Column::fixed("SECRET").shrinks_to(18),
    Column::fixed("WHERE").shrinks_to(16).cut_at_start(),
    Column::fixed("LAYER").expendable(2),
    Column::fixed("SHOWN").shrinks_to(9),
    Column::fixed("KNOWN OF IT").shrinks_to(16).expendable(1),
];

const MALWARE: &[Column] = &[
    Column::fixed("SEVERITY"),
    Column::fixed("MALWARE").shrinks_to(18),
    Column::fixed("WHERE").shrinks_to(16).cut_at_start(),
    Column::fixed("LAYER").expendable(2),
    Column::fixed("SAYS").shrinks_to(12).cut_at_start(),
    Column::fixed("SHA-256").shrinks_to(12).expendable(1),
];

const SETTINGS: &[Column] = &[
    Column::fixed("SEVERITY"),
    Column::fixed("CHECK").shrinks_to(18),
    Column::fixed("WHAT IS WRONG").shrinks_to(24),
];

const LICENSES: &[Column] = &[
    Column::fixed("CLASS"),
    Column::fixed("LICENCE").shrinks_to(16),
    Column::fixed("PACKAGES"),
    Column::fixed("SUCH AS").shrinks_to(16).expendable(1),
];

const SUPPRESSED: &[Column] = &[
    Column::fixed("SEVERITY"),
    Column::fixed("RULE").shrinks_to(18),
    Column::fixed("WHERE").shrinks_to(16).cut_at_start(),
    Column::fixed("SAID BY").shrinks_to(12).cut_at_start(),
    Column::fixed("UNTIL").expendable(1),
    Column::fixed("BECAUSE").shrinks_to(20),
];

const LINES: &[&str] = &[
    "SEVERITY",
    "KIND",
    "RULE",
    "WHERE",
    "LAYER",
    "SUMMARY",
    "TARGET",
    "SUPPRESSED",
];

/// Packages named beside a licence.
const NAMED: usize = 5;

fn text(value: &serde_json::Value, key: &str) -> String {
    let value = value.get(key).and_then(serde_json::Value::as_str);
    plain(value.unwrap_or_default()).into_owned()
}

fn place(issue: &Issue) -> String {
    let path = issue.path.as_deref().unwrap_or_default();
    match issue.line {
        Some(line) => format!("{path}:{line}"),
        None => path.to_owned(),
    }
}

/// People count layers from one; a second number is the layer that
/// deleted it.
fn layers(issue: &Issue) -> String {
    let removed = issue.evidence.get("removed_in");
    match (issue.layer, removed.and_then(serde_json::Value::as_u64)) {
        (Some(layer), Some(removed)) => format!("{} (−{})", layer + 1, removed + 1),
        (Some(layer), None) => (layer + 1).to_string(),
        (None, _) => String::new(),
    }
}

fn malware(issue: &Issue) -> Row {
    let digest = text(&issue.evidence, "digest");
    vec![
        severity_cell(issue.severity),
        Cell::new(text(&issue.evidence, "name")),
        Cell::new(plain(&place(issue))),
        Cell::new(layers(issue)),
        Cell::new(text(&issue.evidence, "list")),
        Cell::new(digest.strip_prefix("sha256:").unwrap_or(&digest)),
    ]
}

impl Table<'_> {
    pub(super) fn has_issues(&self) -> bool {
        !self.report.issues.is_empty()
            || self.options.show_suppressed && !self.report.suppressed_issues.is_empty()
            || self.report.lists_licenses
    }

    pub(super) fn write_issues(&self, out: &mut dyn Write) -> io::Result<()> {
        let of_kind = |kind| {
            self.report
                .issues
                .iter()
                .filter(move |issue| issue.kind == kind)
        };
        let rows: Vec<Row> = of_kind(FindingKind::Malware).map(malware).collect();
        let title = format!("Malware: {}", count(rows.len(), "finding"));
        self.write_table(Some(&title), MALWARE, &rows, out)?;
        let rows: Vec<Row> = of_kind(FindingKind::Secret)
            .map(|issue| self.secret(issue))
            .collect();
        let title = format!("Secrets: {}", count(rows.len(), "finding"));
        self.write_table(Some(&title), SECRETS, &rows, out)?;
        let rows: Vec<Row> = of_kind(FindingKind::Misconfiguration)
            .map(|issue| {
                vec![
                    severity_cell(issue.severity),
                    Cell::new(plain(&issue.rule)),
                    Cell::new(plain(&issue.summary)),
                ]
            })
            .collect();
        let title = format!("Settings: {}", count(rows.len(), "finding"));
        self.write_table(Some(&title), SETTINGS, &rows, out)?;
        if self.options.show_suppressed {
            self.write_suppressed_issues(out)?;
        }
        if self.report.lists_licenses {
            self.write_licenses(out)?;
        }
        Ok(())
    }

    fn secret(&self, issue: &Issue) -> Row {
        let title = self.report.rules.get(&issue.rule);
        let title = title.map_or(issue.rule.as_str(), |rule| rule.title.as_str());
        let mut known = text(&issue.evidence, "proof");
        if issue
            .evidence
            .get("removed_in")
            .is_some_and(|layer| !layer.is_null())
        {
            if !known.is_empty() {
                known.push_str("; ");
            }
            known.push_str("deleted later, still in the layer");
        }
        vec![
            severity_cell(issue.severity),
            Cell::new(plain(title)),
            Cell::new(plain(&place(issue))),
            Cell::new(layers(issue)),
            Cell::new(text(&issue.evidence, "redacted")),
            Cell::new(known),
        ]
    }

    fn write_suppressed_issues(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<Row> = self
            .report
            .suppressed_issues
            .iter()
            .map(|issue| {
                let said = issue.suppression.as_ref();
                vec![
                    severity_cell(issue.severity),
                    Cell::new(plain(&issue.rule)),
                    Cell::new(plain(&place(issue))),
                    Cell::new(
                        said.map(|said| plain(&said.source).into_owned())
                            .unwrap_or_default(),
                    ),
                    Cell::new(
                        said.and_then(|said| said.expires)
                            .map(|date| date.to_string())
                            .unwrap_or_default(),
                    ),
                    Cell::new(plain(&because(issue))),
                ]
            })
            .collect();
        let title = format!("Suppressed beside: {}", count(rows.len(), "finding"));
        self.write_table(Some(&title), SUPPRESSED, &rows, out)
    }

    fn write_licenses(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut licenses: BTreeMap<(LicenseClass, String), (usize, Vec<&str>)> = BTreeMap::new();
        for package in &self.report.sbom.packages {
            let names = Licensed::of(&package.licenses).names;
            let names = if names.is_empty() {
                vec!["none named".to_owned()]
            } else {
                names
            };
            for name in names {
                let class = Licensed::of(std::slice::from_ref(&name)).class;
                let (packages, shown) = licenses.entry((class, name)).or_default();
                *packages += 1;
                if shown.len() < NAMED && !shown.contains(&package.name.as_str()) {
                    shown.push(&package.name);
                }
            }
        }
        // What asks most first; of a class the most frequent.
        let mut sorted: Vec<_> = licenses.into_iter().collect();
        sorted.sort_by(|((a, one), (few, _)), ((b, other), (many, _))| {
            b.cmp(a).then(many.cmp(few)).then_with(|| one.cmp(other))
        });
        let rows: Vec<Row> = sorted
            .into_iter()
            .map(|((class, name), (packages, named))| {
                vec![
                    Cell::new(class.phrase()),
                    Cell::new(plain(&name)),
                    Cell::new(number(packages)),
                    Cell::new(plain(&named.join(", "))),
                ]
            })
            .collect();
        let title = format!("Licences: {}", rows.len());
        self.write_table(Some(&title), LICENSES, &rows, out)
    }
}

/// The reason someone gave.
fn because(issue: &Issue) -> String {
    let said = issue.suppression.as_ref();
    match said.and_then(|said| said.justification.clone()) {
        Some(reason) => reason,
        None if said.is_some_and(|said| said.by == SuppressedBy::IgnoreFile) => {
            "ignored".to_owned()
        }
        None => String::new(),
    }
}

/// A line for each issue, below those of vulnerabilities.
pub(super) fn write_lines(
    reports: &[Report],
    options: &WriteOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let width = LINES.len() - usize::from(!options.show_suppressed);
    let mut has_header = false;
    for report in reports {
        let suppressed = report.suppressed_issues.iter();
        let suppressed = suppressed.filter(|_| options.show_suppressed);
        for issue in report.issues.iter().chain(suppressed) {
            if !has_header {
                writeln!(out, "\n{}", LINES[..width].join("\t"))?;
                has_header = true;
            }
            let cells = [
                issue.severity.to_string(),
                issue.kind.to_string(),
                issue.rule.clone(),
                place(issue),
                layers(issue),
                issue.summary.clone(),
                report.target.name.clone(),
                because(issue),
            ];
            write_line(&cells[..width], out)?;
        }
    }
    Ok(())
}
