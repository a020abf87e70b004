//! From secrets found to what is said of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    FindingKind, Fingerprint, FoundSecret, Issue, IssueRule, Sbom, Severity, scan::Target,
};
use serde_json::json;

use super::{SecretKind, check::EXPIRES, kind::named, secret_kinds};

/// ATT&CK's names for what an attacker does with them: credentials in
/// files, and in container images' metadata.
const TECHNIQUES: [&str; 2] = ["T1552", "T1552.001"];

/// What is to be said of the secrets in a bill of materials, worst first;
/// `None` where nobody looked for any.
pub fn secret_issues(sbom: &Sbom, target: &Target, now: Timestamp) -> Option<Vec<Issue>> {
    let subject = sbom.subject(target);
    // An image rebuilt keeps what is said of it.
    let subject = subject.split('@').next().unwrap_or(&subject);
    let secrets = sbom.secrets.as_ref()?.iter();
    let mut issues: Vec<Issue> = secrets
        // A kind another version knew, or none.
        .filter(|secret| named(&secret.rule).is_some())
        .map(|secret| issue(secret, subject, now))
        .collect();
    issues.sort_by(Issue::order);
    // The same file with the same value in two layers is said once: of the
    // layer that shows it.
    let mut seen = std::collections::BTreeSet::new();
    issues.retain(|issue| seen.insert(issue.fingerprint.clone()));
    Some(issues)
}

fn issue(secret: &FoundSecret, subject: &str, now: Timestamp) -> Issue {
    let kind = FindingKind::Secret;
    let fingerprint = Fingerprint::of(&[
        kind.as_str(),
        &secret.rule,
        subject,
        &secret.path,
        &secret.mark,
    ]);
    let mut severity = secret.severity;
    let mut summary = secret.summary();
    if expires(secret).is_some_and(|end| end <= now) {
        severity = Severity::Info;
        summary.push_str("; expired");
    }
    Issue {
        fingerprint,
        kind,
        rule: secret.rule.clone(),
        severity,
        summary,
        path: Some(secret.path.clone()),
        line: secret.line,
        layer: secret.layer,
        evidence: json!({
            "place": secret.place,
            "path": secret.path,
            "line": secret.line,
            "redacted": secret.redacted,
            "mark": secret.mark,
            "proof": secret.proof,
            "layer": secret.layer,
            "removed_in": secret.removed_in,
        }),
        suppression: None,
    }
}

/// When it stops being of use, where it says so itself.
fn expires(secret: &FoundSecret) -> Option<Timestamp> {
    let (_, time) = secret.proof.as_deref()?.split_once(EXPIRES)?;
    time.parse().ok()
}

/// What is said of every kind of secret, by id.
pub fn secret_rules() -> BTreeMap<String, IssueRule> {
    secret_kinds()
        .iter()
        .map(|kind| (kind.id.clone(), rule(kind)))
        .collect()
}

fn rule(kind: &SecretKind) -> IssueRule {
    IssueRule {
        id: kind.id.clone(),
        kind: FindingKind::Secret,
        title: kind.title.clone(),
        severity: kind.severity,
        description: described(kind),
        why: kind.why.trim().to_owned(),
        fix: kind.fix.clone(),
        false_positives: kind.false_positives.trim().to_owned(),
        references: kind.references.clone(),
        techniques: TECHNIQUES.map(str::to_owned).to_vec(),
    }
}

fn described(kind: &SecretKind) -> String {
    let mut text = match kind.files.as_slice() {
        [] => "Looked for in every text file, in variables, labels and build steps.".to_owned(),
        files => format!("Looked for in files such as `{}`.", files.join("`, `")),
    };
    if kind.check.is_some() {
        text.push_str(" Each is checked by its form before it is told.");
    }
    text.push_str(" Its value is never kept: a few letters at most, and a slow hash.");
    text
}

#[cfg(test)]
mod tests {
    use model::{SecretPlace, TargetKind};

    use super::*;

    fn secret(proof: Option<&str>, layer: u32) -> FoundSecret {
        FoundSecret {
            rule: "json-web-token".to_owned(),
            severity: Severity::Medium,
            place: SecretPlace::File,
            path: "app/.env".to_owned(),
            line: Some(3),
            redacted: "eyJh…4Zq2".to_owned(),
            mark: "00aa".to_owned(),
            proof: proof.map(str::to_owned),
            layer: Some(layer),
            removed_in: None,
        }
    }

    fn said(secrets: Option<Vec<FoundSecret>>) -> Option<Vec<Issue>> {
        let sbom = Sbom {
            secrets,
            ..Sbom::default()
        };
        let target = Target {
            kind: TargetKind::Image,
            name: "shop:1".to_owned(),
        };
        secret_issues(&sbom, &target, "2026-06-01T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn nobody_looked_is_not_nothing_found() {
        assert_eq!(said(None), None);
        assert_eq!(said(Some(Vec::new())), Some(Vec::new()));
    }

    #[test]
    fn what_has_expired_is_worth_knowing_and_no_more() {
        let of = |proof| said(Some(vec![secret(proof, 0)])).unwrap().remove(0);
        assert_eq!(
            of(Some("valid until 2030-01-01T00:00:00Z")).severity,
            Severity::Medium
        );
        let past = of(Some("valid until 2020-01-01T00:00:00Z"));
        assert_eq!(past.severity, Severity::Info);
        assert!(past.summary.ends_with("; expired"));
    }

    #[test]
    fn the_same_file_in_two_layers_is_said_once() {
        let issues = said(Some(vec![secret(None, 0), secret(None, 2)])).unwrap();
        assert_eq!(issues.len(), 1);
    }
}
