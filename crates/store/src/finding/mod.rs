//! Findings: of every kind, wherever they are.

mod detail;
mod facet;
mod filter;
mod group;
mod list;
mod search;
mod tally;

use jiff::{Timestamp, civil::Date};
use model::{
    AffectedState, AlertContext, AssetKind, FindingKind, FindingState, Fix, PackageKind, Progress,
    Reason, Severity, Suppression, Tactics,
};

pub use detail::{FindingDetail, Look, SaidBy};
pub use facet::FindingFacets;
pub use filter::{Asked, FindingFilter, Suppressed};
pub use group::{FindingGroup, GroupBy};
pub use list::FindingSort;
#[cfg(test)]
pub(crate) use list::{Run, list_query};
pub use tally::FindingColumn;

use crate::{
    ImageKey, Scope, Store, StoreError,
    counts::severity_of,
    db::{Row, sql},
    image::maybe_key_of,
};

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub id: i64,
    pub fingerprint: String,
    pub kind: FindingKind,
    pub state: FindingState,
    pub severity: Severity,
    /// What says so: the vulnerability's id, else the rule's.
    pub rule: String,
    pub title: String,
    /// About this occurrence, where the title does not say it.
    pub summary: Option<String>,
    pub asset: AssetKey,
    pub image: Option<ImageKey>,
    pub cvss: Option<f64>,
    pub epss: Option<f64>,
    pub kev: bool,
    /// How pressing a vulnerability is, 0 to 1000; of all else 0.
    pub priority: u16,
    pub package: Option<FoundPackage>,
    pub path: Option<String>,
    pub layer: Option<u32>,
    pub fix: Option<Fix>,
    pub advisories: Vec<String>,
    pub tactics: Tactics,
    pub techniques: Vec<String>,
    pub occurrences: u64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub resolved: Option<Timestamp>,
    pub progress: Progress,
    pub assignee: Option<String>,
    pub due: Option<Date>,
    pub comments: u64,
    pub decision: Option<Decision>,
    pub suppression: Option<Suppression>,
    /// Who, from where and what, where it is an alert that says so.
    pub context: Option<Box<AlertContext>>,
    rank: i64,
}

/// Enough of an asset to name it and place it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AssetKey {
    pub id: String,
    pub kind: AssetKind,
    pub name: String,
    pub environment: String,
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    pub workload: Option<String>,
}

/// The package a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPackage {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
}

/// Who accepted a finding, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub reason: Reason,
    pub note: Option<String>,
    pub by: String,
    pub at: Timestamp,
    /// The exemption, unless it was dismissed alone.
    pub exemption: Option<String>,
    pub expires: Option<Timestamp>,
}

/// The number a kind has in the database.
pub(crate) fn kind_number(kind: FindingKind) -> i64 {
    match kind {
        FindingKind::Vulnerability => 0,
        FindingKind::Misconfiguration => 1,
        FindingKind::Alert => 2,
        FindingKind::Secret => 3,
        FindingKind::Malware => 4,
    }
}

pub(crate) fn kind_of(number: i64) -> FindingKind {
    match number {
        1 => FindingKind::Misconfiguration,
        2 => FindingKind::Alert,
        3 => FindingKind::Secret,
        4 => FindingKind::Malware,
        _ => FindingKind::Vulnerability,
    }
}

/// The number a state has in the database.
pub(crate) fn state_number(state: FindingState) -> i64 {
    match state {
        FindingState::Open => 0,
        FindingState::Resolved => 1,
        FindingState::Dismissed => 2,
        FindingState::Exempted => 3,
    }
}

pub(crate) fn state_of(number: i64) -> FindingState {
    match number {
        1 => FindingState::Resolved,
        2 => FindingState::Dismissed,
        3 => FindingState::Exempted,
        _ => FindingState::Open,
    }
}

pub(crate) fn progress_of(number: i64) -> Progress {
    if number == 1 {
        Progress::InProgress
    } else {
        Progress::New
    }
}

pub(crate) fn reason_of(word: &str) -> Reason {
    Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == word)
        .unwrap_or(Reason::Other)
}

/// Of a finding row joined with all that it names.
pub(crate) const COLUMNS: &str = "finding.id, finding.fingerprint, finding.kind, finding.severity,
    finding.rank, finding.priority, finding.state, finding.suppression, finding.fix_state, finding.fix_versions,
    finding.advisories, finding.path, finding.layer, finding.summary, finding.occurrences,
    finding.first_seen, finding.last_seen, finding.resolved, finding.progress, finding.assignee,
    finding.due, finding.comments, finding.reason, finding.note, finding.decided_by,
    finding.decided, rule.name AS rule, rule.title, rule.cvss, rule.epss, rule.kev, rule.tactics,
    rule.techniques, package.kind AS package_kind, package.name AS package_name,
    package.version AS package_version, package.purl AS package_purl, asset.uid AS asset_uid,
    asset.kind AS asset_kind, asset.name AS asset_name, asset.cluster, asset.namespace,
    asset.workload, asset.last_seen AS asset_seen, image.uid AS image_uid,
    image.kind AS image_kind, image.name AS image_name, environment.name AS environment,
    exemption.uid AS exemption, exemption.expires, alert_context.context";

pub(crate) const JOINS: &str = "
    JOIN asset ON asset.id = finding.asset_id
    JOIN rule ON rule.id = finding.rule_id
    JOIN environment ON environment.id = finding.environment_id
    LEFT JOIN package ON package.id = finding.package_id
    LEFT JOIN image ON image.id = finding.image_id
    LEFT JOIN exemption ON exemption.id = finding.exemption_id
    LEFT JOIN alert_context ON alert_context.finding_id = finding.id";

impl Store {
    /// One finding, by its id.
    pub async fn finding(&self, scope: &Scope, id: &str) -> Result<Option<Finding>, StoreError> {
        let Ok(id) = id.parse::<i64>() else {
            return Ok(None);
        };
        let mut query = sql("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM finding")
            .push(JOINS)
            .push(" WHERE finding.id = ")
            .push_bind(id)
            .push(" AND ");
        scope.constrain(&mut query, "+finding.environment_id");
        query
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }
}

pub(crate) fn fix_state(text: &str) -> AffectedState {
    [
        AffectedState::Fixed,
        AffectedState::WillNotFix,
        AffectedState::UnderInvestigation,
        AffectedState::NotAffected,
    ]
    .into_iter()
    .find(|state| state.as_str() == text)
    .unwrap_or(AffectedState::Unfixed)
}

/// From columns `asset_…`, `environment` and the asset's place.
pub(crate) fn asset_key(row: &Row) -> Result<AssetKey, StoreError> {
    Ok(AssetKey {
        id: row.text("asset_uid")?,
        kind: AssetKind::named(&row.text("asset_kind")?).unwrap_or(AssetKind::Image),
        name: row.text("asset_name")?,
        environment: row.text("environment")?,
        cluster: row.maybe_text("cluster")?,
        namespace: row.maybe_text("namespace")?,
        workload: row.maybe_text("workload")?,
    })
}

/// From [`COLUMNS`].
pub(crate) fn read(row: &Row) -> Result<Finding, StoreError> {
    let package = match row.maybe_text("package_kind")? {
        Some(kind) => Some(FoundPackage {
            kind: crate::package::kind(&kind),
            name: row.text("package_name")?,
            version: row.text("package_version")?,
            purl: row.text("package_purl")?,
        }),
        None => None,
    };
    let fix = match row.maybe_text("fix_state")? {
        Some(state) => Some(Fix {
            state: fix_state(&state),
            versions: row.maybe_json("fix_versions")?.unwrap_or_default(),
        }),
        None => None,
    };
    let decision = match (row.maybe_text("reason")?, row.maybe_time("decided")?) {
        (Some(reason), Some(at)) => Some(Decision {
            reason: reason_of(&reason),
            note: row.maybe_text("note")?,
            by: row.maybe_text("decided_by")?.unwrap_or_default(),
            at,
            exemption: row.maybe_text("exemption")?,
            expires: row.maybe_time("expires")?,
        }),
        _ => None,
    };
    let last_seen = match row.maybe_time("last_seen")? {
        Some(time) => time,
        None => row.time("asset_seen")?,
    };
    Ok(Finding {
        id: row.int("id")?,
        fingerprint: row.text("fingerprint")?,
        kind: kind_of(row.int("kind")?),
        state: state_of(row.int("state")?),
        severity: severity_of(row.int("severity")?),
        rule: row.text("rule")?,
        title: row.text("title")?,
        summary: row.maybe_text("summary")?,
        asset: asset_key(row)?,
        image: maybe_key_of(row, "image_uid")?,
        cvss: row.real("cvss")?,
        epss: row.real("epss")?,
        kev: row.flag("kev")?,
        priority: row.int("priority")?.try_into().unwrap_or(0),
        package,
        path: row.maybe_text("path")?,
        layer: row
            .maybe_int("layer")?
            .and_then(|layer| layer.try_into().ok()),
        fix,
        advisories: row.maybe_json("advisories")?.unwrap_or_default(),
        tactics: Tactics::from_bits(row.int("tactics")?.try_into().unwrap_or(0)),
        techniques: row.json("techniques")?,
        occurrences: row.count("occurrences")?,
        first_seen: row.time("first_seen")?,
        last_seen,
        resolved: row.maybe_time("resolved")?,
        progress: progress_of(row.int("progress")?),
        assignee: row.maybe_text("assignee")?,
        due: row
            .maybe_text("due")?
            .and_then(|text| text.parse::<Date>().ok()),
        comments: row.count("comments")?,
        decision,
        suppression: row.maybe_json("suppression")?,
        context: row.maybe_json("context")?,
        rank: row.int("rank")?,
    })
}
