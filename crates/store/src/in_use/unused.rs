//! Vulnerabilities of packages that are watched and were never seen in
//! use: what may be told to others of them.

use jiff::Timestamp;
use model::InUse;

use crate::{Scope, Store, StoreError, db::sql, priority};

/// Images whose findings are read at once.
const AT_ONCE: usize = 100;

/// An open finding of a package that could have been seen, and was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedVulnerability {
    pub vulnerability: String,
    /// The image's id.
    pub image: String,
    /// The package's URL.
    pub package: String,
    /// Since when every container of the image was watched without a
    /// break.
    pub since: Timestamp,
}

impl Store {
    /// Open vulnerabilities of packages that were not seen in use while
    /// every container of their image was watched without a break, at
    /// least since `since`; no more than `limit`, image by image.
    pub async fn unused_vulnerabilities(
        &self,
        scope: &Scope,
        image: Option<&str>,
        since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<UnusedVulnerability>, StoreError> {
        let mut query = sql("SELECT image.id FROM image_use
             JOIN image ON image.id = image_use.image_id
             WHERE image_use.running > 0 AND image_use.watched <= ");
        query.push_bind(since).push(" AND ");
        scope.constrain(&mut query, "image.environment_id");
        if let Some(image) = image {
            query.push(" AND image.uid = ").push_bind(image.to_owned());
        }
        query.push(" ORDER BY image.id");
        let images: Vec<i64> = query.scalar().fetch_all(&self.readers).await?;
        let mut found = Vec::new();
        for chunk in images.chunks(AT_ONCE) {
            let mut query = sql("SELECT rule.name AS vulnerability, image.uid AS image,
                     package.purl AS package, image_use.running, image_use.watched,
                     package_in_use.image_id AS noted, package_in_use.unseeable,
                     package_in_use.seen, package_in_use.path
                 FROM finding JOIN rule ON rule.id = finding.rule_id
                 JOIN image ON image.id = finding.image_id
                 JOIN package ON package.id = finding.package_id");
            query.push(priority::JOINS).push(
                " WHERE finding.kind = 0 AND finding.state = 0 AND finding.suppressed = 0
                   AND package_in_use.seen IS NULL AND package_in_use.unseeable IS NULL
                   AND finding.asset_id IN
                       (SELECT id FROM asset WHERE kind = 'image' AND image_id",
            );
            query.push_in(chunk, self.dialect());
            query
                .push(") ORDER BY image.id, rule.name, package.purl LIMIT ")
                .push_bind(i64::try_from(limit - found.len()).unwrap_or(i64::MAX));
            for row in &query.fetch_all(&self.readers).await? {
                // What may be said is said in one place.
                let InUse::NotSeen { since: watched } = super::known(row, "path")?.judge(now)
                else {
                    continue;
                };
                if watched <= since {
                    found.push(UnusedVulnerability {
                        vulnerability: row.text("vulnerability")?,
                        image: row.text("image")?,
                        package: row.text("package")?,
                        since: watched,
                    });
                }
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}
