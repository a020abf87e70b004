//! Where images are that trust policies may hold for: what tags and
//! names lead to, and which indexes hold an image.

use super::outcome::TrustSubject;
use crate::{Store, StoreError, db::sql};

/// A tag, or an image's name, and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustTag {
    /// With its registry and tag, as it was written.
    pub name: String,
    pub digest: String,
}

impl Store {
    /// What tags and names of an environment lead to: as watched
    /// registries have it, then as scans found it. Tags that lead to no
    /// image, but to a signature say, are left out.
    pub async fn trust_tags(&self, environment: &str) -> Result<Vec<TrustTag>, StoreError> {
        let tags = sql(
            "SELECT registry.address, repository.name AS repository, tag.name, tag.digest
             FROM tag JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id
             JOIN environment ON environment.id = registry.environment_id
             WHERE environment.name = ? AND tag.gone IS NULL AND tag.digest IS NOT NULL
               AND EXISTS (SELECT 1 FROM tag_image WHERE tag_image.tag_id = tag.id)",
        )
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        let mut all = Vec::with_capacity(tags.len());
        for row in &tags {
            let (address, repository) = (row.text("address")?, row.text("repository")?);
            all.push(TrustTag {
                name: format!("{address}/{repository}:{}", row.text("name")?),
                digest: row.text("digest")?,
            });
        }
        let images = sql("SELECT image.name, image.digest FROM image
             JOIN environment ON environment.id = image.environment_id
             WHERE environment.name = ? AND image.kind = 'image' AND image.digest IS NOT NULL
             ORDER BY image.last_scanned DESC, image.id DESC")
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        for row in &images {
            all.push(TrustTag {
                name: row.text("name")?,
                digest: row.text("digest")?,
            });
        }
        Ok(all)
    }

    /// Images of watched registries that tags lead to through an index:
    /// the repository with its registry, and each platform's digest.
    pub async fn trust_platforms(
        &self,
        environment: &str,
    ) -> Result<Vec<TrustSubject>, StoreError> {
        let rows = sql(
            "SELECT DISTINCT registry.address, repository.name AS repository,
                 tag_image.digest
             FROM tag_image JOIN tag ON tag.id = tag_image.tag_id
             JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id
             JOIN environment ON environment.id = registry.environment_id
             WHERE environment.name = ? AND tag.gone IS NULL AND tag_image.digest <> tag.digest",
        )
        .bind(environment)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let (address, repository) = (row.text("address")?, row.text("repository")?);
                Ok(TrustSubject {
                    repository: format!("{address}/{repository}"),
                    digest: row.text("digest")?,
                })
            })
            .collect()
    }

    /// The indexes of an environment's registries an image is in.
    pub async fn indexes_of(
        &self,
        environment: &str,
        digest: &str,
    ) -> Result<Vec<String>, StoreError> {
        sql("SELECT DISTINCT tag.digest FROM tag_image
             JOIN tag ON tag.id = tag_image.tag_id
             JOIN repository ON repository.id = tag.repository_id
             JOIN registry ON registry.id = repository.registry_id
             JOIN environment ON environment.id = registry.environment_id
             WHERE tag_image.digest = ? AND environment.name = ? AND tag.digest IS NOT NULL
               AND tag.digest <> tag_image.digest
             ORDER BY tag.digest LIMIT 16")
        .bind(digest)
        .bind(environment)
        .scalar()
        .fetch_all(&self.readers)
        .await
    }
}
