//! What scans said of images, in the few words policies ask for, and
//! which images nobody scanned.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{FindingKind, Severity, TargetKind};

use crate::{Store, StoreError, counts::finding_rank, db::sql, finding::kind_number};

/// Images that are told of as never scanned.
const MOST_UNSCANNED: usize = 5_000;

/// One image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownImage {
    /// Its name and its tags, as they were written.
    pub references: Vec<String>,
    pub digest: Option<String>,
    /// It was scanned, and the rest holds.
    pub scanned: bool,
    /// Open findings, those that are suppressed left out.
    pub critical: u64,
    pub high: u64,
    /// Of the critical and high ones.
    pub fixable: u64,
    /// Known to be exploited, of any severity.
    pub exploited: u64,
}

impl Store {
    /// Every image of an environment that was scanned, by name; then
    /// those that run, or are in its registries, and never were.
    pub async fn known_images(&self, environment: &str) -> Result<Vec<KnownImage>, StoreError> {
        let mut all = self.scanned_images(environment).await?;
        all.extend(self.unscanned_images(environment).await?);
        Ok(all)
    }

    async fn unscanned_images(&self, environment: &str) -> Result<Vec<KnownImage>, StoreError> {
        let mut named: BTreeMap<Option<String>, BTreeSet<String>> = BTreeMap::new();
        let running = self.called_unscanned(environment).await?;
        for (name, digest) in running.into_iter().take(MOST_UNSCANNED) {
            named.entry(digest).or_default().insert(name);
        }
        // Newest first: those are about to run.
        let tags = sql(
            "SELECT registry.address, repository.name AS repository, tag.name, tag.digest
             FROM tag JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id
             JOIN environment ON environment.id = registry.environment_id
             WHERE environment.name = ? AND tag.gone IS NULL AND tag.digest IS NOT NULL
               AND EXISTS (SELECT 1 FROM tag_image WHERE tag_image.tag_id = tag.id)
               AND NOT EXISTS (SELECT 1 FROM tag_image
                   JOIN image ON image.digest = tag_image.digest
                     AND image.environment_id = registry.environment_id
                     AND image.kind = 'image'
                   WHERE tag_image.tag_id = tag.id)
             ORDER BY tag.id DESC LIMIT ?",
        )
        .bind(environment)
        .bind(i64::try_from(MOST_UNSCANNED).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await?;
        for row in &tags {
            let (address, repository) = (row.text("address")?, row.text("repository")?);
            let name = format!("{address}/{repository}:{}", row.text("name")?);
            named
                .entry(row.maybe_text("digest")?)
                .or_default()
                .insert(name);
        }
        let images = named.into_iter().map(|(digest, references)| KnownImage {
            references: references.into_iter().collect(),
            digest,
            ..KnownImage::default()
        });
        Ok(images.take(MOST_UNSCANNED).collect())
    }

    async fn scanned_images(&self, environment: &str) -> Result<Vec<KnownImage>, StoreError> {
        let fixable: HashMap<i64, u64> =
            sql("SELECT finding.image_id, COUNT(*) AS findings FROM finding
             WHERE finding.environment_id = (SELECT id FROM environment WHERE name = ?)
               AND finding.kind = ? AND finding.rank >= ?
               AND finding.state = 0 AND finding.suppressed = 0 AND finding.fixable = 1
               AND finding.image_id IS NOT NULL
             GROUP BY finding.image_id")
            .bind(environment)
            .bind(kind_number(FindingKind::Vulnerability))
            .bind(finding_rank(Severity::High, false, None))
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| Ok((row.int("image_id")?, row.count("findings")?)))
            .collect::<Result<_, StoreError>>()?;
        sql(
            "SELECT image.id, image.name, image.tags, image.digest, image.critical, image.high,
                 image.kev
             FROM image JOIN environment ON environment.id = image.environment_id
             WHERE environment.name = ? AND image.kind = ? AND image.last_scanned > 0
             ORDER BY image.name, image.id",
        )
        .bind(environment)
        .bind(TargetKind::Image.as_str())
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(|row| {
            let mut references = vec![row.text("name")?];
            references.extend(row.json::<Vec<String>>("tags")?);
            references.sort();
            references.dedup();
            Ok(KnownImage {
                references,
                digest: row.maybe_text("digest")?,
                scanned: true,
                critical: row.count("critical")?,
                high: row.count("high")?,
                fixable: fixable.get(&row.int("id")?).copied().unwrap_or(0),
                exploited: row.count("kev")?,
            })
        })
        .collect()
    }
}
