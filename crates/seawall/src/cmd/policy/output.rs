//! What `seawall policy check` prints.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use model::Severity;
use policy::manifest::{Judged, Unread};
use policy::review::Violation;
use report::plain;
use serde::Serialize;
use serde_json::{Value, json};

use super::{action, counted, name, prose, severity};
use crate::{
    cmd::{Context, remote::output},
    exit::Failure,
};

/// Lines of a change that are shown of one violation.
const MAX_LINES: usize = 60;

const STRONG: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical | Severity::High => AnsiColor::Red.on_default().bold(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Cyan.on_default(),
    }
}

/// Worst first, those of one policy together.
fn sorted<'a>(judged: &'a Judged<'_>) -> Vec<&'a Violation> {
    let mut violations: Vec<&Violation> = judged.violations.iter().collect();
    violations.sort_by(|a, b| {
        (severity(b), b.action, name(&a.kind))
            .cmp(&(severity(a), a.action, name(&b.kind)))
            .then_with(|| a.message.cmp(&b.message))
    });
    violations
}

/// The change that mends this object, where the policy knows one.
fn fix(judged: &Judged<'_>, violation: &Violation) -> Option<String> {
    let patch = violation.details.get("patch")?;
    let change = policy::fix(&judged.manifest.object, patch).ok()?;
    (!change.is_empty()).then_some(change)
}

/// For people: each object with what is wrong with it.
pub(super) fn text(context: &Context, judged: &[Judged<'_>], unread: &[Unread]) -> String {
    let color = context.terminal.color_stdout;
    let paint = |style: Style, text: &str| {
        if color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    };
    let mut out = String::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    // Writing to a string does not fail.
    for each in judged.iter().filter(|each| !each.violations.is_empty()) {
        let manifest = each.manifest;
        let title = paint(STRONG, &plain(&manifest.title()));
        _ = writeln!(
            out,
            "{}:{}  {title}",
            plain(&manifest.source),
            manifest.line
        );
        for violation in sorted(each) {
            let severity = severity(violation);
            let word = match severity {
                Severity::Unknown => action(violation.action),
                known => known.as_str(),
            };
            let failed = if violation.failed {
                " (could not be evaluated)"
            } else {
                ""
            };
            _ = writeln!(
                out,
                "  {}  {}{failed}",
                paint(style(severity), &format!("{word:<8}")),
                plain(&violation.message)
            );
            let place = format!(
                "{} ({}), line {}",
                name(&violation.kind),
                action(violation.action),
                manifest.line_of(violation)
            );
            _ = writeln!(out, "            {}", paint(DIM, &plain(&place)));
            // The reason is given once.
            if let Some(prose) = prose(&violation.kind)
                && told.insert(prose.id.as_str())
            {
                for line in wrap(
                    &prose.why,
                    context.terminal.width.unwrap_or(100).saturating_sub(12),
                ) {
                    _ = writeln!(out, "            {}", plain(&line));
                }
            }
            if let Some(change) = fix(each, violation) {
                let lines: Vec<&str> = change.lines().collect();
                for line in lines.iter().take(MAX_LINES) {
                    let line = plain(line).into_owned();
                    let painted = match line.as_bytes().first() {
                        Some(b'+') => paint(AnsiColor::Green.on_default(), &line),
                        Some(b'-') => paint(AnsiColor::Red.on_default(), &line),
                        _ => paint(DIM, &line),
                    };
                    _ = writeln!(out, "            {painted}");
                }
                if lines.len() > MAX_LINES {
                    _ = writeln!(out, "            … {} more lines", lines.len() - MAX_LINES);
                }
            }
        }
        out.push('\n');
    }
    for fault in unread {
        _ = writeln!(
            out,
            "{}:{}  not read: {}",
            plain(&fault.source),
            fault.line,
            plain(&fault.message)
        );
    }
    let count: usize = judged.iter().map(|each| each.violations.len()).sum();
    let affected = judged
        .iter()
        .filter(|each| !each.violations.is_empty())
        .count();
    _ = writeln!(
        out,
        "{}, {} in {}",
        counted(judged.len(), "object"),
        counted(count, "violation"),
        counted(affected, "object")
    );
    out
}

/// Lines of at most `width` letters, broken at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.clamp(40, 100);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[derive(Serialize)]
struct Checked<'a> {
    objects: usize,
    violations: Vec<Told<'a>>,
    unread: Vec<Value>,
}

#[derive(Serialize)]
struct Told<'a> {
    source: &'a str,
    line: usize,
    object: Value,
    policy: &'a str,
    kind: &'a str,
    constraint: &'a str,
    action: &'static str,
    severity: Severity,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    /// A unified diff of the object's YAML.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    details: &'a Value,
    failed: bool,
}

fn told<'a>(each: &'a Judged<'_>, violation: &'a Violation) -> Told<'a> {
    let manifest = each.manifest;
    Told {
        source: &manifest.source,
        line: manifest.line_of(violation),
        object: json!({
            "api_version": manifest.object["apiVersion"],
            "kind": manifest.object["kind"],
            "namespace": manifest.namespace(),
            "name": manifest.name(),
        }),
        policy: name(&violation.kind),
        kind: &violation.kind,
        constraint: &violation.constraint,
        action: action(violation.action),
        severity: severity(violation),
        message: &violation.message,
        why: prose(&violation.kind).map(|prose| prose.why.trim()),
        fix: fix(each, violation),
        details: &violation.details,
        failed: violation.failed,
    }
}

fn unread_values(unread: &[Unread]) -> Vec<Value> {
    unread
        .iter()
        .map(|fault| json!({"source": fault.source, "line": fault.line, "message": fault.message}))
        .collect()
}

pub(super) fn json(judged: &[Judged<'_>], unread: &[Unread]) -> Result<Vec<u8>, Failure> {
    output::json(&Checked {
        objects: judged.len(),
        violations: judged
            .iter()
            .flat_map(|each| {
                sorted(each)
                    .into_iter()
                    .map(move |violation| told(each, violation))
            })
            .collect(),
        unread: unread_values(unread),
    })
}

/// SARIF 2.1.0: a policy is a rule, a violation a result at its line.
pub(super) fn sarif(judged: &[Judged<'_>], unread: &[Unread]) -> Result<Vec<u8>, Failure> {
    let mut rules: Vec<&str> = judged
        .iter()
        .flat_map(|each| &each.violations)
        .map(|violation| violation.kind.as_str())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = judged
        .iter()
        .flat_map(|each| {
            sorted(each)
                .into_iter()
                .map(move |violation| (each, violation))
        })
        .map(|(each, violation)| result(&rules, each, violation))
        .collect();
    output::json(&json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "seawall",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|kind| rule(kind)).collect::<Vec<_>>(),
            }},
            "automationDetails": { "id": "seawall/policy/" },
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": unread.iter().map(|fault| json!({
                    "level": "warning",
                    "message": { "text": format!("{}:{}: {}", fault.source, fault.line, fault.message) },
                })).collect::<Vec<_>>(),
            }],
            "results": results,
            "columnKind": "utf16CodeUnits",
        }],
    }))
}

fn rule(kind: &str) -> Value {
    match prose(kind) {
        Some(prose) => json!({
            "id": prose.id,
            "name": kind,
            "shortDescription": { "text": format!("{}.", prose.title) },
            "fullDescription": { "text": prose.description.trim() },
            "help": { "text": prose.why.trim(), "markdown": prose.why.trim() },
            "helpUri": prose.references.first(),
            "defaultConfiguration": { "level": level(prose.severity) },
            "properties": { "tags": ["security", "kubernetes"], "severity": prose.severity },
        }),
        None => json!({
            "id": kind,
            "name": kind,
            "shortDescription": { "text": format!("{kind}.") },
            "defaultConfiguration": { "level": "warning" },
            "properties": { "tags": ["security", "kubernetes"] },
        }),
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Unknown => "warning",
        _ => "note",
    }
}

fn result(rules: &[&str], each: &Judged<'_>, violation: &Violation) -> Value {
    let manifest = each.manifest;
    json!({
        "ruleId": name(&violation.kind),
        "ruleIndex": rules.binary_search(&violation.kind.as_str()).unwrap_or(0),
        "level": level(severity(violation)),
        "message": { "text": format!("{}: {}", manifest.title(), violation.message) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": manifest.source.replace(' ', "%20") },
                "region": { "startLine": manifest.line_of(violation) },
            },
            "logicalLocations": [{ "fullyQualifiedName": manifest.title(), "kind": "resource" }],
        }],
        "properties": {
            "action": action(violation.action),
            "constraint": violation.constraint,
        },
    })
}
