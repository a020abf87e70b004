//! Findings: everything the product has to say about an asset, and what
//! people decided about it.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    AssetRef, ImageRef, InUse, PackageKind, Priority, Severity, SeverityCounts,
    alert::{AlertBrief, AlertDetail},
};

/// The sorts of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A weakness of an installed package.
    Vulnerability,
    /// A setting or a state that should be otherwise: what
    /// recommendations gather.
    Misconfiguration,
    /// Something that happened.
    Alert,
    /// A credential where it should not be.
    Secret,
    Malware,
}

/// Where a finding is in its life. Only `open` ones weigh; all are
/// counted and can be listed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    #[default]
    Open,
    /// By evidence: a later look no longer saw it.
    Resolved,
    /// By a person, with a reason.
    Dismissed,
    /// By an exemption, until that ends.
    Exempted,
}

/// What is being done about an open finding.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    #[default]
    New,
    InProgress,
}

/// The publisher's word on a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FixState {
    Fixed,
    Unfixed,
    WillNotFix,
    UnderInvestigation,
    NotAffected,
}

impl From<model::AffectedState> for FixState {
    fn from(state: model::AffectedState) -> Self {
        match state {
            model::AffectedState::Fixed => Self::Fixed,
            model::AffectedState::Unfixed => Self::Unfixed,
            model::AffectedState::WillNotFix => Self::WillNotFix,
            model::AffectedState::UnderInvestigation => Self::UnderInvestigation,
            model::AffectedState::NotAffected => Self::NotAffected,
        }
    }
}

/// Whether and how it can be mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    pub state: FixState,
    /// The versions that mend it, smallest step first.
    pub versions: Vec<String>,
}

impl From<model::Fix> for Fix {
    fn from(fix: model::Fix) -> Self {
        Self {
            state: fix.state.into(),
            versions: fix.versions,
        }
    }
}

/// One finding, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub id: String,
    /// The same weakness in the same place keeps it.
    pub fingerprint: String,
    pub kind: FindingKind,
    pub state: FindingState,
    pub severity: Severity,
    /// What says so: the vulnerability's id, else the rule's.
    pub rule: String,
    /// One line about the rule; empty where no advisory has one.
    pub title: String,
    /// One line about this occurrence, where the title does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What it is about.
    pub asset: AssetRef,
    /// The image, where the asset is one or runs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// Vulnerabilities only: highest CVSS base score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cvss: Option<f64>,
    /// Vulnerabilities only: probability of exploitation within 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<f64>,
    /// Vulnerabilities only: known to be exploited.
    #[serde(default)]
    pub kev: bool,
    /// Vulnerabilities only: how pressing it is, 0 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<FindingPackage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// The advisories it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<String>,
    /// ATT&CK tactics, by their short names (`execution`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tactics: Vec<String>,
    /// ATT&CK techniques (`T1059.004`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
    /// How often it was seen; 1 for what is a state, not an event.
    pub occurrences: u64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Timestamp>,
    #[serde(default)]
    pub progress: Progress,
    /// The name of who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    #[serde(default)]
    pub comments: u64,
    /// Why it is dismissed or exempted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Somebody else's word (VEX) that it needs no attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Alerts only: who, from where and what, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertBrief>,
}

/// Who accepted a finding, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who decided.
    pub by: String,
    pub at: Timestamp,
    /// The exemption, unless it was dismissed alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Why a finding needs no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    FalsePositive,
    /// Known and lived with.
    AcceptedRisk,
    /// Something else prevents the harm.
    Mitigated,
    /// Expected behaviour.
    Benign,
    /// A test or an exercise.
    Test,
    Other,
}

/// Everything about one finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FindingDetail {
    pub finding: Finding,
    /// What it is. Markdown, perhaps from outside: untrusted.
    pub description: String,
    /// Why it matters, in a few sentences; empty where nothing is known.
    pub why: String,
    /// Steps that mend it, in order.
    pub remediation: Vec<Step>,
    /// How it came to be here: what was looked at, what matched, by
    /// which rule or advisory, one sentence each.
    pub because: Vec<String>,
    /// What was seen, as it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub evidence: Option<serde_json::Value>,
    pub references: Vec<String>,
    /// Alerts only: who, from where, what, and what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertDetail>,
    /// From the environment down to the asset.
    pub chain: Vec<AssetRef>,
    /// What happened to it, newest first, at most 200.
    pub history: Vec<FindingEvent>,
    /// Other open findings of the same rule.
    pub same_rule: u64,
    /// Other open findings of the same asset.
    pub same_asset: u64,
    /// Vulnerabilities only: how pressing it is, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Vulnerabilities only: whether its package is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<InUse>,
}

/// One step of a fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    pub text: String,
    /// Something to copy: a command, a patch, a Dockerfile line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// `shell`, `yaml`, `dockerfile`, `diff`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// One entry of a finding's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingEvent {
    pub id: u64,
    pub time: Timestamp,
    /// Who; absent: the product itself, by evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    pub what: FindingEventKind,
    /// One line for people.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingEventKind {
    Opened,
    Resolved,
    Reopened,
    Dismissed,
    Exempted,
    ExemptionEnded,
    Assigned,
    Progressed,
    DueChanged,
    SeverityChanged,
    Commented,
    Undone,
}

/// The installed package a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingPackage {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    /// The file that names it, relative to the root.
    pub path: String,
    /// The layer that brought it, counted from the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
}

/// Why a finding is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Suppression {
    pub by: SuppressedBy,
    /// `not_affected`, `fixed`, `ignored`.
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// The document that says so.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SuppressedBy {
    Vex,
    IgnoreFile,
    Advisory,
}

impl From<model::Suppression> for Suppression {
    fn from(suppression: model::Suppression) -> Self {
        Self {
            by: match suppression.by {
                model::finding::SuppressedBy::Vex => SuppressedBy::Vex,
                model::finding::SuppressedBy::IgnoreFile => SuppressedBy::IgnoreFile,
                model::finding::SuppressedBy::Advisory => SuppressedBy::Advisory,
            },
            status: suppression.status,
            justification: suppression.justification,
            statement: suppression.statement,
            source: suppression.source,
            expires: suppression.expires,
        }
    }
}

/// Which findings to list. In `/images/{id}/findings` the image is given
/// by the path and `environment` and `image` are ignored.
///
/// `q` speaks the query grammar (`/query/fields` lists its fields):
/// `severity:>=high kind:alert ns:shop -is:kev "reverse shell"`. The
/// other parameters narrow further. Where `q` says nothing of `state`,
/// open findings are meant.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// One image's id.
    pub image: Option<String>,
    /// A query.
    pub q: Option<String>,
    /// Several separated by commas.
    pub severity: Option<String>,
    /// `open` (the default), `resolved`, `dismissed`, `exempted` or
    /// `all`; several separated by commas.
    pub state: Option<String>,
    /// Only findings an upgrade would close, or only those it would not.
    pub fixable: Option<bool>,
    /// Only those known to be exploited.
    pub kev: Option<bool>,
    /// Package kinds (`deb`, `npm`, …), separated by commas.
    pub kind: Option<String>,
    /// The layer that brought the package, counted from 0.
    pub layer: Option<u32>,
    /// `false` (the default): only what counts. `true`: only what is suppressed.
    pub suppressed: Option<bool>,
    /// One vulnerability's id.
    pub vulnerability: Option<String>,
    /// One package's exact name.
    pub package: Option<String>,
    /// Vulnerabilities of at least this priority, 0 to 1000.
    pub priority: Option<u16>,
    /// Vulnerabilities of packages that were seen in use, or all others.
    pub in_use: Option<bool>,
    pub sort: Option<FindingSort>,
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    pub limit: Option<u32>,
}

/// The order of findings. `severity`: worst first, the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum FindingSort {
    #[default]
    #[serde(rename = "severity")]
    Severity,
    /// Most pressing first; vulnerabilities alone have a priority.
    #[serde(rename = "-priority")]
    Priority,
    #[serde(rename = "-first_seen")]
    Newest,
    #[serde(rename = "-epss")]
    Epss,
    #[serde(rename = "package")]
    Package,
    #[serde(rename = "-last_seen")]
    LastSeen,
}

/// What a list of findings can be gathered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    Rule,
    Asset,
    Workload,
    Namespace,
    Image,
    Package,
}

/// Of which findings to count what they can be narrowed to.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingFacetQuery {
    /// One environment; all when absent.
    pub environment: Option<String>,
    /// A query, as for `/findings`.
    pub q: Option<String>,
}

/// Which groups of findings to list, worst first.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindingGroupQuery {
    pub by: GroupBy,
    #[serde(default)]
    pub environment: Option<String>,
    /// A query, as for `/findings`.
    #[serde(default)]
    pub q: Option<String>,
    #[serde(default)]
    pub cursor: Option<String>,
    /// Rows in a page, 1 to 1000; 100 when absent.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Findings that have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingGroup {
    /// Its members: add this to the query.
    pub q: String,
    pub label: String,
    pub severity: Severity,
    pub counts: SeverityCounts,
    pub last_seen: Timestamp,
}

/// Which findings to act on: these, or all that a query means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Selection {
    Ids(Vec<String>),
    Query {
        q: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
    },
}

/// What to do with the findings selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    Dismiss {
        reason: Reason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Undoes a dismissal; an exempted finding is reopened by ending its
    /// exemption.
    Reopen {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Absent: nobody.
    Assign {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    Progress {
        progress: Progress,
    },
    /// Absent: no date.
    Due {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        date: Option<Date>,
    },
    Comment {
        text: String,
    },
}

/// An action on many findings at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    pub select: Selection,
    pub action: Action,
}

/// What an action did, and until when it can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionDone {
    /// For `/actions/{id}/undo`.
    pub id: String,
    pub changed: u64,
    /// Selected, but already so or not allowed.
    pub skipped: u64,
    /// One line for people: "12 findings dismissed".
    pub summary: String,
    pub undo_until: Timestamp,
}
