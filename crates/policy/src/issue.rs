//! What recommendations say of one image that was just read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    FindingKind, Fingerprint, Issue, IssueRule, LicensePolicy, Sbom, alert::RuleStep, scan::Target,
};

use crate::{AssetSort, Facts, ImageFacts, Recommendation, Step, Verdict, judge, recommendations};

/// The rule about licences: its issues are about packages.
pub const LICENSES: &str = "images-licenses-allowed";

/// Recommendations that ask what runs, or repeat what the same report
/// says elsewhere.
const NOT_HERE: [&str; 4] = [
    "images-fix-critical",
    "images-fix-high",
    "images-no-exploited",
    "images-read-whole",
];

/// What is to be said of an image, worst first; nothing of folders and
/// documents, which have no configuration.
pub fn image_issues(
    sbom: &Sbom,
    target: &Target,
    policy: Option<&LicensePolicy>,
    now: Timestamp,
) -> Vec<Issue> {
    let Some(facts) = ImageFacts::of(sbom, target, policy) else {
        return Vec::new();
    };
    let facts = Facts::Image(Box::new(facts));
    let subject = sbom.subject(target);
    let subject = subject.split('@').next().unwrap_or(&subject);
    let rules = recommendations()
        .iter()
        .filter(|rule| rule.asset == AssetSort::Image && !NOT_HERE.contains(&rule.id.as_str()));
    let mut issues: Vec<Issue> = rules
        .filter_map(|rule| match judge(&rule.id, &facts, now) {
            Verdict::Affected(fault) => {
                let mut evidence = fault.evidence;
                if let Some(facts) = evidence.as_object_mut() {
                    facts.insert(
                        "remediation".to_owned(),
                        serde_json::json!(fault.remediation),
                    );
                }
                Some(Issue {
                    fingerprint: Fingerprint::of(&["misconfiguration", &rule.id, subject]),
                    kind: FindingKind::Misconfiguration,
                    rule: rule.id.clone(),
                    severity: rule.severity,
                    summary: fault.summary,
                    path: None,
                    line: None,
                    layer: None,
                    evidence,
                    suppression: None,
                })
            }
            Verdict::Healthy | Verdict::NotApplicable => None,
        })
        .collect();
    issues.sort_by(Issue::order);
    issues
}

/// What is said of every recommendation about images, by id.
pub fn image_rules() -> BTreeMap<String, IssueRule> {
    recommendations()
        .iter()
        .filter(|rule| rule.asset == AssetSort::Image)
        .map(|rule| (rule.id.clone(), text(rule)))
        .collect()
}

fn text(rule: &Recommendation) -> IssueRule {
    IssueRule {
        id: rule.id.clone(),
        kind: FindingKind::Misconfiguration,
        title: rule.title.clone(),
        severity: rule.severity,
        description: rule.description.trim().to_owned(),
        why: rule.why.trim().to_owned(),
        fix: rule.remediation.iter().cloned().map(step).collect(),
        false_positives: String::new(),
        references: rule.references.clone(),
        techniques: rule.techniques.clone(),
    }
}

fn step(step: Step) -> RuleStep {
    RuleStep {
        text: step.text,
        code: step.code,
        language: step.language,
    }
}

#[cfg(test)]
mod tests {
    use model::{ImageConfig, TargetKind};

    use super::*;

    #[test]
    fn an_image_is_told_what_is_wrong_with_it_and_a_folder_is_not() {
        let sbom = Sbom {
            config: Some(ImageConfig {
                health_check: Some(true),
                ports: Some(vec!["22/tcp".to_owned()]),
                ..ImageConfig::default()
            }),
            ..Sbom::default()
        };
        let told = |kind| {
            let target = Target {
                kind,
                name: "shop:1".to_owned(),
            };
            let now = "2026-06-01T00:00:00Z".parse().unwrap();
            let issues = image_issues(&sbom, &target, None, now);
            issues
                .into_iter()
                .map(|issue| issue.rule)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(TargetKind::Image),
            ["images-no-ssh", "images-not-root"]
        );
        assert!(told(TargetKind::Rootfs).is_empty());
        assert!(image_rules().contains_key("images-no-ssh"));
    }
}
