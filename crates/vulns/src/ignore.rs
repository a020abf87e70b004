//! What a team has decided to live with: ignore files.
//!
//! Our own form is YAML and asks for a reason; `.trivyignore` is read as
//! it is. An entry past its date no longer suppresses and is named in a
//! warning, so that a decision is taken again and not forgotten.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use model::{
    Finding, Issue, Report, Suppression, VulnerabilityId, Warning,
    finding::SuppressedBy,
    purl::{Purl, PurlParts},
};
use serde::Deserialize;

use crate::vex::purl_matches;

const MAX_BYTES: u64 = 4 << 20;

/// An ignore file, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    source: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    id: String,
    package: Option<String>,
    purl: Option<PurlParts>,
    path: Option<String>,
    reason: Option<String>,
    expires: Option<Date>,
}

/// Why an ignore file cannot be used; names the file, the line and the
/// key at fault.
#[derive(Debug, thiserror::Error)]
pub enum IgnoreError {
    #[error("read {}", .path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("read {}: it is larger than {MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("understand {}", .path.display())]
    Parse {
        path: PathBuf,
        source: serde_norway::Error,
    },
    #[error("understand {}: ignore[{index}].{key} {reason}", .path.display())]
    Entry {
        path: PathBuf,
        index: usize,
        key: &'static str,
        reason: String,
    },
    #[error("understand {}:{line}: {reason}", .path.display())]
    Line {
        path: PathBuf,
        line: usize,
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    ignore: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    #[serde(default)]
    package: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    path: Option<String>,
    reason: String,
    #[serde(default)]
    expires: Option<String>,
}

/// Reads an ignore file; what is not named `*.yaml` or `*.yml` is read
/// as plain lines.
pub fn read(path: &Path) -> Result<File, IgnoreError> {
    let failed = |source| IgnoreError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(IgnoreError::TooLarge(path.to_owned()));
    }
    let is_yaml = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    if is_yaml {
        parse_yaml(path, &text)
    } else {
        parse_lines(path, &text)
    }
}

fn parse_yaml(path: &Path, text: &str) -> Result<File, IgnoreError> {
    let document: Document = serde_norway::from_str(text).map_err(|source| IgnoreError::Parse {
        path: path.to_owned(),
        source,
    })?;
    let mut entries = Vec::with_capacity(document.ignore.len());
    for (index, written) in document.ignore.into_iter().enumerate() {
        let refuse = |key: &'static str, reason: String| IgnoreError::Entry {
            path: path.to_owned(),
            index,
            key,
            reason,
        };
        if written.id.trim().is_empty() {
            return Err(refuse("id", "is empty".to_owned()));
        }
        if written.reason.trim().is_empty() {
            let reason = "is empty: say why this needs no attention".to_owned();
            return Err(refuse("reason", reason));
        }
        let purl = written.purl.map(|text| text.parse::<Purl>());
        let purl = purl
            .transpose()
            .map_err(|error| refuse("purl", error.to_string()))?;
        let expires = written.expires.as_deref().map(str::parse::<Date>);
        let expires = expires.transpose().map_err(|_not_a_date| {
            let reason = "is no date (expected YYYY-MM-DD)".to_owned();
            refuse("expires", reason)
        })?;
        entries.push(Entry {
            id: written.id.trim().to_owned(),
            package: written.package,
            purl: purl.map(|purl| purl.parts()),
            path: written.path,
            reason: Some(written.reason.trim().to_owned()),
            expires,
        });
    }
    Ok(File {
        source: path.display().to_string(),
        entries,
    })
}

/// One id a line, `exp:YYYY-MM-DD` behind it. The comment lines right
/// above an id are its reason.
fn parse_lines(path: &Path, text: &str) -> Result<File, IgnoreError> {
    let mut entries = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            comment.clear();
            continue;
        }
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        let (content, behind) = match line.split_once('#') {
            Some((content, behind)) => (content, Some(behind.trim())),
            None => (line, None),
        };
        let mut words = content.split_whitespace();
        let Some(id) = words.next() else { continue };
        let mut expires = None;
        for word in words {
            let refuse = |reason: String| IgnoreError::Line {
                path: path.to_owned(),
                line: index + 1,
                reason,
            };
            let date = word
                .strip_prefix("exp:")
                .ok_or_else(|| refuse(format!("'{word}' is not understood")))?;
            let date = date.parse::<Date>();
            expires = Some(date.map_err(|_not_a_date| {
                refuse(format!("'{word}' is no date (expected exp:YYYY-MM-DD)"))
            })?);
        }
        let above = comment.join(" ");
        let reason = behind.map_or(above, str::to_owned);
        entries.push(Entry {
            id: id.to_owned(),
            package: None,
            purl: None,
            path: None,
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            expires,
        });
    }
    Ok(File {
        source: path.display().to_string(),
        entries,
    })
}

/// The entries of a file that hold today.
#[derive(Debug)]
pub(crate) struct InForce<'f> {
    file: &'f File,
    entries: Vec<&'f Entry>,
}

impl File {
    /// A warning for each entry that no longer holds.
    pub fn expired(&self, now: Timestamp) -> Vec<Warning> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let expired = |entry: &Entry| entry.expires.filter(|date| *date < today);
        self.entries
            .iter()
            .filter_map(|entry| {
                let date = expired(entry)?;
                let words = format!("the ignore entry for {} expired on {date}", entry.id);
                Some(Warning::new(words).at(&*self.source))
            })
            .collect()
    }

    /// Sets aside what the file says of secrets, settings and licences: by
    /// the rule's id, and the path where one is given.
    pub fn judge_issues(&self, report: &mut Report, now: Timestamp) {
        let in_force = self.in_force(now);
        let issues = std::mem::take(&mut report.issues);
        for mut issue in issues {
            let entry = in_force.entries.iter().find(|entry| entry.is_about(&issue));
            match entry {
                Some(entry) => {
                    issue.suppression = Some(entry.suppression(&self.source));
                    report.suppressed_issues.push(issue);
                }
                None => report.issues.push(issue),
            }
        }
    }

    /// Leaves out the expired. An entry holds through the day it names.
    pub(crate) fn in_force(&self, now: Timestamp) -> InForce<'_> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let holds = |entry: &&Entry| entry.expires.is_none_or(|date| date >= today);
        InForce {
            file: self,
            entries: self.entries.iter().filter(holds).collect(),
        }
    }
}

impl InForce<'_> {
    /// What the file says of a finding.
    pub(crate) fn about(
        &self,
        finding: &Finding,
        canonical: impl Fn(&str) -> VulnerabilityId,
    ) -> Option<Suppression> {
        let entry = self.entries.iter().find(|entry| {
            entry.is_about_place(finding)
                && (finding.advisories.contains(&entry.id)
                    || canonical(&entry.id) == finding.vulnerability)
        })?;
        Some(entry.suppression(&self.file.source))
    }
}

impl Entry {
    fn suppression(&self, source: &str) -> Suppression {
        Suppression {
            by: SuppressedBy::IgnoreFile,
            status: "ignored".to_owned(),
            justification: self.reason.clone(),
            statement: None,
            source: source.to_owned(),
            expires: self.expires,
        }
    }

    fn is_about(&self, issue: &Issue) -> bool {
        let path = issue.path.as_deref().unwrap_or_default();
        self.id == issue.rule
            && self.package.is_none()
            && self.purl.is_none()
            && self
                .path
                .as_deref()
                .is_none_or(|pattern| glob(pattern.trim_start_matches('/'), path))
    }

    fn is_about_place(&self, finding: &Finding) -> bool {
        let package = &finding.package;
        let name = self.package.as_deref();
        let path = self.path.as_deref();
        name.is_none_or(|name| name == package.name)
            && path.is_none_or(|path| glob(path.trim_start_matches('/'), &package.path))
            && self
                .purl
                .as_ref()
                .is_none_or(|purl| purl_matches(purl, &package.purl.parts()))
    }
}

/// `*` stands for any run of characters, slashes included.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Result<File, IgnoreError> {
        parse_yaml(Path::new(".seawallignore.yaml"), text)
    }

    #[test]
    fn an_entry_without_a_reason_is_refused_by_name() {
        let error = yaml("ignore:\n  - id: CVE-2024-1\n").unwrap_err();
        let text = model::error::chain(&error);
        assert!(text.contains(".seawallignore.yaml"), "{text}");
        assert!(text.contains("reason"), "{text}");
        assert!(text.contains("line 2"), "{text}");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = yaml("ignore:\n  - id: X\n    reason: y\n    until: 2030-01-01\n").unwrap_err();
        let text = model::error::chain(&error);
        assert!(text.contains("until") && text.contains("line 4"), "{text}");
    }

    #[test]
    fn a_bad_date_names_its_entry_and_key() {
        let error = yaml("ignore:\n  - id: X\n    reason: y\n    expires: soon\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "understand .seawallignore.yaml: ignore[0].expires is no date (expected YYYY-MM-DD)"
        );
    }

    #[test]
    fn plain_lines_take_their_reason_from_the_comment_above() {
        let path = Path::new(".trivyignore");
        let file = parse_lines(
            path,
            "# not reachable\nCVE-2024-1 exp:2030-01-02\n\nCVE-2024-2 # no fix\n",
        )
        .unwrap();
        assert_eq!(file.entries[0].reason.as_deref(), Some("not reachable"));
        assert_eq!(file.entries[0].expires, Some(jiff::civil::date(2030, 1, 2)));
        assert_eq!(file.entries[1].reason.as_deref(), Some("no fix"));
        let error = parse_lines(path, "CVE-1\nCVE-2 until:x\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "understand .trivyignore:2: 'until:x' is not understood"
        );
    }

    #[test]
    fn an_entry_holds_through_its_day_and_then_warns() {
        let file = yaml("ignore: [{id: X, reason: y, expires: 2026-03-01}]").unwrap();
        let on_the_day = "2026-03-01T23:00:00Z".parse().unwrap();
        assert_eq!(file.in_force(on_the_day).entries.len(), 1);
        assert_eq!(file.expired(on_the_day), []);
        let later = "2026-03-02T00:00:00Z".parse().unwrap();
        assert_eq!(file.in_force(later).entries.len(), 0);
        assert_eq!(
            file.expired(later)[0].message,
            "the ignore entry for X expired on 2026-03-01"
        );
    }

    #[test]
    fn an_issue_is_ignored_by_its_rule_and_its_path() {
        let issue = |rule: &str, path: &str| Issue {
            fingerprint: model::Fingerprint::of(&[rule, path]),
            kind: model::FindingKind::Secret,
            rule: rule.to_owned(),
            severity: model::Severity::High,
            summary: String::new(),
            path: Some(path.to_owned()),
            line: None,
            layer: None,
            evidence: serde_json::Value::Null,
            suppression: None,
        };
        let about = |text: &str, issue: &Issue| {
            let file = yaml(text).unwrap();
            file.entries.iter().any(|entry| entry.is_about(issue))
        };
        let key = issue("private-key", "app/tests/key.pem");
        assert!(about("ignore: [{id: private-key, reason: x}]", &key));
        assert!(about(
            "ignore: [{id: private-key, path: /app/tests/*, reason: x}]",
            &key
        ));
        assert!(!about(
            "ignore: [{id: private-key, path: srv/*, reason: x}]",
            &key
        ));
        assert!(!about(
            "ignore: [{id: private-key, package: x, reason: x}]",
            &key
        ));
        assert!(!about("ignore: [{id: aws-access-key-id, reason: x}]", &key));
    }

    #[test]
    fn a_star_in_a_path_stands_for_anything() {
        for (pattern, text, expected) in [
            ("app/*", "app/lib/x.jar", true),
            ("*.jar", "app/lib/x.jar", true),
            ("app/*/x.jar", "app/lib/x.jar", true),
            ("app", "app/lib", false),
            ("*b*b", "ab", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
