//! Packages: of one image, and across images.

use std::collections::HashMap;

use model::{PackageKind, in_use::Known};

use crate::{
    Counts, Page, PageRequest, Scope, Store, StoreError,
    db::{Sql, sql},
    in_use,
    page::{Key, Order, Total},
    row::like,
};

/// One package installed in one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPackage {
    pub ordinal: i64,
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    pub ecosystem: Option<String>,
    pub source: Option<String>,
    pub architecture: Option<String>,
    pub licenses: Vec<String>,
    pub path: String,
    pub layer: Option<u32>,
    pub owned_by: Option<String>,
    pub counts: Counts,
    pub in_use: Known,
}

/// One name and version, wherever it is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageUse {
    pub kind: PackageKind,
    pub name: String,
    pub version: String,
    pub purl: String,
    pub images: u64,
}

/// Which of an image's packages.
#[derive(Clone, Debug, Default)]
pub struct PackageFilter {
    pub text: Option<String>,
    pub kinds: Vec<PackageKind>,
    pub layer: Option<u32>,
}

/// The bill of materials is kept in its order, so its ordinal is the key.
const LISTED: Order = Order {
    name: "listed",
    expression: "image_package.ordinal",
    id: "image_package.ordinal",
    descending: false,
};

pub(crate) fn kind(text: &str) -> PackageKind {
    PackageKind::from_purl_type(text).unwrap_or(PackageKind::Generic)
}

/// `column IN (kinds)` where any are given.
pub(crate) fn constrain_kinds(query: &mut Sql, column: &str, kinds: &[PackageKind]) {
    if kinds.is_empty() {
        return;
    }
    query
        .push(" AND ")
        .push(column)
        .push(" IN ")
        .push_list(kinds.iter().map(|kind| kind.as_str()));
}

impl Store {
    /// An image's packages, by kind, name, version and path.
    pub async fn image_packages(
        &self,
        scope: &Scope,
        image: &str,
        filter: &PackageFilter,
        request: &PageRequest,
    ) -> Result<Page<InstalledPackage>, StoreError> {
        let narrow = |query: &mut Sql| {
            query
                .push(
                    " FROM image_package
                     JOIN image ON image.id = image_package.image_id
                     JOIN package ON package.id = image_package.package_id
                     LEFT JOIN image_use ON image_use.image_id = image.id
                     LEFT JOIN package_in_use ON package_in_use.image_id = image.id
                         AND package_in_use.package_id = image_package.package_id
                     WHERE image.uid = ",
                )
                .push_bind(image.to_owned())
                .push(" AND ");
            scope.constrain(query, "image.environment_id");
            if let Some(text) = &filter.text {
                query
                    .push(" AND LOWER(package.name) LIKE ")
                    .push_bind(like(text))
                    .push(" ESCAPE '\\'");
            }
            constrain_kinds(query, "package.kind", &filter.kinds);
            if let Some(layer) = filter.layer {
                query
                    .push(" AND image_package.layer = ")
                    .push_bind(i64::from(layer));
            }
        };
        let mut query = sql(
            "SELECT image_package.ordinal, image_package.path, image_package.layer,
                    image_package.owned_by, image.id AS image_number, image_use.running,
                    image_use.watched, package_in_use.image_id AS noted, package_in_use.unseeable,
                    package_in_use.seen, package_in_use.path AS used_path, package.*",
        );
        narrow(&mut query);
        LISTED.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let found = match rows.first() {
            Some(row) => self.counts_by_package(row.int("image_number")?).await?,
            None => HashMap::new(),
        };
        let items = rows
            .iter()
            .map(|row| {
                let path = row.text("path")?;
                let place = (row.int("id")?, path.clone());
                Ok(InstalledPackage {
                    ordinal: row.int("ordinal")?,
                    kind: kind(&row.text("kind")?),
                    name: row.text("name")?,
                    version: row.text("version")?,
                    purl: row.text("purl")?,
                    ecosystem: row.maybe_text("ecosystem")?,
                    source: row.maybe_text("source")?,
                    architecture: row.maybe_text("architecture")?,
                    licenses: row.json("licenses")?,
                    layer: row
                        .maybe_int("layer")?
                        .and_then(|layer| layer.try_into().ok()),
                    owned_by: row.maybe_text("owned_by")?,
                    counts: found.get(&place).copied().unwrap_or_default(),
                    in_use: in_use::known(row, "used_path")?,
                    path,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1");
        narrow(&mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(LISTED.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |package| (Key::Int(package.ordinal), package.ordinal),
        ))
    }

    /// Open findings of an image by package and path: one walk over the
    /// image's findings instead of one look-up for each row shown.
    async fn counts_by_package(
        &self,
        image: i64,
    ) -> Result<HashMap<(i64, String), Counts>, StoreError> {
        let rows = sql(
            "SELECT package_id, path, severity, COUNT(*) AS findings FROM finding
             WHERE asset_id = (SELECT id FROM asset WHERE image_id = ? AND kind = 'image')
               AND kind = 0 AND state = 0 AND suppressed = 0
             GROUP BY package_id, path, severity",
        )
        .bind(image)
        .fetch_all(&self.readers)
        .await?;
        let mut counts = HashMap::new();
        for row in &rows {
            let place = (row.int("package_id")?, row.text("path")?);
            let counts: &mut Counts = counts.entry(place).or_default();
            *counts.of(crate::counts::severity_of(row.int("severity")?)) +=
                row.count("findings")?;
        }
        Ok(counts)
    }

    /// Packages whose name begins with or contains `text`, and how many
    /// images hold each.
    pub async fn find_packages(
        &self,
        scope: &Scope,
        text: &str,
        limit: u32,
    ) -> Result<Vec<PackageUse>, StoreError> {
        let mut query = sql(
            "SELECT package.kind, package.name, package.version, MIN(package.purl) AS purl,
                    COUNT(DISTINCT image_package.image_id) AS images
             FROM package
             JOIN image_package ON image_package.package_id = package.id
             JOIN image ON image.id = image_package.image_id
             WHERE LOWER(package.name) LIKE ",
        );
        query.push_bind(like(text)).push(" ESCAPE '\\' AND ");
        scope.constrain(&mut query, "image.environment_id");
        query
            .push(
                " GROUP BY package.kind, package.name, package.version
                 ORDER BY LENGTH(package.name), package.name, package.version LIMIT ",
            )
            .push_bind(i64::from(limit));
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(PackageUse {
                    kind: kind(&row.text("kind")?),
                    name: row.text("name")?,
                    version: row.text("version")?,
                    purl: row.text("purl")?,
                    images: row.count("images")?,
                })
            })
            .collect()
    }
}
