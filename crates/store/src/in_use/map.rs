//! From files that were used to packages that are in use.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use model::{Sbom, package_files::Holders};

use super::reason_number;
use crate::{
    StoreError,
    db::{Connection, Value, insert, sql},
};

/// What is said of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    unseeable: Option<i64>,
    seen: Option<(Timestamp, String)>,
}

/// Works out anew which packages of an image are in use; of how many
/// something else is said, but when. `sbom`: where it is at hand.
pub(crate) async fn refresh(
    connection: &mut Connection,
    image: i64,
    sbom: Option<&Sbom>,
) -> Result<u64, StoreError> {
    if let Some(sbom) = sbom {
        tie(connection, image, sbom).await?;
    }
    let before = before(connection, image).await?;
    let used: i64 = sql("SELECT COUNT(*) FROM used_image JOIN image
             ON image.id = used_image.image_id AND image.identity = used_image.identity
         WHERE used_image.image_id = ?")
    .bind(image)
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    let after = match used {
        0 => HashMap::new(),
        _ => after(connection, image, sbom).await?,
    };
    let state = |said: &Said| (said.unseeable, said.seen.is_some());
    let mut changed = 0;
    let mut gone: Vec<i64> = Vec::new();
    for (package, said) in &before {
        match after.get(package) {
            None => gone.push(*package),
            Some(now) if state(now) != state(said) => changed += 1,
            Some(_) => {}
        }
    }
    changed += gone.len() as u64;
    for chunk in gone.chunks(500) {
        let mut query =
            sql("DELETE FROM package_in_use WHERE image_id = ? AND package_id").bind(image);
        query.push_in(chunk, connection.dialect());
        query.execute(&mut *connection).await?;
    }
    let rows: Vec<(&i64, &Said)> = after
        .iter()
        .filter(|(package, said)| before.get(*package) != Some(*said))
        .collect();
    changed += rows
        .iter()
        .filter(|(package, _)| !before.contains_key(*package))
        .count() as u64;
    insert("INSERT INTO package_in_use (image_id, package_id, unseeable, seen, path) ")
        .ending(
            " ON CONFLICT (image_id, package_id) DO UPDATE SET unseeable = excluded.unseeable,
                 seen = excluded.seen, path = excluded.path",
        )
        .rows(connection, &rows, |row, (package, said)| {
            row.push_bind(image)
                .push_bind(**package)
                .push_bind(said.unseeable)
                .push_bind(Value::from(
                    said.seen.as_ref().map(|(at, _)| at.as_microsecond()),
                ))
                .push_bind(said.seen.as_ref().map(|(_, path)| path.clone()));
        })
        .await?;
    Ok(changed)
}

/// Ties what sensors told of an image before it was known here.
async fn tie(connection: &mut Connection, image: i64, sbom: &Sbom) -> Result<(), StoreError> {
    let digests = sbom.image.iter().flat_map(|it| [it.manifest, it.config]);
    let digests: Vec<String> = digests.flatten().map(|digest| digest.to_string()).collect();
    if digests.is_empty() {
        return Ok(());
    }
    let mut query = sql("UPDATE used_image SET image_id = ");
    query
        .push_bind(image)
        .push(", identity = (SELECT identity FROM image WHERE id = ")
        .push_bind(image)
        .push(") WHERE environment_id = (SELECT environment_id FROM image WHERE id = ")
        .push_bind(image)
        .push(") AND digest IN ")
        .push_list(digests.iter().map(String::as_str));
    query.execute(connection).await?;
    Ok(())
}

async fn before(connection: &mut Connection, image: i64) -> Result<HashMap<i64, Said>, StoreError> {
    let rows = sql(
        "SELECT package_id, unseeable, seen, path FROM package_in_use
         WHERE image_id = ?",
    )
    .bind(image)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let seen = match row.maybe_time("seen")? {
                Some(at) => Some((at, row.maybe_text("path")?.unwrap_or_default())),
                None => None,
            };
            let said = Said {
                unseeable: row.maybe_int("unseeable")?,
                seen,
            };
            Ok((row.int("package_id")?, said))
        })
        .collect()
}

async fn after(
    connection: &mut Connection,
    image: i64,
    sbom: Option<&Sbom>,
) -> Result<HashMap<i64, Said>, StoreError> {
    let stored;
    let sbom = if let Some(sbom) = sbom {
        sbom
    } else {
        let document = sql("SELECT sbom FROM image_document WHERE image_id = ?")
            .bind(image)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(document) = document else {
            return Ok(HashMap::new());
        };
        stored = crate::ingest::sbom::unpack(&document.blob("sbom")?)?;
        &stored
    };
    let files = sql("SELECT used_file.path, used_file.last_seen FROM used_image
         JOIN image ON image.id = used_image.image_id AND image.identity = used_image.identity
         JOIN used_file ON used_file.used_image_id = used_image.id
         WHERE used_image.image_id = ? ORDER BY used_file.last_seen, used_file.path")
    .bind(image)
    .fetch_all(&mut *connection)
    .await?;
    let holders = Holders::new(sbom);
    let mut seen: BTreeMap<usize, (Timestamp, String)> = BTreeMap::new();
    for row in &files {
        let (path, at) = (row.text("path")?, row.time("last_seen")?);
        for package in holders.of(&path) {
            seen.insert(package, (at, path.clone()));
        }
    }
    // Ordinals are the places among the packages.
    let numbers = sql("SELECT ordinal, package_id FROM image_package WHERE image_id = ?")
        .bind(image)
        .fetch_all(connection)
        .await?;
    let unseeable = holders.unseeable();
    let mut after: HashMap<i64, Said> = HashMap::with_capacity(numbers.len());
    for row in &numbers {
        let place = usize::try_from(row.int("ordinal")?).unwrap_or(usize::MAX);
        let said = Said {
            unseeable: unseeable.get(place).copied().flatten().map(reason_number),
            seen: seen.remove(&place),
        };
        // One package in several places is in use where any is, and could
        // be seen where any could.
        after
            .entry(row.int("package_id")?)
            .and_modify(|known| {
                if said.unseeable.is_none() {
                    known.unseeable = None;
                }
                if let Some((at, path)) = &said.seen
                    && known.seen.as_ref().is_none_or(|(before, _)| before < at)
                {
                    known.seen = Some((*at, path.clone()));
                }
            })
            .or_insert(said);
    }
    Ok(after)
}
