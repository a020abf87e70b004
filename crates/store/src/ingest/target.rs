//! The target a report is about, as the record has it: its image, and
//! the asset that is.

use model::{AssetKind, Report, TargetKind};

use crate::{
    Assessment, StoreError,
    asset::{self, Described, Placed},
    db::{Connection, sql},
    row::json,
};

/// The image a report is about, as the record has it.
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) uid: String,
    pub(super) name: String,
    pub(super) asset_id: i64,
    pub(super) assessed: i64,
    pub(super) added: bool,
}

/// What tells one target of a kind from another, however it was reached.
fn identity(report: &Report) -> String {
    let image = report.sbom.image.as_ref();
    match report.target.kind {
        TargetKind::Image => image
            .and_then(|image| image.config.or(image.manifest))
            .map_or_else(|| report.target.name.clone(), |digest| digest.to_string()),
        TargetKind::Rootfs | TargetKind::Sbom => report.target.name.clone(),
    }
}

fn tags(report: &Report) -> Vec<String> {
    report
        .sbom
        .image
        .as_ref()
        .map(|image| image.tags.clone())
        .unwrap_or_default()
}

/// Finds or makes the image's row. The same digest is the same image; a
/// name whose digest moved is the same image, rebuilt.
pub(super) async fn know(
    connection: &mut Connection,
    environment_id: i64,
    environment: &str,
    assessment: &Assessment,
) -> Result<Known, StoreError> {
    let report = &*assessment.report;
    let kind = report.target.kind.as_str();
    let identity = identity(report);
    let tags = tags(report);
    let name = match tags.first() {
        Some(tag)
            if report.target.kind == TargetKind::Image && !tags.contains(&report.target.name) =>
        {
            tag.clone()
        }
        _ => report.target.name.clone(),
    };
    let now = report.scanned.as_microsecond();

    let mut row = sql("SELECT id, uid, name, tags, identity, assessed FROM image
         WHERE environment_id = ? AND kind = ? AND identity = ?")
    .bind(environment_id)
    .bind(kind)
    .bind(&identity)
    .fetch_optional(&mut *connection)
    .await?;
    if row.is_none() {
        row = sql("SELECT id, uid, name, tags, identity, assessed FROM image
             WHERE environment_id = ? AND kind = ? AND name = ?
             ORDER BY id DESC")
        .bind(environment_id)
        .bind(kind)
        .bind(&name)
        .fetch_optional(&mut *connection)
        .await?;
    }
    if let Some(row) = row {
        let known: Vec<String> = row.json("tags")?;
        let rebuilt = row.text("identity")? != identity;
        let mut merged = tags;
        if !rebuilt {
            merged.extend(known);
        }
        merged.sort();
        merged.dedup();
        let id: i64 = row.get("id")?;
        sql("UPDATE image SET identity = ?, tags = ? WHERE id = ?")
            .bind(&identity)
            .bind(json(&merged))
            .bind(id)
            .execute(&mut *connection)
            .await?;
        let found = Found {
            id,
            uid: row.text("uid")?,
            name: row.text("name")?,
        };
        return Ok(Known {
            asset_id: put_asset(connection, environment_id, environment, &found, assessment)
                .await?,
            id,
            uid: found.uid,
            name: found.name,
            assessed: row.get("assessed")?,
            added: false,
        });
    }

    let uid = crate::scan::mint();
    let id: i64 = sql(
        "INSERT INTO image (uid, environment_id, kind, identity, name, target, tags, os_name,
             layers, packages, critical, high, medium, low, info, unknown, risk, fixable, kev,
             suppressed, warnings, starter_only, generation, first_scanned, last_scanned, assessed)
         VALUES (?, ?, ?, ?, ?, ?, ?, '',
             0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', ?, ?, ?)
         RETURNING id",
    )
    .bind(&uid)
    .bind(environment_id)
    .bind(kind)
    .bind(&identity)
    .bind(&name)
    .bind(&assessment.target)
    .bind(json(&tags))
    .bind(now)
    .bind(now)
    .bind(now)
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    let found = Found { id, uid, name };
    Ok(Known {
        asset_id: put_asset(connection, environment_id, environment, &found, assessment).await?,
        id,
        uid: found.uid,
        name: found.name,
        assessed: now,
        added: true,
    })
}

struct Found {
    id: i64,
    uid: String,
    name: String,
}

/// This machine's own root file system.
const MACHINE: &str = "dir:/";

/// The image's asset: below its host where it is this machine's own root
/// file system, else right below the environment.
async fn put_asset(
    connection: &mut Connection,
    environment_id: i64,
    environment: &str,
    image: &Found,
    assessment: &Assessment,
) -> Result<i64, StoreError> {
    let report = &*assessment.report;
    let mut parent_id = asset::of_environment(connection, environment_id, environment).await?;
    let mut place = Placed::default();
    if report.target.kind == TargetKind::Rootfs && assessment.target == MACHINE {
        place = place.with(AssetKind::Host, &image.name);
        let host = Described {
            place: place.clone(),
            ..Described::new(
                environment_id,
                parent_id,
                AssetKind::Host,
                &image.name,
                &image.name,
            )
        };
        let uid = format!("host-{}", image.uid);
        parent_id = asset::put(connection, &host, &uid, report.scanned).await?;
    }
    let known = sql("SELECT parent_id FROM asset WHERE uid = ?")
        .bind(&image.uid)
        .scalar()
        .fetch_optional(&mut *connection)
        .await?;
    let parent_id = known.unwrap_or(parent_id);
    let described = Described {
        place,
        image_id: Some(image.id),
        ..Described::new(
            environment_id,
            parent_id,
            AssetKind::Image,
            &image.uid,
            &image.name,
        )
    };
    asset::put(connection, &described, &image.uid, report.scanned).await
}
