//! Alerts: what happened, where, by whom, by which rule, and what was
//! seen.

pub mod context;
mod raw;
mod step;
pub mod trace;

use jiff::Timestamp;

pub use self::{
    context::{AlertAction, AlertChange, AlertContext, Principal, PrincipalKind, Whence},
    raw::{MAX_RAW, bounded, redact},
    step::RuleStep,
    trace::{Trace, TraceEvent, TraceKind, TraceProcess},
};
use crate::{AssetKind, Digest, Fingerprint, Severity};

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Tells an event delivered twice from one that happened twice.
    pub event: Fingerprint,
    pub time: Timestamp,
    pub rule: AlertRule,
    pub place: AlertPlace,
    /// The same rule, place and program share it.
    pub fingerprint: Fingerprint,
    /// One line about this occurrence.
    pub summary: String,
    /// What was seen, as JSON.
    pub evidence: String,
    /// Who, from where, what and what changed, as far as it is known.
    pub context: AlertContext,
    /// The event itself, as JSON, [redacted](redact) and
    /// [bounded]: what is longer than [`MAX_RAW`] is not kept.
    pub raw: Option<String>,
    /// What the container or host did before, [bounded](Trace::bound).
    pub trace: Option<Trace>,
}

/// What says that something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRule {
    /// Lower-case words joined by hyphens.
    pub id: String,
    pub title: String,
    /// What the rule is about; empty where nothing is known.
    pub description: String,
    /// In its own language; empty where it is not known.
    pub condition: String,
    pub severity: Severity,
    /// ATT&CK tactics, as tags spell them: `privilege_escalation`.
    pub tactics: Vec<String>,
    /// ATT&CK techniques: `T1059.004`.
    pub techniques: Vec<String>,
    /// Techniques of Microsoft's matrix for Kubernetes: `MS-TA9003`.
    pub matrix: Vec<String>,
    /// The sensor whose rule it is.
    pub source: String,
    /// Why it matters; empty where nothing is known.
    pub why: String,
    /// What to do, in order.
    pub steps: Vec<RuleStep>,
    /// When it is nothing bad; empty where nothing is known.
    pub false_positives: String,
    pub references: Vec<String>,
}

/// Where it happened: from the top of the asset tree, below the
/// environment, down to the thing itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertPlace {
    pub steps: Vec<AlertStep>,
    pub image: Option<AlertImage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertStep {
    pub kind: AssetKind,
    /// What tells it from its siblings of this kind.
    pub identity: String,
    pub name: String,
}

/// The image a container runs, as the alert names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertImage {
    pub name: String,
    pub digest: Option<Digest>,
}

impl AlertPlace {
    /// Goes one step down.
    pub fn push(&mut self, kind: AssetKind, identity: String, name: String) {
        self.steps.push(AlertStep {
            kind,
            identity,
            name,
        });
    }

    /// The fingerprint of an alert here, as [`Fingerprint`] specifies it.
    pub fn fingerprint(&self, rule: &str, program: &str) -> Fingerprint {
        let mut parts = vec!["alert", rule, program];
        for step in &self.steps {
            parts.extend([step.kind.as_str(), &step.identity]);
        }
        Fingerprint::of(&parts)
    }
}
