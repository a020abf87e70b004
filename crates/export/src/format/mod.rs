//! How a notice is written. Pure: notices in, bytes out.
//!
//! Everything a notice says may have been chosen by an attacker (the
//! title of an advisory, the name of an image), so each form escapes
//! what its readers would act on.

pub mod cef;
pub mod csv;
pub mod leef;
pub mod ocsf;
pub mod syslog;

use model::{Notice, Severity};
use serde::Deserialize;

/// A line for each notice, in one of the forms log readers know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFormat {
    #[default]
    Json,
    Cef,
    Leef,
    Ocsf,
}

impl LineFormat {
    /// The words, for forms.
    pub const WORDS: &'static [&'static str] = &["json", "cef", "leef", "ocsf"];

    /// One line, without its end.
    pub fn write(self, notice: &Notice) -> String {
        match self {
            Self::Json => json(notice),
            Self::Cef => cef::write(notice),
            Self::Leef => leef::write(notice),
            Self::Ocsf => ocsf::write(notice).to_string(),
        }
    }
}

/// The notice as it is: the body of a webhook.
pub fn json(notice: &Notice) -> String {
    serde_json::to_string(notice).expect("invariant: a notice is plain data")
}

/// The dashboard's page, if it is something a reader may click.
pub(crate) fn link(notice: &Notice) -> Option<&str> {
    notice
        .link
        .as_deref()
        .filter(|link| link.starts_with("https://") || link.starts_with("http://"))
}

/// Names and values for a reader's eyes, in the order they matter.
pub(crate) fn facts(notice: &Notice) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Severity", notice.severity().to_string())];
    let mut add = |name, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((name, value));
        }
    };
    if let Some(finding) = &notice.finding {
        add("State", Some(finding.state.clone()));
        add("Rule", Some(finding.rule.clone()));
        add("Where", Some(finding.place()));
        if let Some(context) = &finding.context {
            let principal = context.principal.as_ref();
            add("Who", principal.map(model::Principal::shown));
            add("From", context.whence.addresses.first().cloned());
            let action = context.action.as_ref();
            add(
                "What",
                action.map(|action| format!("{} {}", action.verb, action.object())),
            );
        }
        add("Package", finding.installed());
        add(
            "Fixed in",
            (!finding.fix_versions.is_empty()).then(|| finding.fix_versions.join(", ")),
        );
        add(
            "Exploited",
            finding.kev.then(|| "known to be exploited".to_owned()),
        );
        add(
            "ATT&CK",
            (!finding.attack.is_empty()).then(|| finding.attack.join(", ")),
        );
        add("By", finding.actor.clone());
        add("Reason", finding.reason.clone());
        add("First seen", Some(time(finding.first_seen)));
    } else if let Some(recommendation) = &notice.recommendation {
        add(
            "Affected",
            Some(format!(
                "{} of {}",
                recommendation.affected, recommendation.total
            )),
        );
        add(
            "Points to gain",
            Some(format!("{:.1}", recommendation.points)),
        );
    } else if let Some(incident) = &notice.incident {
        add("State", Some(incident.state.clone()));
        add("Cluster", incident.cluster.clone());
        add("Who", Some(incident.principals.join(", ")));
        add("Workloads", Some(incident.workloads.join(", ")));
        add("Tactics", Some(incident.tactics.join(", ")));
        add("ATT&CK", Some(incident.techniques.join(", ")));
        add("Alerts", Some(incident.alerts.to_string()));
        add("By", incident.actor.clone());
        add("Reason", incident.reason.clone());
        add("First seen", Some(time(incident.first_seen)));
    } else if let Some(digest) = &notice.digest {
        for (severity, count) in digest.severities.iter().rev() {
            let name = match severity {
                Severity::Critical => "Critical",
                Severity::High => "High",
                Severity::Medium => "Medium",
                Severity::Low => "Low",
                Severity::Info => "Info",
                Severity::Unknown => "Unknown",
            };
            add(name, Some(model::notice::grouped(*count)));
        }
    }
    add("Environment", Some(notice.environment.clone()));
    facts
}

/// What to do, where it is known.
pub(crate) fn advice(notice: &Notice) -> Option<&str> {
    notice
        .finding
        .as_ref()
        .and_then(|finding| finding.fix.as_deref())
}

/// The lines of a digest for people, and how many are left out.
pub(crate) fn digest_lines(notice: &Notice) -> Option<(Vec<&str>, Option<String>)> {
    let digest = notice.digest.as_ref()?;
    let lines = digest.worst.iter().map(|line| line.text.as_str()).collect();
    let more =
        (digest.more() > 0).then(|| format!("and {} more", model::notice::grouped(digest.more())));
    Some((lines, more))
}

/// To the second, for people.
pub(crate) fn time(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// One line without control characters, which log readers and mail
/// headers would take for structure.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .map(|c| if is_control(c) { ' ' } else { c })
        .collect()
}

/// Control characters, line separators and marks that turn the reading
/// direction, which make a text look like another.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}
