//! Upgrades, and what each would close.

use model::PackageKind;

use crate::{Counts, Scope, Store, StoreError, counts::COUNT_COLUMNS, db::sql};

/// One upgrade within one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFix {
    pub kind: PackageKind,
    pub package: String,
    pub installed: Vec<String>,
    /// Upgrading to this closes all of `closes`.
    pub version: String,
    /// The layer to change; `None` where there are none or several.
    pub layer: Option<u32>,
    pub closes: Counts,
}

/// One upgrade across images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopFix {
    pub fix: PackageFix,
    pub images: u64,
}

impl Store {
    /// The upgrades that close the most, worst findings first; within
    /// one image or everywhere.
    pub async fn top_fixes(
        &self,
        scope: &Scope,
        image: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TopFix>, StoreError> {
        let sums = COUNT_COLUMNS
            .split(", ")
            .map(|column| format!("SUM(fix.{column}) AS {column}"))
            .collect::<Vec<_>>()
            .join(", ");
        let mut query = sql(
            "SELECT fix.kind, fix.package, fix.version, COUNT(*) AS images,
                    MIN(fix.installed) AS installed, MAX(fix.installed) AS also_installed,
                    MIN(fix.layer) AS layer, ",
        );
        query.push(sums).push(" FROM fix");
        if let Some(image) = image {
            query
                .push(" JOIN image ON image.id = fix.image_id AND image.uid = ")
                .push_bind(image.to_owned());
        }
        query.push(" WHERE ");
        scope.constrain(&mut query, "fix.environment_id");
        query
            .push(
                " GROUP BY fix.kind, fix.package, fix.version
                 ORDER BY SUM(fix.critical) DESC, SUM(fix.high) DESC, SUM(fix.medium) DESC,
                     SUM(fix.low) DESC, fix.package LIMIT ",
            )
            .push_bind(i64::from(limit));
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                let mut installed: Vec<String> = row.json("installed")?;
                installed.extend(row.json::<Vec<String>>("also_installed")?);
                installed.sort();
                installed.dedup();
                Ok(TopFix {
                    fix: PackageFix {
                        kind: crate::package::kind(&row.text("kind")?),
                        package: row.text("package")?,
                        installed,
                        version: row.text("version")?,
                        layer: image
                            .and(row.maybe_int("layer")?)
                            .and_then(|layer| layer.try_into().ok()),
                        closes: Counts::read(row)?,
                    },
                    images: row.count("images")?,
                })
            })
            .collect()
    }
}
