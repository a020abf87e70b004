//! Taking a report in: one transaction that leaves the record saying
//! what the report says, and the history saying what changed.

mod beside;
pub(crate) mod dictionary;
pub(crate) mod findings;
pub(crate) mod sbom;
mod target;

use model::Report;

use crate::{
    Assessment, Counts, ImageKey, Outcome, PackageFix, StoreError, content,
    db::{Connection, insert, sql},
    environment, license,
    row::{json, number},
};

/// Values looked up in one statement.
const CHUNK: usize = 500;

pub(crate) async fn put_report(
    connection: &mut Connection,
    environment: &str,
    assessment: &Assessment,
    document: Vec<u8>,
) -> Result<Outcome, StoreError> {
    let report = &*assessment.report;
    let environment_id = environment::id(connection, environment).await?;
    let known = target::know(connection, environment_id, environment, assessment).await?;

    let packages = dictionary::packages(connection, &report.sbom.packages).await?;
    let vulnerabilities = dictionary::vulnerabilities(connection, report).await?;
    let unchanged: Option<i64> = sql("SELECT image_document.image_id FROM image_document
             JOIN image_content ON image_content.image_id = image_document.image_id
             WHERE image_document.image_id = ? AND image_document.sbom = ?")
    .bind(known.id)
    .bind(&document)
    .scalar()
    .fetch_optional(&mut *connection)
    .await?;
    if unchanged.is_none() {
        put_content(connection, known.id, report, &packages, document).await?;
        // Whose findings are written below must know who uses them.
        crate::in_use::refresh_packages(connection, known.id, Some(&report.sbom)).await?;
    }

    let changes = findings::put(
        connection,
        environment_id,
        &known,
        report,
        &packages,
        &vulnerabilities,
    )
    .await?;
    put_fixes(connection, known.id, environment_id, &assessment.fixes).await?;
    put_totals(connection, known.id, assessment).await?;

    let mut came = changes
        .finish(connection, environment_id, report.scanned)
        .await?;
    for kind in beside::sought(report) {
        let beside = beside::put(connection, environment_id, &known, report, kind).await?;
        came.new += beside.new;
        came.resolved += beside.resolved;
    }
    let outcome = Outcome {
        image: ImageKey {
            id: known.uid,
            environment: environment.to_owned(),
            kind: report.target.kind,
            name: known.name,
        },
        added: known.added,
        packages: report.sbom.packages.len() as u64,
        counts: counts(report),
        new: came.new,
        resolved: came.resolved,
        warnings: report.sbom.warnings.len() as u64,
    };
    if outcome.added || outcome.new.total() > 0 || outcome.resolved > 0 {
        crate::change::append(
            connection,
            crate::change::of_outcome(&outcome, report.scanned),
            Some(environment_id),
            Some(known.id),
        )
        .await?;
    }
    Ok(outcome)
}

fn counts(report: &Report) -> Counts {
    let mut counts = Counts::default();
    for finding in &report.findings {
        *counts.of(finding.severity) += 1;
    }
    counts
}

/// Packages, layers and the document itself: all or nothing, and only
/// when the bill of materials differs.
async fn put_content(
    connection: &mut Connection,
    image: i64,
    report: &Report,
    packages: &dictionary::Packages,
    document: Vec<u8>,
) -> Result<(), StoreError> {
    sql("DELETE FROM image_package WHERE image_id = ?")
        .bind(image)
        .execute(&mut *connection)
        .await?;
    insert("INSERT INTO image_package (image_id, ordinal, package_id, path, layer, owned_by) ")
        .rows(
            &mut *connection,
            report.sbom.packages.iter().zip(packages.ids()).enumerate(),
            |row, (ordinal, (package, id))| {
                row.push_bind(image)
                    .push_bind(number(ordinal))
                    .push_bind(*id)
                    .push_bind(&package.path)
                    .push_bind(package.layer)
                    .push_bind(&package.owned_by);
            },
        )
        .await?;
    sql("DELETE FROM layer WHERE image_id = ?")
        .bind(image)
        .execute(&mut *connection)
        .await?;
    insert(
        "INSERT INTO layer (image_id, ordinal, diff_id, digest, size_bytes, created_by, created) ",
    )
    .rows(
        &mut *connection,
        report.sbom.layers.iter().enumerate(),
        |row, (ordinal, layer)| {
            row.push_bind(image)
                .push_bind(number(ordinal))
                .push_bind(layer.diff_id.to_string())
                .push_bind(layer.digest.map(|digest| digest.to_string()))
                .push_bind(layer.size.and_then(|size| i64::try_from(size).ok()))
                .push_bind(&layer.created_by)
                .push_bind(layer.created);
        },
    )
    .await?;
    sql(
        "INSERT INTO image_document (image_id, config, warnings, sbom, notable)
         VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (image_id) DO UPDATE SET config = excluded.config,
             warnings = excluded.warnings, sbom = excluded.sbom, notable = excluded.notable",
    )
    .bind(image)
    .bind(report.sbom.config.as_ref().map(json))
    .bind(json(&report.sbom.warnings))
    .bind(document)
    .bind(report.sbom.notable.as_ref().map(json))
    .execute(&mut *connection)
    .await?;
    license::put(connection, image, &report.sbom.packages).await?;
    let held = packages.ids().iter().copied().collect();
    content::put(connection, image, report, held).await
}

async fn put_fixes(
    connection: &mut Connection,
    image: i64,
    environment_id: i64,
    fixes: &[PackageFix],
) -> Result<(), StoreError> {
    sql("DELETE FROM fix WHERE image_id = ?")
        .bind(image)
        .execute(&mut *connection)
        .await?;
    let fixes: Vec<(i64, &PackageFix)> = fixes.iter().map(|fix| (image, fix)).collect();
    insert_fixes(connection, environment_id, &fixes, KEEP).await
}

/// What is done where an upgrade is known already.
pub(crate) const KEEP: &str = " ON CONFLICT (image_id, kind, package) DO NOTHING";
pub(crate) const REPLACE: &str = " ON CONFLICT (image_id, kind, package) DO UPDATE SET
    version = excluded.version, installed = excluded.installed, layer = excluded.layer,
    critical = excluded.critical, high = excluded.high, medium = excluded.medium,
    low = excluded.low, info = excluded.info, unknown = excluded.unknown
    WHERE fix.version IS DISTINCT FROM excluded.version
       OR fix.installed IS DISTINCT FROM excluded.installed
       OR fix.layer IS DISTINCT FROM excluded.layer
       OR fix.critical <> excluded.critical OR fix.high <> excluded.high
       OR fix.medium <> excluded.medium OR fix.low <> excluded.low
       OR fix.info <> excluded.info OR fix.unknown <> excluded.unknown";

pub(crate) async fn insert_fixes(
    connection: &mut Connection,
    environment_id: i64,
    fixes: &[(i64, &PackageFix)],
    known: &'static str,
) -> Result<(), StoreError> {
    insert(
        "INSERT INTO fix (image_id, environment_id, kind, package, version, installed, layer,
             critical, high, medium, low, info, unknown) ",
    )
    .ending(known)
    .rows(&mut *connection, fixes, |row, (image, fix)| {
        row.push_bind(*image)
            .push_bind(environment_id)
            .push_bind(fix.kind.as_str())
            .push_bind(&fix.package)
            .push_bind(&fix.version)
            .push_bind(json(&fix.installed))
            .push_bind(fix.layer);
        for count in fix.closes.as_columns() {
            row.push_bind(count);
        }
    })
    .await?;
    Ok(())
}

async fn put_totals(
    connection: &mut Connection,
    image: i64,
    assessment: &Assessment,
) -> Result<(), StoreError> {
    let report = &*assessment.report;
    let sbom = &report.sbom;
    let size: Option<u64> = sbom.layers.iter().map(|layer| layer.size).sum();
    sql(
        "UPDATE image SET digest = ?, config_digest = ?, platform = ?, os = ?, os_name = ?,
             layers = ?, size_bytes = ?, packages = ?, warnings = ?, starter_only = ?,
             generation = ?, assessed = ?
         WHERE id = ?",
    )
    .bind(
        sbom.image
            .as_ref()
            .and_then(|image| image.manifest)
            .map(|digest| digest.to_string()),
    )
    .bind(
        sbom.image
            .as_ref()
            .and_then(|image| image.config)
            .map(|digest| digest.to_string()),
    )
    .bind(
        sbom.config
            .as_ref()
            .and_then(|config| config.platform.as_ref())
            .map(ToString::to_string),
    )
    .bind(sbom.os.as_ref().map(json))
    .bind(
        sbom.os
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    )
    .bind(number(sbom.layers.len()))
    .bind(
        size.filter(|_| !sbom.layers.is_empty())
            .and_then(|size| i64::try_from(size).ok()),
    )
    .bind(number(sbom.packages.len()))
    .bind(number(sbom.warnings.len()))
    .bind(i64::from(report.database.starter_only))
    .bind(&report.database.generation)
    .bind(report.scanned.as_microsecond())
    .bind(image)
    .execute(&mut *connection)
    .await?;
    if assessment.fresh {
        sql("UPDATE image SET last_scanned = ?, target = ?, last_error = NULL WHERE id = ?")
            .bind(report.scanned.as_microsecond())
            .bind(&assessment.target)
            .bind(image)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Whether an upgrade would close it.
pub(crate) fn is_fixable(finding: &model::Finding) -> bool {
    finding.fix.state == model::AffectedState::Fixed && !finding.fix.versions.is_empty()
}
