//! Malware, secrets, settings and licences as SARIF's rules and results.

use model::{FindingKind, Issue, IssueRule, Report, Severity};
use serde_json::{Value, json};

use super::{level, sentence};
use crate::{
    link,
    places::{Places, build_step},
};

/// What code-scanning views sort by, where no score was given.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "3.0",
        Severity::Info | Severity::Unknown => "0.0",
    }
}

pub(super) fn rule(rule: &IssueRule) -> Value {
    let mut markdown = String::new();
    for part in [&rule.description, &rule.why] {
        if !part.is_empty() {
            markdown.push_str(part);
            markdown.push_str("\n\n");
        }
    }
    for step in &rule.fix {
        markdown.push_str("- ");
        markdown.push_str(&step.text);
        markdown.push('\n');
    }
    let references: Vec<&str> = rule
        .references
        .iter()
        .map(String::as_str)
        .filter(|address| link::is_web_address(address))
        .collect();
    let mut value = json!({
        "id": rule.id,
        "name": match rule.kind {
            FindingKind::Malware => "MalwareInImage",
            FindingKind::Secret => "SecretInImage",
            _ => "ImageSetting",
        },
        "shortDescription": { "text": sentence(&rule.title) },
        "fullDescription": { "text": sentence(&rule.title) },
        "help": { "text": markdown.trim(), "markdown": markdown.trim() },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": {
            "precision": "high",
            "security-severity": score(rule.severity),
            "severity": rule.severity,
            "tags": ["security", rule.kind],
        },
    });
    if let Some(address) = references.first() {
        value["helpUri"] = json!(address);
    }
    value
}

pub(super) fn result(report: &Report, places: &Places<'_>, index: usize, issue: &Issue) -> Value {
    let title = report.rules.get(&issue.rule);
    let title = title.map_or(issue.rule.as_str(), |rule| rule.title.as_str());
    // A viewer needs a file to show it at: of the configuration there is none.
    let is_file = issue.line.is_some() || issue.kind != FindingKind::Secret && issue.path.is_some();
    let path = issue
        .path
        .as_deref()
        .filter(|_| is_file)
        .unwrap_or("image-configuration");
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": link::relative_uri(path) },
            "region": { "startLine": issue.line.unwrap_or(1) },
        },
        "message": { "text": format!("{}: {}", report.target.name, issue.summary) },
    });
    if let Some(layer) = places.layer(issue.layer) {
        let mut logical = json!({
            "kind": "layer",
            "name": layer.diff_id.short(),
            "fullyQualifiedName": layer.diff_id,
        });
        if let Some(step) = &layer.created_by {
            logical["decoratedName"] = json!(build_step(step));
        }
        location["logicalLocations"] = json!([logical]);
    }
    let mut result = json!({
        "ruleId": issue.rule,
        "ruleIndex": index,
        "level": level(issue.severity),
        "message": { "text": sentence(&format!("{title}: {}", issue.summary)) },
        "locations": [location],
        "partialFingerprints": { "seawallFingerprint/v1": issue.fingerprint },
        "properties": {
            "severity": issue.severity,
            "kind": issue.kind,
            "evidence": issue.evidence,
        },
    });
    if let Some(said) = &issue.suppression {
        let reason = said.justification.as_deref().unwrap_or("ignored");
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": format!("{reason} ({})", said.source),
        }]);
    }
    result
}
