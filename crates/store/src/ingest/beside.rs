//! The secrets and the malware a report tells of, as sightings of an
//! image: they live beside its vulnerabilities, and only a look for
//! secrets says that one is gone, as one for malware does of that.

use std::collections::{BTreeSet, HashMap};

use model::{FindingKind, Report, attack::Tactics};

use super::{findings::hides, target::Known as Image};
use crate::{
    NewRule, RuleDetails, StoreError,
    counts::{finding_rank, severity_number},
    db::Connection,
    finding::kind_number,
    row::json,
    sighting::{self, BatchOutcome, Known, Look, Said, Sighting, Whole, Within, put_rules},
};

/// Kinds that were looked for. Of the others nothing is known to be gone.
pub(super) fn sought(report: &Report) -> impl Iterator<Item = FindingKind> {
    let sbom = &report.sbom;
    [
        (FindingKind::Secret, sbom.secrets.is_some()),
        (FindingKind::Malware, sbom.malware.is_some()),
    ]
    .into_iter()
    .filter_map(|(kind, is_sought)| is_sought.then_some(kind))
}

/// Writes down what is told of one kind.
pub(super) async fn put(
    connection: &mut Connection,
    environment: i64,
    image: &Image,
    report: &Report,
    kind: FindingKind,
) -> Result<BatchOutcome, StoreError> {
    let issues = report.issues.iter().chain(&report.suppressed_issues);
    let issues: Vec<_> = issues.filter(|issue| issue.kind == kind).collect();
    let named: BTreeSet<&str> = issues.iter().map(|issue| issue.rule.as_str()).collect();
    let rules: Vec<NewRule> = named.iter().filter_map(|id| rule(report, id)).collect();
    let ids = put_rules(connection, &rules).await?;
    let mut sightings = Vec::with_capacity(issues.len());
    for issue in issues {
        let Some(&rule) = ids.get(&(kind, issue.rule.clone())) else {
            continue;
        };
        sightings.push(Sighting {
            said: Said {
                fingerprint: issue.fingerprint.to_string(),
                asset: image.asset_id,
                image: Some(image.id),
                kind: kind_number(kind),
                rule,
                package: None,
                severity: severity_number(issue.severity),
                rank: finding_rank(issue.severity, false, None),
                priority: 0,
                suppression: issue.suppression.as_ref().map(json),
                fix_state: None,
                fix_versions: None,
                fixable: 0,
                advisories: None,
                path: issue.path.clone(),
                layer: issue.layer.map(i64::from),
                summary: Some(issue.summary.clone()),
                container: None,
            },
            seen: None,
            evidence: Some(json(&issue.evidence)),
            package: None,
        });
    }
    let layers: Vec<String> = report
        .sbom
        .layers
        .iter()
        .map(|layer| layer.diff_id.to_string())
        .collect();
    let may_be_hidden = |known: &Known| {
        let mut warnings = report.sbom.warnings.iter();
        warnings.any(|warning| hides(warning, known, &layers))
    };
    let look = Look {
        environment,
        now: report.scanned,
        whole: Some(Whole {
            assets: HashMap::from([(image.asset_id, image.assessed)]),
            kind: kind_number(kind),
            within: Within::Kind,
            may_be_hidden: &may_be_hidden,
        }),
        because: None,
    };
    let changes = sighting::put(connection, &look, sightings).await?;
    changes
        .finish(connection, environment, report.scanned)
        .await
}

fn rule(report: &Report, id: &str) -> Option<NewRule> {
    let rule = report.rules.get(id)?;
    Some(NewRule {
        kind: rule.kind,
        name: rule.id.clone(),
        severity: rule.severity,
        title: rule.title.clone(),
        // What is read, and what is run, by whoever got in.
        tactics: Tactics::named([match rule.kind {
            FindingKind::Malware => "execution",
            _ => "credential-access",
        }]),
        techniques: rule.techniques.clone(),
        details: RuleDetails {
            description: rule.description.clone(),
            why: rule.why.clone(),
            source: "seawall".to_owned(),
            remediation: rule.fix.clone(),
            references: rule.references.clone(),
            false_positives: rule.false_positives.clone(),
            ..RuleDetails::default()
        },
    })
}
