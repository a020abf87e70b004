//! A notice: one thing another system is told.
//!
//! A notice is a picture, not a reference: it says what was true when
//! it happened, so that it can be delivered hours later, or a second
//! time, and still mean the same. Whoever receives it twice knows it by
//! its id. Its JSON form is the body of a webhook and a line of an
//! export, so fields are added and never renamed.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AlertContext, Severity};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoticeEvent {
    #[serde(rename = "finding.opened")]
    FindingOpened,
    #[serde(rename = "finding.changed")]
    FindingChanged,
    #[serde(rename = "finding.resolved")]
    FindingResolved,
    #[serde(rename = "finding.reopened")]
    FindingReopened,
    #[serde(rename = "finding.dismissed")]
    FindingDismissed,
    #[serde(rename = "finding.exempted")]
    FindingExempted,
    #[serde(rename = "recommendation.changed")]
    RecommendationChanged,
    /// Alerts belong together.
    #[serde(rename = "incident.opened")]
    IncidentOpened,
    /// It became worse: a severer alert, or more tactics.
    #[serde(rename = "incident.escalated")]
    IncidentEscalated,
    #[serde(rename = "incident.closed")]
    IncidentClosed,
    /// Many notices told as one.
    #[serde(rename = "digest")]
    Digest,
    /// Somebody tries whether the way is open.
    #[serde(rename = "test")]
    Test,
}

impl NoticeEvent {
    pub const ALL: [Self; 12] = [
        Self::FindingOpened,
        Self::FindingChanged,
        Self::FindingResolved,
        Self::FindingReopened,
        Self::FindingDismissed,
        Self::FindingExempted,
        Self::RecommendationChanged,
        Self::IncidentOpened,
        Self::IncidentEscalated,
        Self::IncidentClosed,
        Self::Digest,
        Self::Test,
    ];

    /// Those a route may choose among.
    pub const ROUTABLE: [Self; 10] = [
        Self::FindingOpened,
        Self::FindingChanged,
        Self::FindingResolved,
        Self::FindingReopened,
        Self::FindingDismissed,
        Self::FindingExempted,
        Self::RecommendationChanged,
        Self::IncidentOpened,
        Self::IncidentEscalated,
        Self::IncidentClosed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::FindingOpened => "finding.opened",
            Self::FindingChanged => "finding.changed",
            Self::FindingResolved => "finding.resolved",
            Self::FindingReopened => "finding.reopened",
            Self::FindingDismissed => "finding.dismissed",
            Self::FindingExempted => "finding.exempted",
            Self::RecommendationChanged => "recommendation.changed",
            Self::IncidentOpened => "incident.opened",
            Self::IncidentEscalated => "incident.escalated",
            Self::IncidentClosed => "incident.closed",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }

    /// Whether what the finding says needs no attention any more.
    pub fn closes(self) -> bool {
        matches!(
            self,
            Self::FindingResolved
                | Self::FindingDismissed
                | Self::FindingExempted
                | Self::IncidentClosed
        )
    }

    /// As a person would say it, after a severity: "opened".
    pub fn word(self) -> &'static str {
        match self {
            Self::FindingOpened | Self::IncidentOpened => "opened",
            Self::FindingChanged => "changed",
            Self::FindingResolved => "resolved",
            Self::FindingReopened => "reopened",
            Self::FindingDismissed => "dismissed",
            Self::FindingExempted => "exempted",
            Self::RecommendationChanged => "recommendation changed",
            Self::IncidentEscalated => "escalated",
            Self::IncidentClosed => "closed",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for NoticeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown event '{0}' (expected one of finding.opened, finding.changed, finding.resolved, \
     finding.reopened, finding.dismissed, finding.exempted, recommendation.changed, \
     incident.opened, incident.escalated, incident.closed)"
)]
pub struct ParseNoticeEventError(String);

impl FromStr for NoticeEvent {
    type Err = ParseNoticeEventError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| ParseNoticeEventError(text.chars().take(60).collect()))
    }
}

/// One thing another system is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// A version 7 UUID. A notice delivered again keeps it.
    pub id: String,
    #[serde(rename = "type")]
    pub event: NoticeEvent,
    #[serde(rename = "timestamp")]
    pub time: Timestamp,
    pub environment: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<NoticedFinding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<NoticedRecommendation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<NoticedIncident>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<NoticeDigest>,
    /// The dashboard's page about it: a path, made a URL on the way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Notice {
    /// How bad the worst thing it tells of is.
    pub fn severity(&self) -> Severity {
        if let Some(finding) = &self.finding {
            finding.severity
        } else if let Some(recommendation) = &self.recommendation {
            recommendation.severity
        } else if let Some(incident) = &self.incident {
            incident.severity
        } else if let Some(digest) = &self.digest {
            digest
                .severities
                .keys()
                .copied()
                .max()
                .unwrap_or(Severity::Unknown)
        } else {
            Severity::Info
        }
    }

    /// What further notices of the same matter share.
    pub fn subject(&self) -> &str {
        if let Some(finding) = &self.finding {
            &finding.id
        } else if let Some(recommendation) = &self.recommendation {
            &recommendation.id
        } else if let Some(incident) = &self.incident {
            &incident.id
        } else {
            &self.id
        }
    }

    /// One line for people.
    pub fn headline(&self) -> String {
        let severity = self.severity();
        if let Some(finding) = &self.finding {
            let place = finding.place();
            let what = format!("{severity} {} {}: ", finding.kind, self.event.word());
            let at = if place.is_empty() {
                String::new()
            } else {
                format!(" in {place}")
            };
            format!("{what}{}{at}", finding.title)
        } else if let Some(recommendation) = &self.recommendation {
            format!(
                "{severity} recommendation changed: {} ({} of {} affected)",
                recommendation.title, recommendation.affected, recommendation.total
            )
        } else if let Some(incident) = &self.incident {
            let word = self.event.word();
            format!("{severity} incident {word}: {}", incident.title)
        } else if let Some(digest) = &self.digest {
            let things = if digest.count == 1 {
                "change"
            } else {
                "changes"
            };
            format!("{} {things} for '{}'", grouped(digest.count), digest.route)
        } else {
            "Seawall can reach you".to_owned()
        }
    }
}

/// `1,243`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A finding as it was, and the chain of assets it is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticedFinding {
    /// Its fingerprint.
    pub id: String,
    /// `vulnerability`, `misconfiguration`, `threat`, …; a word and not a
    /// type, because old pictures stay readable whatever kinds there are.
    pub kind: String,
    pub severity: Severity,
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What found it: a rule, a policy or a vulnerability's id.
    pub rule: String,
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
    /// What to do, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fix_versions: Vec<String>,
    /// MITRE ATT&CK techniques: `T1611`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attack: Vec<String>,
    /// Its tactics: `execution`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tactics: Vec<String>,
    /// Who, from where and what, where it is an alert that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Box<AlertContext>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<f64>,
    /// Known to be exploited.
    #[serde(default)]
    pub kev: bool,
    /// Who decided, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// And why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl NoticedFinding {
    /// Where it is, outermost first, for people: `prod / shop / web`.
    pub fn place(&self) -> String {
        [
            &self.cluster,
            &self.host,
            &self.namespace,
            &self.workload,
            &self.container,
            &self.image,
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" / ")
    }

    /// `openssl 3.0.11`, where it is about a package.
    pub fn installed(&self) -> Option<String> {
        let package = self.package.as_deref()?;
        Some(match &self.package_version {
            Some(version) => format!("{package} {version}"),
            None => package.to_owned(),
        })
    }
}

/// A recommendation as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticedRecommendation {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    /// Assets it applies to that do not meet it, of all it applies to.
    pub affected: u64,
    pub total: u64,
    /// Points of the secure score to gain.
    pub points: f64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
}

/// An incident as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticedIncident {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    /// `open`, `acknowledged` or `closed`.
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Alerts in it, and how often they happened.
    pub alerts: u64,
    pub events: u64,
    /// In the order an attack goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tactics: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Who closed it, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// And why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Many notices as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoticeDigest {
    /// The route that gathered them.
    pub route: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub count: u64,
    /// How many of each severity and of each event.
    pub severities: BTreeMap<Severity, u64>,
    pub events: BTreeMap<NoticeEvent, u64>,
    /// The worst of them.
    pub worst: Vec<DigestLine>,
}

impl NoticeDigest {
    /// The most that are listed by name.
    pub const LISTED: usize = 20;

    /// Those that are counted only.
    pub fn more(&self) -> u64 {
        self.count.saturating_sub(self.worst.len() as u64)
    }

    /// Counts one more, keeping the worst by name.
    pub fn add(&mut self, notice: &Notice) {
        if self.count == 0 {
            self.from = notice.time;
        }
        self.to = self.to.max(notice.time);
        self.count += 1;
        let severity = notice.severity();
        *self.severities.entry(severity).or_default() += 1;
        *self.events.entry(notice.event).or_default() += 1;
        let at = self.worst.partition_point(|line| line.severity >= severity);
        if at < Self::LISTED {
            self.worst.insert(
                at,
                DigestLine {
                    id: notice.id.clone(),
                    event: notice.event,
                    severity,
                    text: notice.headline(),
                    link: notice.link.clone(),
                },
            );
            self.worst.truncate(Self::LISTED);
        }
    }
}

/// One line of a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DigestLine {
    /// The notice's id.
    pub id: String,
    pub event: NoticeEvent,
    pub severity: Severity,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(severity: Severity) -> Notice {
        Notice {
            id: "0190b4a5-0000-7000-8000-000000000001".to_owned(),
            event: NoticeEvent::RecommendationChanged,
            time: Timestamp::UNIX_EPOCH,
            environment: "local".to_owned(),
            finding: None,
            recommendation: Some(NoticedRecommendation {
                id: "images.fixable".to_owned(),
                title: "update images".to_owned(),
                severity,
                affected: 2,
                total: 5,
                points: 4.0,
                state: "open".to_owned(),
            }),
            incident: None,
            digest: None,
            link: None,
        }
    }

    #[test]
    fn every_event_reads_back_what_it_prints() {
        for event in NoticeEvent::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
            let json = serde_json::to_string(&event).unwrap();
            assert_eq!(json, format!("\"{event}\""));
        }
        assert!("finding".parse::<NoticeEvent>().is_err());
    }

    #[test]
    fn a_digest_counts_all_and_lists_the_worst() {
        let mut digest = NoticeDigest::default();
        for _ in 0..30 {
            digest.add(&notice(Severity::Low));
        }
        digest.add(&notice(Severity::Critical));
        assert_eq!(digest.count, 31);
        assert_eq!(digest.worst.len(), NoticeDigest::LISTED);
        assert_eq!(digest.worst[0].severity, Severity::Critical);
        assert_eq!(digest.more(), 11);
        assert_eq!(digest.severities[&Severity::Low], 30);
    }

    #[test]
    fn a_notice_reads_back_what_it_writes() {
        let notice = notice(Severity::High);
        let text = serde_json::to_string(&notice).unwrap();
        assert_eq!(serde_json::from_str::<Notice>(&text).unwrap(), notice);
        assert!(text.contains(r#""type":"recommendation.changed""#));
    }

    #[test]
    fn numbers_are_grouped_for_people() {
        let texts = [0, 7, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567"]);
    }
}
