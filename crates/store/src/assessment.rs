//! What one look at a target tells the record, and what came of it.

use std::sync::Arc;

use crate::{
    Counts, ImageKey, PackageFix, Store, StoreError,
    db::sql,
    image::key_of,
    ingest::{self, sbom},
};
use model::{Report, Sbom};

/// One report, with what the record keeps beside it.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub report: Arc<Report>,
    /// The upgrades that close its findings.
    pub fixes: Vec<PackageFix>,
    /// What to ask for to look again.
    pub target: String,
    /// The target was read; `false`: a known bill of materials was only
    /// matched again.
    pub fresh: bool,
}

/// What a report changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub image: ImageKey,
    /// It was not known before.
    pub added: bool,
    pub packages: u64,
    /// All open findings.
    pub counts: Counts,
    /// Those that were not open before.
    pub new: Counts,
    /// Those that are gone.
    pub resolved: u64,
    pub warnings: u64,
}

/// A bill of materials as kept, with what it was made from.
#[derive(Clone, Debug)]
pub struct StoredSbom {
    pub image: ImageKey,
    pub target: String,
    pub generation: String,
    pub sbom: Sbom,
}

impl Store {
    /// Takes a report in. Doing so twice changes nothing the second
    /// time. Findings the report no longer has are resolved, unless the
    /// part of the target they were in could not be read.
    pub async fn put_report(
        &self,
        environment: &str,
        assessment: Assessment,
    ) -> Result<Outcome, StoreError> {
        let environment = environment.to_owned();
        let document = sbom::pack(&assessment.report.sbom)?;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    ingest::put_report(connection, &environment, &assessment, document).await
                })
            })
            .await
    }

    /// Images matched against another database than `generation`.
    pub async fn outdated(&self, generation: &str) -> Result<Vec<String>, StoreError> {
        sql("SELECT uid FROM image WHERE generation <> ? ORDER BY risk DESC")
            .bind(generation)
            .scalar()
            .fetch_all(&self.readers)
            .await
    }

    /// The stored bill of materials of one image.
    pub async fn sbom(&self, image: &str) -> Result<Option<StoredSbom>, StoreError> {
        let row = sql(
            "SELECT image.uid, image.kind, image.name, image.target, image.generation,
                    environment.name AS environment, image_document.sbom AS document
             FROM image
             JOIN environment ON environment.id = image.environment_id
             JOIN image_document ON image_document.image_id = image.id
             WHERE image.uid = ?",
        )
        .bind(image)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let document = row.blob("document")?;
        Ok(Some(StoredSbom {
            image: key_of(&row)?,
            target: row.text("target")?,
            generation: row.text("generation")?,
            sbom: sbom::unpack(&document)?,
        }))
    }
}
