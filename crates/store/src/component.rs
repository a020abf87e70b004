//! Who holds what, in words: the images an index found, with the places
//! of what they hold; and what two images have apart.

use std::collections::BTreeMap;

use model::{PackageKind, Severity};

use crate::{
    ImageKey, Scope, Store, StoreError, counts::severity_of, db::sql, image::key_of, package::kind,
};

/// One image, and where it has what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub image: ImageKey,
    /// The store's own number of it.
    pub number: i64,
    pub packages: Vec<HolderPackage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderPackage {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    pub path: String,
}

/// An open vulnerability of one image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenVulnerability {
    pub vulnerability: String,
    pub package: String,
    pub version: String,
    pub severity: Severity,
}

/// Images of one answer.
const IMAGES: usize = 1000;

impl Store {
    /// Where these images, by number, have these packages, by number;
    /// those out of scope are left out.
    pub async fn holders(
        &self,
        scope: &Scope,
        images: &[i64],
        packages: &[i64],
    ) -> Result<Vec<Holder>, StoreError> {
        let images = images.get(..IMAGES).unwrap_or(images);
        let mut holders: BTreeMap<i64, Holder> = BTreeMap::new();
        for chunk in packages.chunks(5000) {
            let mut query = sql(
                "SELECT image.id AS number, image.uid, image.kind AS image_kind,
                        image.name AS image_name, environment.name AS environment,
                        package.kind, package.name, package.version, package.purl,
                        image_package.path
                 FROM image_package
                 JOIN image ON image.id = image_package.image_id
                 JOIN environment ON environment.id = image.environment_id
                 JOIN package ON package.id = image_package.package_id
                 WHERE image_package.image_id",
            );
            query.push_in(images, self.dialect());
            query.push(" AND +image_package.package_id");
            query.push_in(chunk, self.dialect()).push(" AND ");
            scope.constrain(&mut query, "image.environment_id");
            query.push(" ORDER BY image.id, image_package.ordinal");
            for row in &query.fetch_all(&self.readers).await? {
                let number = row.int("number")?;
                let holder = match holders.entry(number) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Holder {
                        image: ImageKey {
                            id: row.text("uid")?,
                            environment: row.text("environment")?,
                            kind: crate::image::kind(&row.text("image_kind")?),
                            name: row.text("image_name")?,
                        },
                        number,
                        packages: Vec::new(),
                    }),
                };
                holder.packages.push(HolderPackage {
                    kind: kind(&row.text("kind")?),
                    name: row.text("name")?,
                    version: row.text("version")?,
                    purl: row.text("purl")?,
                    path: row.text("path")?,
                });
            }
        }
        Ok(holders.into_values().collect())
    }

    /// The open vulnerabilities of an image.
    pub async fn open_vulnerabilities(
        &self,
        scope: &Scope,
        image: &str,
    ) -> Result<Vec<OpenVulnerability>, StoreError> {
        let mut query = sql(
            "SELECT rule.name AS vulnerability, package.name AS package, package.version,
                    finding.severity
             FROM image
             JOIN asset ON asset.image_id = image.id AND asset.kind = 'image'
             JOIN finding ON finding.asset_id = asset.id
             JOIN rule ON rule.id = finding.rule_id
             JOIN package ON package.id = finding.package_id
             WHERE finding.kind = 0 AND finding.state = 0 AND finding.suppressed = 0
               AND image.uid = ",
        );
        query.push_bind(image.to_owned()).push(" AND ");
        scope.constrain(&mut query, "image.environment_id");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                Ok(OpenVulnerability {
                    vulnerability: row.text("vulnerability")?,
                    package: row.text("package")?,
                    version: row.text("version")?,
                    severity: severity_of(row.int("severity")?),
                })
            })
            .collect()
    }

    /// The image whose manifest has this digest.
    pub async fn image_by_digest(
        &self,
        scope: &Scope,
        digest: &str,
    ) -> Result<Option<(ImageKey, u64)>, StoreError> {
        let mut query = sql("SELECT image.uid, image.kind, image.name, image.layers,
                    environment.name AS environment
             FROM image JOIN environment ON environment.id = image.environment_id WHERE ");
        scope.constrain(&mut query, "image.environment_id");
        query
            .push(" AND image.digest = ")
            .push_bind(digest.to_owned())
            .push(" ORDER BY image.layers DESC, image.id LIMIT 1");
        let row = query.fetch_optional(&self.readers).await?;
        row.map(|row| Ok((key_of(&row)?, row.count("layers")?)))
            .transpose()
    }
}
