//! The difference between the findings the record has and the report's.

use std::collections::{BTreeSet, HashMap};

use model::{Finding, NoticeEvent, Report, VulnerabilityId, Warning};

use super::{dictionary, is_fixable, ranked, target::Known};
use crate::{
    Counts, StoreError,
    counts::severity_number,
    db::{Connection, insert as insert_rows, sql},
    outbox::{self, Decision},
    row::json,
};

/// What a report changed.
pub(super) struct Changes {
    pub(super) new: Counts,
    pub(super) resolved: u64,
    /// Vulnerabilities of which any finding changed.
    pub(super) touched: BTreeSet<i64>,
}

/// The columns of a finding that the report decides.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    fingerprint: String,
    vulnerability_id: i64,
    package_id: i64,
    severity: i64,
    rank: i64,
    suppressed: i64,
    suppression: Option<String>,
    fix_state: String,
    fix_versions: String,
    fixable: i64,
    advisories: String,
    path: String,
    layer: Option<i64>,
}

struct Row {
    id: i64,
    open: bool,
    /// Package kind and name: what stays when an image is rebuilt.
    package: (String, String),
    said: Said,
}

pub(super) async fn put(
    connection: &mut Connection,
    environment_id: i64,
    known: &Known,
    report: &Report,
    packages: &dictionary::Packages,
    vulnerabilities: &HashMap<VulnerabilityId, i64>,
) -> Result<Changes, StoreError> {
    let now = report.scanned.as_microsecond();
    let mut before = load(connection, known.asset_id).await?;
    let mut changes = Changes {
        new: Counts::default(),
        resolved: 0,
        touched: BTreeSet::new(),
    };
    let mut moved = moved(&before);
    let mut fresh = Vec::new();
    let mut told = Told::default();
    for finding in report.findings.iter().chain(&report.suppressed) {
        let Some(&vulnerability_id) = vulnerabilities.get(&finding.vulnerability) else {
            // A report names every vulnerability it speaks of; one that
            // does not was not made by us, and this finding has no text.
            continue;
        };
        let package_id = match packages.at(&finding.package.purl.to_string(), &finding.package.path)
        {
            Some(id) => id,
            None => dictionary::stray_package(connection, &finding.package).await?,
        };
        let said = said(report, finding, vulnerability_id, package_id);
        let place = place(
            vulnerability_id,
            finding.package.kind.as_str(),
            &finding.package.name,
            &finding.package.path,
        );
        let row = before
            .remove(finding.fingerprint.as_str())
            .or_else(|| before.remove(&moved.remove(&place)?));
        match row {
            Some(row) if row.open && row.said == said => {}
            Some(row) => {
                changes.touched.insert(vulnerability_id);
                if said.suppressed == 0 && (!row.open || row.said.suppressed == 1) {
                    *changes.new.of(finding.severity) += 1;
                    told.reopened.push(row.id);
                } else if said.suppressed == 0 && says_something_new(&row.said, &said) {
                    told.changed.push(row.id);
                }
                update(connection, row.id, &said).await?;
            }
            None => {
                changes.touched.insert(vulnerability_id);
                if said.suppressed == 0 {
                    *changes.new.of(finding.severity) += 1;
                }
                fresh.push(said);
            }
        }
    }
    insert(connection, environment_id, known, now, &fresh).await?;

    for row in before.into_values().filter(|row| row.open) {
        if report
            .sbom
            .warnings
            .iter()
            .any(|warning| hides(warning, &row, report))
        {
            continue;
        }
        changes.touched.insert(row.said.vulnerability_id);
        if row.said.suppressed == 0 {
            changes.resolved += 1;
            told.resolved.push(row.id);
        }
        sql("UPDATE finding SET state = 1, last_seen = ?, resolved = ? WHERE id = ?")
            .bind(known.assessed)
            .bind(now)
            .bind(row.id)
            .execute(&mut *connection)
            .await?;
    }
    let opened: Vec<&str> = fresh
        .iter()
        .filter(|said| said.suppressed == 0)
        .map(|said| said.fingerprint.as_str())
        .collect();
    let event = NoticeEvent::FindingOpened;
    outbox::note_at(
        connection,
        environment_id,
        report.scanned,
        event,
        known.asset_id,
        &opened,
    )
    .await?;
    for (event, findings) in [
        (NoticeEvent::FindingReopened, &told.reopened),
        (NoticeEvent::FindingChanged, &told.changed),
        (NoticeEvent::FindingResolved, &told.resolved),
    ] {
        let decision = Decision::default();
        outbox::note(
            connection,
            environment_id,
            report.scanned,
            event,
            findings,
            decision,
        )
        .await?;
    }
    Ok(changes)
}

/// Findings other systems are to be told of, by id.
#[derive(Debug, Default)]
struct Told {
    reopened: Vec<i64>,
    changed: Vec<i64>,
    resolved: Vec<i64>,
}

/// Whether a finding changed in a way somebody wants to hear of: how bad
/// it is, or that it can be mended now.
fn says_something_new(before: &Said, now: &Said) -> bool {
    before.severity != now.severity || (before.fixable == 0 && now.fixable == 1)
}

/// What names a finding when an image's digest is left out.
type Place = (i64, String, String, String);

fn place(vulnerability_id: i64, kind: &str, name: &str, path: &str) -> Place {
    (
        vulnerability_id,
        kind.to_owned(),
        name.to_owned(),
        path.to_owned(),
    )
}

/// A rebuilt or renamed image's findings have new fingerprints. Those
/// still in the same place are the same findings, and keep their
/// history.
fn moved(before: &HashMap<String, Row>) -> HashMap<Place, String> {
    before
        .iter()
        .filter(|(_, row)| row.open)
        .map(|(fingerprint, row)| {
            let (kind, name) = &row.package;
            let place = place(row.said.vulnerability_id, kind, name, &row.said.path);
            (place, fingerprint.clone())
        })
        .collect()
}

/// Whether a finding may be missing only because its file or layer
/// could not be read this time.
fn hides(warning: &Warning, row: &Row, report: &Report) -> bool {
    match (&warning.path, warning.layer) {
        (Some(path), _) => {
            let rest = row.said.path.strip_prefix(path.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || rest.starts_with("!/")
            })
        }
        (None, Some(layer)) => row
            .said
            .layer
            .and_then(|index| report.sbom.layers.get(usize::try_from(index).ok()?))
            .is_some_and(|known| known.diff_id == layer),
        (None, None) => false,
    }
}

fn said(report: &Report, finding: &Finding, vulnerability_id: i64, package_id: i64) -> Said {
    let (severity, rank) = ranked(report, finding);
    Said {
        fingerprint: finding.fingerprint.to_string(),
        vulnerability_id,
        package_id,
        severity: severity_number(severity),
        rank,
        suppressed: i64::from(finding.suppression.is_some()),
        suppression: finding.suppression.as_ref().map(json),
        fix_state: finding.fix.state.as_str().to_owned(),
        fix_versions: json(&finding.fix.versions),
        fixable: i64::from(is_fixable(finding)),
        advisories: json(&finding.advisories),
        path: finding.package.path.clone(),
        layer: finding.package.layer.map(i64::from),
    }
}

async fn load(connection: &mut Connection, image: i64) -> Result<HashMap<String, Row>, StoreError> {
    let rows = sql(
        "SELECT finding.*, package.kind AS package_kind, package.name AS package_name
         FROM finding JOIN package ON package.id = finding.package_id
         WHERE finding.asset_id = ? AND finding.kind = 0",
    )
    .bind(image)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let said = Said {
                fingerprint: row.text("fingerprint")?,
                vulnerability_id: row.int("rule_id")?,
                package_id: row.int("package_id")?,
                severity: row.int("severity")?,
                rank: row.int("rank")?,
                suppressed: row.int("suppressed")?,
                suppression: row.maybe_text("suppression")?,
                fix_state: row.text("fix_state")?,
                fix_versions: row.text("fix_versions")?,
                fixable: row.int("fixable")?,
                advisories: row.text("advisories")?,
                path: row.text("path")?,
                layer: row.maybe_int("layer")?,
            };
            Ok((
                said.fingerprint.clone(),
                Row {
                    id: row.int("id")?,
                    open: row.int("state")? == 0,
                    package: (row.text("package_kind")?, row.text("package_name")?),
                    said,
                },
            ))
        })
        .collect()
}

async fn update(connection: &mut Connection, id: i64, said: &Said) -> Result<(), StoreError> {
    sql(
        "UPDATE finding SET fingerprint = ?, rule_id = ?, package_id = ?, severity = ?,
             rank = ?, state = 0, suppressed = ?, suppression = ?, fix_state = ?,
             fix_versions = ?, fixable = ?, advisories = ?, path = ?, layer = ?,
             last_seen = NULL, resolved = NULL
         WHERE id = ?",
    )
    .bind(&said.fingerprint)
    .bind(said.vulnerability_id)
    .bind(said.package_id)
    .bind(said.severity)
    .bind(said.rank)
    .bind(said.suppressed)
    .bind(&said.suppression)
    .bind(&said.fix_state)
    .bind(&said.fix_versions)
    .bind(said.fixable)
    .bind(&said.advisories)
    .bind(&said.path)
    .bind(said.layer)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert(
    connection: &mut Connection,
    environment_id: i64,
    known: &Known,
    now: i64,
    rows: &[Said],
) -> Result<(), StoreError> {
    insert_rows(
        "INSERT INTO finding (asset_id, image_id, environment_id, fingerprint, kind,
             rule_id, package_id, severity, rank, state, suppressed, suppression,
             fix_state, fix_versions, fixable, advisories, path, layer, first_seen, occurrences,
             progress, comments) ",
    )
    // Two findings of one report under one fingerprint are one.
    .ending(" ON CONFLICT (asset_id, fingerprint) DO NOTHING")
    .rows(connection, rows, |row, said| {
        row.push_bind(known.asset_id)
            .push_bind(known.id)
            .push_bind(environment_id)
            .push_bind(&said.fingerprint)
            .push_bind(0_i64)
            .push_bind(said.vulnerability_id)
            .push_bind(said.package_id)
            .push_bind(said.severity)
            .push_bind(said.rank)
            .push_bind(0_i64)
            .push_bind(said.suppressed)
            .push_bind(&said.suppression)
            .push_bind(&said.fix_state)
            .push_bind(&said.fix_versions)
            .push_bind(said.fixable)
            .push_bind(&said.advisories)
            .push_bind(&said.path)
            .push_bind(said.layer)
            .push_bind(now)
            .push_bind(1_i64)
            .push_bind(0_i64)
            .push_bind(0_i64);
    })
    .await?;
    Ok(())
}
