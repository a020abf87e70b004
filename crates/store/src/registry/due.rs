//! Which images are to be read without being asked for: those of tags
//! nobody read, those in use or read long ago, and those that run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::AssetKind;

use super::Registry;
use crate::{
    Store, StoreError,
    asset::IMAGE_FACT,
    db::{Row, sql},
};

/// An image of a registry that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueImage {
    pub repository: String,
    pub tag: String,
    pub digest: String,
    pub platform: Option<String>,
    /// Whether its tag leads to several images.
    pub is_one_of_many: bool,
    pub pulled: Option<Timestamp>,
    /// When it was read, if it was.
    pub read: Option<Timestamp>,
    /// Containers that run it.
    pub running: u64,
}

/// An image not of a watched registry that containers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningImage {
    pub environment: String,
    /// As it was scanned.
    pub target: String,
    pub name: String,
    pub digest: Option<String>,
    pub platform: Option<String>,
    pub running: u64,
    pub read: Timestamp,
}

/// A container that runs an image the record does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownImage {
    pub environment: String,
    /// The container's id in the record.
    pub asset: String,
    /// The host's or the cluster's name, and which it is.
    pub place: String,
    pub is_cluster: bool,
    /// As its engine calls the image.
    pub image: String,
    /// `docker`, `containerd`.
    pub engine: Option<String>,
    pub namespace: Option<String>,
    /// `name@digest`, as a cluster tells it.
    pub image_id: Option<String>,
    pub container: String,
    /// Where it can be reached, as told.
    pub ports: Option<String>,
}

const RUNS: &str = "(SELECT COUNT(*) FROM asset WHERE asset.image_id = image.id
     AND asset.kind = 'container' AND asset.gone IS NULL)";

fn read(row: &Row) -> Result<DueImage, StoreError> {
    Ok(DueImage {
        repository: row.text("repository")?,
        tag: row.text("tag")?,
        digest: row.text("digest")?,
        platform: row.maybe_text("platform")?,
        is_one_of_many: row.count("images")? > 1,
        pulled: row.maybe_time("pulled")?,
        read: row.maybe_time("read_at")?,
        running: row.count("running")?,
    })
}

impl Store {
    /// Images of a registry pulled since `used`, or running, that were
    /// last read before `before`.
    pub async fn recently_used(
        &self,
        registry: &Registry,
        used: Timestamp,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueImage>, StoreError> {
        let rows = sql(format!(
            "SELECT * FROM (SELECT repository.name AS repository, tag.name AS tag,
                 tag_image.digest, tag_image.platform, tag.pulled,
                 image.last_scanned AS read_at, {RUNS} AS running,
                 (SELECT COUNT(*) FROM tag_image AS other WHERE other.tag_id = tag.id) AS images
             FROM tag JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id
             JOIN tag_image ON tag_image.tag_id = tag.id
             JOIN image ON image.digest = tag_image.digest
               AND image.environment_id = registry.environment_id AND image.kind = 'image'
             WHERE registry.id = ? AND tag.gone IS NULL AND image.last_scanned < ?) AS used
             WHERE used.pulled >= ? OR used.running > 0
             ORDER BY used.read_at LIMIT ?"
        ))
        .bind(registry.row)
        .bind(before)
        .bind(used)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Images of a registry's newest tags that nobody read, and those
    /// read before `before` or by other extractors.
    pub async fn unread(
        &self,
        registry: &Registry,
        before: Timestamp,
        extractors: &str,
        limit: u32,
    ) -> Result<Vec<DueImage>, StoreError> {
        let rows = sql(format!(
            "SELECT repository.name AS repository, tag.name AS tag, tag_image.digest,
                 tag_image.platform, tag.pulled, image.last_scanned AS read_at,
                 CASE WHEN image.id IS NULL THEN 0 ELSE {RUNS} END AS running,
                 (SELECT COUNT(*) FROM tag_image AS other WHERE other.tag_id = tag.id) AS images
             FROM tag JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id
             JOIN tag_image ON tag_image.tag_id = tag.id
             LEFT JOIN image ON image.digest = tag_image.digest
               AND image.environment_id = registry.environment_id AND image.kind = 'image'
             WHERE registry.id = ? AND tag.gone IS NULL
               AND (image.id IS NULL OR image.last_scanned < ? OR image.extractors <> ?)
               AND NOT EXISTS (SELECT 1 FROM scan WHERE scan.digest = tag_image.digest
                   AND scan.environment_id = registry.environment_id
                   AND (scan.state IN ('queued', 'running') OR scan.finished >= ?))
             ORDER BY COALESCE(image.last_scanned, 0), tag.id DESC LIMIT ?"
        ))
        .bind(registry.row)
        .bind(before)
        .bind(extractors)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Images of no watched registry that run and were last read before
    /// `before`. What a pipeline handed in cannot be read from here.
    pub async fn running_unread(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<RunningImage>, StoreError> {
        let rows = sql(format!(
            "SELECT * FROM (SELECT environment.name AS environment, image.target, image.name,
                 image.digest, image.platform, image.last_scanned AS read_at, {RUNS} AS running
             FROM image JOIN environment ON environment.id = image.environment_id
             WHERE image.kind = 'image' AND image.last_scanned < ? AND environment.demo = 0
               AND image.target NOT LIKE 'ci:%'
               AND NOT EXISTS (SELECT 1 FROM tag_image
                   WHERE image.digest IS NOT NULL AND tag_image.digest = image.digest)) AS known
             WHERE known.running > 0 ORDER BY known.read_at LIMIT ?"
        ))
        .bind(before)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(RunningImage {
                    environment: row.text("environment")?,
                    target: row.text("target")?,
                    name: row.text("name")?,
                    digest: row.maybe_text("digest")?,
                    platform: row.maybe_text("platform")?,
                    running: row.count("running")?,
                    read: row.time("read_at")?,
                })
            })
            .collect()
    }

    /// Containers that run images the record does not know.
    pub async fn unknown_images(&self, limit: u32) -> Result<Vec<UnknownImage>, StoreError> {
        let rows = sql("SELECT asset.uid, asset.name, asset.facts, asset.cluster,
                 environment.name AS environment,
                 parent.kind AS parent_kind, parent.name AS parent_name
             FROM asset JOIN environment ON environment.id = asset.environment_id
             LEFT JOIN asset AS parent ON parent.id = asset.parent_id
             WHERE asset.kind = 'container' AND asset.gone IS NULL AND asset.image_id IS NULL
               AND asset.started IS NOT NULL AND environment.demo = 0
             ORDER BY asset.id LIMIT ?")
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let mut unknown = Vec::new();
        for row in &rows {
            let mut facts: BTreeMap<String, String> = row.json("facts")?;
            let Some(image) = facts.remove(IMAGE_FACT) else {
                continue;
            };
            let on_host =
                row.maybe_text("parent_kind")?.as_deref() == Some(AssetKind::Host.as_str());
            let place = if on_host {
                row.maybe_text("parent_name")?
            } else {
                row.maybe_text("cluster")?
            };
            unknown.push(UnknownImage {
                environment: row.text("environment")?,
                asset: row.text("uid")?,
                place: place.unwrap_or_default(),
                is_cluster: !on_host,
                image,
                engine: facts.remove("engine"),
                namespace: facts.remove("engine namespace"),
                image_id: facts.remove("image id"),
                container: row.text("name")?,
                ports: facts.remove("ports"),
            });
        }
        Ok(unknown)
    }
}
