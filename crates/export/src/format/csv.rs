//! Comma-separated values (RFC 4180), one line for each notice.

use std::borrow::Cow;

use model::Notice;

/// The columns, in order.
pub const HEADER: &[&str] = &[
    "id",
    "event",
    "time",
    "environment",
    "finding",
    "kind",
    "severity",
    "title",
    "rule",
    "state",
    "cluster",
    "host",
    "namespace",
    "workload",
    "image",
    "image_digest",
    "package",
    "package_version",
    "path",
    "fixed_in",
    "first_seen",
    "last_seen",
    "cvss",
    "epss",
    "exploited",
    "attack",
    "link",
];

/// The header's line.
pub fn header() -> String {
    let mut text = HEADER.join(",");
    text.push_str("\r\n");
    text
}

/// The line of one notice.
pub fn write(notice: &Notice) -> String {
    let mut cells: Vec<Cow<'_, str>> = vec![
        (&notice.id).into(),
        notice.event.as_str().into(),
        notice.time.to_string().into(),
        (&notice.environment).into(),
    ];
    if let Some(finding) = &notice.finding {
        let text = |value: &Option<String>| Cow::Owned(value.clone().unwrap_or_default());
        let number =
            |value: Option<f64>| Cow::Owned(value.map(|v| v.to_string()).unwrap_or_default());
        cells.extend::<[Cow<'_, str>; 22]>([
            (&finding.id).into(),
            finding.kind.as_str().into(),
            finding.severity.as_str().into(),
            (&finding.title).into(),
            (&finding.rule).into(),
            (&finding.state).into(),
            text(&finding.cluster),
            text(&finding.host),
            text(&finding.namespace),
            text(&finding.workload),
            text(&finding.image),
            text(&finding.image_digest),
            text(&finding.package),
            text(&finding.package_version),
            text(&finding.path),
            finding.fix_versions.join(" ").into(),
            finding.first_seen.to_string().into(),
            finding.last_seen.to_string().into(),
            number(finding.cvss),
            number(finding.epss),
            (if finding.kev { "yes" } else { "no" }).into(),
            finding.attack.join(" ").into(),
        ]);
    } else {
        cells.extend::<[Cow<'_, str>; 4]>([
            notice.subject().to_owned().into(),
            "".into(),
            notice.severity().as_str().into(),
            notice.headline().into(),
        ]);
        cells.resize(HEADER.len() - 1, "".into());
    }
    cells.push(super::link(notice).unwrap_or_default().into());
    let mut text = cells
        .iter()
        .map(|cell| quoted(cell))
        .collect::<Vec<_>>()
        .join(",");
    text.push_str("\r\n");
    text
}

/// A cell that a spreadsheet shows and never runs (OWASP, "CSV
/// Injection"). `@` begins every npm scope, so it counts only where a
/// call or a link to another program follows.
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
