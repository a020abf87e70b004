//! What scans said of images, in the few words policies ask for.

use std::collections::HashMap;

use model::{FindingKind, Severity, TargetKind};

use crate::{Store, StoreError, counts::finding_rank, db::sql, finding::kind_number};

/// One image that was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownImage {
    /// Its name and its tags, as they were written.
    pub references: Vec<String>,
    pub digest: Option<String>,
    /// Open findings, those that are suppressed left out.
    pub critical: u64,
    pub high: u64,
    /// Of the critical and high ones.
    pub fixable: u64,
    /// Known to be exploited, of any severity.
    pub exploited: u64,
}

impl Store {
    /// Every image of an environment that was scanned, by name.
    pub async fn known_images(&self, environment: &str) -> Result<Vec<KnownImage>, StoreError> {
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
                critical: row.count("critical")?,
                high: row.count("high")?,
                fixable: fixable.get(&row.int("id")?).copied().unwrap_or(0),
                exploited: row.count("kev")?,
            })
        })
        .collect()
    }
}
