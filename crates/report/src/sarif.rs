//! SARIF 2.1.0 (OASIS standard, 2020): for code-scanning views.
//!
//! A vulnerability is a rule, a finding is a result located at the file
//! that names the package, with the layer as its logical location. The
//! fingerprint is ours, so that a viewer follows a finding over scans.

mod issue;

use std::collections::BTreeMap;

use model::{Finding, Report, Severity, Vulnerability, VulnerabilityId};
use serde_json::{Value, json};

use crate::{
    link,
    places::{Places, build_step},
    score,
    table::because,
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(crate) fn document(reports: &[Report]) -> Value {
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": reports.iter().map(run).collect::<Vec<_>>(),
    })
}

fn run(report: &Report) -> Value {
    let places = Places::of(report);
    let rule_of: BTreeMap<&VulnerabilityId, usize> = report
        .vulnerabilities
        .keys()
        .enumerate()
        .map(|(index, id)| (id, index))
        .collect();
    let findings = report.findings.iter().chain(&report.suppressed);
    let issues = report.issues.iter().chain(&report.suppressed_issues);
    let results: Vec<Value> = findings
        .map(|finding| result(report, &places, &rule_of, finding))
        .chain(issues.filter_map(|one| {
            let index = report.rules.keys().position(|id| *id == one.rule)?;
            let index = report.vulnerabilities.len() + index;
            Some(issue::result(report, &places, index, one))
        }))
        .collect();
    let rules: Vec<Value> = report
        .vulnerabilities
        .values()
        .map(rule)
        .chain(report.rules.values().map(issue::rule))
        .collect();
    let (name, version) = crate::tool(report);
    json!({
        "tool": { "driver": {
            "name": name,
            "semanticVersion": version,
            "rules": rules,
        }},
        "automationDetails": { "id": format!("{name}/{}/", report.target.name) },
        "invocations": [{
            "executionSuccessful": true,
            "endTimeUtc": seconds(report.scanned),
            "toolExecutionNotifications": report.sbom.warnings.iter().map(|warning| json!({
                "level": "warning",
                "message": { "text": warning.to_string() },
            })).collect::<Vec<_>>(),
        }],
        "properties": {
            "target": report.target,
            "database": report.database,
        },
        "results": results,
        "columnKind": "utf16CodeUnits",
    })
}

pub(crate) fn seconds(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn rule(vulnerability: &Vulnerability) -> Value {
    let id = vulnerability.id.as_str();
    let title = if vulnerability.title.is_empty() {
        id
    } else {
        &vulnerability.title
    };
    let mut tags = vec!["security".to_owned(), "vulnerability".to_owned()];
    tags.extend(
        vulnerability
            .cwes
            .iter()
            .map(|cwe| format!("external/cwe/{}", cwe.to_ascii_lowercase())),
    );
    let mut properties = json!({
        "precision": "very-high",
        "security-severity": format!("{:.1}", score::agreeing(vulnerability)),
        "severity": vulnerability.severity,
    });
    if let Some(epss) = vulnerability.epss {
        properties["epss"] = json!(epss.score);
    }
    if let Some(kev) = &vulnerability.kev {
        tags.push("known-exploited".to_owned());
        properties["kev"] = json!(kev.added);
    }
    properties["tags"] = json!(tags);
    let mut rule = json!({
        "id": id,
        "name": "VulnerablePackage",
        "shortDescription": { "text": sentence(title) },
        "fullDescription": { "text": sentence(title) },
        "help": help(vulnerability),
        "defaultConfiguration": { "level": level(vulnerability.severity) },
        "properties": properties,
    });
    if let Some(page) = link::advisory(id) {
        rule["helpUri"] = json!(page);
    }
    rule
}

fn help(vulnerability: &Vulnerability) -> Value {
    let mut text = if vulnerability.description.is_empty() {
        vulnerability.title.clone()
    } else {
        vulnerability.description.clone()
    };
    if text.is_empty() {
        vulnerability.id.as_str().clone_into(&mut text);
    }
    let references: Vec<&str> = vulnerability
        .references
        .iter()
        .map(String::as_str)
        .filter(|url| link::is_web_address(url))
        .collect();
    let mut markdown = text.clone();
    if !references.is_empty() {
        markdown.push_str("\n\n");
        for url in &references {
            markdown.push_str("- <");
            markdown.push_str(url);
            markdown.push_str(">\n");
        }
        text.push_str("\n\n");
        text.push_str(&references.join("\n"));
    }
    json!({ "text": text, "markdown": markdown })
}

/// Viewers show these as sentences, and validators ask for a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info | Severity::Unknown => "note",
    }
}

fn result(
    report: &Report,
    places: &Places<'_>,
    rule_of: &BTreeMap<&VulnerabilityId, usize>,
    finding: &Finding,
) -> Value {
    let package = &finding.package;
    let mut message = format!(
        "{} {} has {}",
        package.name, package.version, finding.vulnerability
    );
    if let Some(details) = report.vulnerabilities.get(&finding.vulnerability)
        && !details.title.is_empty()
    {
        message.push_str(": ");
        message.push_str(details.title.trim_end_matches('.'));
    }
    message.push_str(". ");
    match finding.fix.version() {
        Some(version) => {
            message.push_str("Upgrade to ");
            message.push_str(version);
            message.push('.');
        }
        None => message.push_str("No fixed version has been published."),
    }
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": link::relative_uri(&package.path) },
            "region": { "startLine": 1 },
        },
        "message": { "text": format!("{}: {} {}", report.target.name, package.name, package.version) },
    });
    if let Some(layer) = places.layer(package.layer) {
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
        "ruleId": finding.vulnerability,
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": [location],
        "partialFingerprints": { "seawallFingerprint/v1": finding.fingerprint },
        "properties": {
            "severity": finding.severity,
            "package": package.purl,
            "installed": package.version,
            "fix": finding.fix,
            "advisories": finding.advisories,
        },
    });
    if let Some(index) = rule_of.get(&finding.vulnerability) {
        result["ruleIndex"] = json!(index);
    }
    if let Some(suppression) = &finding.suppression {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": format!("{} ({})", because(finding), suppression.source),
        }]);
    }
    result
}
