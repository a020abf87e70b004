//! Which image the containers of clusters run, found anew.
//!
//! A pod is told once and runs for months: its image may become known
//! later, and its name may move to another build. And a cluster tells the
//! digest of an index, where the record has the image of one platform:
//! registries and scans know which that led to.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::Digest;

use crate::{
    Store, StoreError,
    container::images_by_digest,
    db::{Connection, ROWS, Value, sql},
};

impl Store {
    /// Ties containers of clusters to their images again; how many were
    /// tied otherwise.
    pub async fn link_containers(&self) -> Result<u64, StoreError> {
        let rows = sql(
            "SELECT asset.id, asset.environment_id, asset.image_id, asset.facts
             FROM asset JOIN asset AS parent ON parent.id = asset.parent_id AND parent.kind = 'pod'
             WHERE asset.kind = 'container' AND asset.gone IS NULL AND asset.started IS NOT NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut by_environment: HashMap<i64, Vec<(i64, Option<i64>, Digest)>> = HashMap::new();
        for row in &rows {
            let facts: BTreeMap<String, String> = row.json("facts")?;
            let digest = facts
                .get("image id")
                .and_then(|text| text.get(text.rfind("sha256:")?..)?.parse::<Digest>().ok());
            let Some(digest) = digest else { continue };
            by_environment
                .entry(row.int("environment_id")?)
                .or_default()
                .push((row.int("id")?, row.maybe_int("image_id")?, digest));
        }
        if by_environment.is_empty() {
            return Ok(0);
        }
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut changed = 0;
                    for (environment, containers) in by_environment {
                        changed += link(connection, environment, &containers).await?;
                    }
                    Ok(changed)
                })
            })
            .await
    }
}

async fn link(
    connection: &mut Connection,
    environment: i64,
    containers: &[(i64, Option<i64>, Digest)],
) -> Result<u64, StoreError> {
    let digests = containers.iter().map(|(_, _, digest)| digest);
    let images = images_by_digest(connection, environment, digests).await?;
    let mut moved: Vec<Vec<Value>> = Vec::new();
    for (id, before, digest) in containers {
        let image = images.get(&digest.to_string()).copied();
        // What is tied stays so where nothing is known of the digest:
        // somebody else may have known better.
        if image.is_some() && image != *before {
            moved.push(vec![(*id).into(), image.into()]);
        }
    }
    for chunk in moved.chunks(ROWS) {
        let mut query = sql("UPDATE asset SET image_id = delta.column2 FROM ");
        query.push_rows(chunk.to_vec(), connection.dialect());
        query.push(" WHERE asset.id = delta.column1");
        query.execute(&mut *connection).await?;
    }
    Ok(moved.len() as u64)
}

/// The images that digests of indexes lead to: by the tags that have
/// them, and by what was scanned under them. Of several platforms one of
/// `linux/amd64` first.
pub(crate) async fn of_indexes(
    connection: &mut Connection,
    environment: i64,
    digests: &[String],
    images: &mut HashMap<String, i64>,
) -> Result<(), StoreError> {
    let missing: HashSet<&str> = digests
        .iter()
        .map(String::as_str)
        .filter(|digest| !images.contains_key(*digest))
        .collect();
    let missing: Vec<&str> = missing.into_iter().collect();
    for chunk in missing.chunks(500) {
        let mut query = sql(
            "SELECT tag.digest AS asked, image.id, image.platform FROM tag
             JOIN tag_image ON tag_image.tag_id = tag.id
             JOIN image ON image.digest = tag_image.digest AND image.kind = 'image'
             WHERE image.environment_id = ",
        );
        query
            .push_bind(environment)
            .push(" AND tag.digest IN ")
            .push_list(chunk.iter().copied());
        query
            .push(
                " UNION SELECT scan.digest AS asked, image.id, image.platform FROM scan
                 JOIN image ON image.id = scan.image_id AND image.kind = 'image'
                 WHERE image.environment_id = ",
            )
            .push_bind(environment)
            // What its content was last read by: another is of another build.
            .push(
                " AND scan.id = (SELECT MAX(last.id) FROM scan AS last
                      WHERE last.image_id = image.id AND last.state = 'done')
                  AND scan.digest IN ",
            )
            .push_list(chunk.iter().copied());
        let mut best: HashMap<String, (bool, i64)> = HashMap::new();
        for row in &query.once().fetch_all(&mut *connection).await? {
            let is_usual = row.maybe_text("platform")?.as_deref() == Some("linux/amd64");
            let found = (is_usual, row.int("id")?);
            let asked = row.maybe_text("asked")?.unwrap_or_default();
            let known = best.entry(asked).or_insert(found);
            *known = (*known).max(found);
        }
        images.extend(best.into_iter().map(|(digest, (_, image))| (digest, image)));
    }
    Ok(())
}
