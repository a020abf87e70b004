//! Pictures of findings, as other systems are told of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{AlertContext, Notice, NoticeEvent, Tactics, notice::NoticedFinding};

use crate::{
    Scope, Store, StoreError,
    counts::severity_of,
    db::{Row, Sql, sql},
};

/// A statement that reads all a picture needs; what is missing is the
/// condition after `WHERE`.
pub(crate) fn pictures() -> Sql {
    sql(
        "SELECT finding.id, finding.environment_id, finding.fingerprint, finding.kind,
             finding.severity, finding.state, finding.summary, finding.path, finding.container, finding.fix_versions, finding.first_seen,
             COALESCE(finding.last_seen, asset.last_seen) AS seen, finding.resolved,
             finding.reason, finding.note, finding.decided_by,
             rule.name AS rule, rule.title, rule.cvss, rule.epss, rule.kev, rule.techniques,
             rule.tactics, alert_context.context,
             asset.kind AS asset_kind, asset.name AS asset_name, asset.cluster, asset.namespace,
             asset.workload, image.name AS image, image.digest,
             package.name AS package, package.version, package.purl
         FROM finding
         JOIN rule ON rule.id = finding.rule_id
         JOIN asset ON asset.id = finding.asset_id
         LEFT JOIN image ON image.id = finding.image_id
         LEFT JOIN package ON package.id = finding.package_id
         LEFT JOIN alert_context ON alert_context.finding_id = finding.id
         WHERE ",
    )
}

/// The kinds, by the numbers columns hold.
const KINDS: [&str; 5] = [
    "vulnerability",
    "misconfiguration",
    "alert",
    "secret",
    "malware",
];
const STATES: [&str; 4] = ["open", "resolved", "dismissed", "exempted"];

fn word(words: &[&'static str], number: i64) -> &'static str {
    usize::try_from(number)
        .ok()
        .and_then(|index| words.get(index).copied())
        .unwrap_or("unknown")
}

/// Without what changed, which is too long to be told everywhere.
fn context(row: &Row) -> Result<Option<Box<AlertContext>>, StoreError> {
    let context: Option<AlertContext> = row.maybe_json("context")?;
    Ok(context.map(|context| {
        Box::new(AlertContext {
            change: None,
            ..context
        })
    }))
}

/// The picture in one row.
pub(crate) fn picture(row: &Row) -> Result<NoticedFinding, StoreError> {
    let fix_versions: Vec<String> = row.maybe_json("fix_versions")?.unwrap_or_default();
    let package = row.maybe_text("package")?;
    let fix = match (&package, fix_versions.first()) {
        (Some(package), Some(version)) => Some(format!("Update {package} to {version} or newer.")),
        _ => None,
    };
    let asset_kind = row.text("asset_kind")?;
    let asset_name = row.text("asset_name")?;
    let named = |kind: &str| (asset_kind == kind).then(|| asset_name.clone());
    let title = row.text("title")?;
    let rule = row.text("rule")?;
    let summary = row.maybe_text("summary")?.unwrap_or_default();
    Ok(NoticedFinding {
        id: row.text("fingerprint")?,
        kind: word(&KINDS, row.int("kind")?).to_owned(),
        severity: severity_of(row.int("severity")?),
        title: match (&package, title.is_empty()) {
            (Some(package), true) => format!("{rule} in {package}"),
            (Some(package), false) => format!("{rule} in {package}: {title}"),
            (None, true) => rule.clone(),
            (None, false) => title,
        },
        description: summary,
        state: word(&STATES, row.int("state")?).to_owned(),
        cluster: row
            .maybe_text("cluster")?
            .filter(|cluster| asset_kind != "host" && *cluster != asset_name),
        host: named("host"),
        namespace: row.maybe_text("namespace")?,
        workload: row.maybe_text("workload")?,
        container: named("container").or(row.maybe_text("container")?),
        image: row.maybe_text("image")?,
        image_digest: row.maybe_text("digest")?,
        package,
        package_version: row.maybe_text("version")?,
        purl: row.maybe_text("purl")?,
        path: row.maybe_text("path")?.filter(|path| !path.is_empty()),
        first_seen: row.time("first_seen")?,
        last_seen: row.time("seen")?,
        resolved: row.maybe_time("resolved")?,
        fix,
        fix_versions,
        attack: row.json("techniques")?,
        tactics: Tactics::from_bits(row.int("tactics")?.try_into().unwrap_or(0))
            .names()
            .map(str::to_owned)
            .collect(),
        context: context(row)?,
        cvss: row.real("cvss")?,
        epss: row.real("epss")?,
        kev: row.flag("kev")?,
        actor: row.maybe_text("decided_by")?,
        reason: match row.maybe_text("note")? {
            Some(note) if !note.is_empty() => Some(note),
            _ => row.maybe_text("reason")?,
        },
        rule,
    })
}

/// The notice of something that happened to a finding.
pub(crate) fn of_finding(
    event: NoticeEvent,
    time: Timestamp,
    environment: &str,
    finding: NoticedFinding,
) -> Notice {
    Notice {
        id: uuid::Uuid::now_v7().to_string(),
        event,
        time,
        environment: environment.to_owned(),
        link: Some(format!("/findings/{}", finding.id)),
        finding: Some(finding),
        recommendation: None,
        incident: None,
        digest: None,
    }
}

/// Which findings are pictured.
#[derive(Clone, Copy, Debug, Default)]
pub struct PictureFilter {
    /// Only those that opened, or were resolved, since then.
    pub since: Option<Timestamp>,
    pub opened: bool,
    pub resolved: bool,
}

impl Store {
    /// Findings as notices of what they are, in the order they were
    /// made; each with its place, which the next call goes on after.
    /// Its id is the finding's own.
    pub async fn pictures(
        &self,
        scope: &Scope,
        filter: &PictureFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Notice)>, StoreError> {
        let mut query = pictures();
        scope.constrain(&mut query, "finding.environment_id");
        query.push(" AND finding.id > ").push_bind(after);
        if let Some(since) = filter.since {
            query.push(" AND (1 = 0");
            for (is_asked, column) in [
                (filter.opened, "finding.first_seen"),
                (filter.resolved, "finding.resolved"),
            ] {
                if is_asked {
                    query
                        .push(format_args!(" OR {column} >= "))
                        .push_bind(since);
                }
            }
            query.push(")");
        }
        query
            .push(" ORDER BY finding.id LIMIT ")
            .push_bind(i64::from(limit));
        let rows = query.fetch_all(&self.readers).await?;
        let names = sql("SELECT id, name FROM environment")
            .fetch_all(&self.readers)
            .await?;
        let names = names
            .iter()
            .map(|row| Ok((row.int("id")?, row.text("name")?)))
            .collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        rows.iter()
            .map(|row| {
                let finding = picture(row)?;
                let (event, time) = match finding.state.as_str() {
                    "resolved" => (
                        NoticeEvent::FindingResolved,
                        finding.resolved.unwrap_or(finding.last_seen),
                    ),
                    "dismissed" => (NoticeEvent::FindingDismissed, finding.last_seen),
                    "exempted" => (NoticeEvent::FindingExempted, finding.last_seen),
                    _ => (NoticeEvent::FindingOpened, finding.last_seen),
                };
                let environment = row.int("environment_id")?;
                let environment = names.get(&environment).map_or("", String::as_str);
                let id = finding.id.clone();
                let mut notice = of_finding(event, time, environment, finding);
                notice.id = id;
                Ok((row.int("id")?, notice))
            })
            .collect()
    }
}
