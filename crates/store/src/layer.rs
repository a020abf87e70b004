//! An image's layers, each with what it brought.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Counts, Scope, Store, StoreError, counts::severity_of, db::sql};

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub index: u32,
    pub diff_id: String,
    pub digest: Option<String>,
    pub size_bytes: Option<u64>,
    pub created_by: Option<String>,
    pub created: Option<Timestamp>,
    /// Other images in scope that share it.
    pub shared_with: u64,
    pub totals: LayerTotals,
}

/// What one layer brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerTotals {
    pub packages: u64,
    pub counts: Counts,
    pub fixable: u64,
}

impl Store {
    /// An image's layers, lowest first, and what belongs to none.
    pub async fn layers(
        &self,
        scope: &Scope,
        image: &str,
    ) -> Result<Option<(Vec<Layer>, LayerTotals)>, StoreError> {
        let mut query = sql("SELECT id FROM image WHERE uid = ");
        query.push_bind(image.to_owned()).push(" AND ");
        scope.constrain(&mut query, "environment_id");
        let number: Option<i64> = query.scalar().fetch_optional(&self.readers).await?;
        let Some(number) = number else {
            return Ok(None);
        };
        let mut totals = self.layer_totals(number).await?;
        let mut query = sql(
            "SELECT layer.*, (SELECT COUNT(DISTINCT other.image_id) FROM layer AS other
                 JOIN image ON image.id = other.image_id
                 WHERE other.diff_id = layer.diff_id AND other.image_id <> layer.image_id AND ",
        );
        scope.constrain(&mut query, "image.environment_id");
        query
            .push(") AS shared_with FROM layer WHERE layer.image_id = ")
            .push_bind(number)
            .push(" ORDER BY layer.ordinal");
        let layers = query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                let ordinal = row.int("ordinal")?;
                Ok(Layer {
                    index: ordinal.try_into().unwrap_or(0),
                    diff_id: row.text("diff_id")?,
                    digest: row.maybe_text("digest")?,
                    size_bytes: row
                        .maybe_int("size_bytes")?
                        .and_then(|size| size.try_into().ok()),
                    created_by: row.maybe_text("created_by")?,
                    created: row.maybe_time("created")?,
                    shared_with: row.count("shared_with")?,
                    totals: totals.remove(&Some(ordinal)).unwrap_or_default(),
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some((layers, totals.remove(&None).unwrap_or_default())))
    }

    async fn layer_totals(
        &self,
        image: i64,
    ) -> Result<BTreeMap<Option<i64>, LayerTotals>, StoreError> {
        let mut totals: BTreeMap<Option<i64>, LayerTotals> = BTreeMap::new();
        let packages = sql(
            "SELECT layer, COUNT(*) AS packages FROM image_package WHERE image_id = ?
             GROUP BY layer",
        )
        .bind(image)
        .fetch_all(&self.readers)
        .await?;
        for row in &packages {
            totals.entry(row.maybe_int("layer")?).or_default().packages = row.count("packages")?;
        }
        let findings = sql(
            "SELECT layer, severity, COUNT(*) AS findings, SUM(fixable) AS fixable FROM finding
             WHERE asset_id = (SELECT id FROM asset WHERE image_id = ? AND kind = 'image')
               AND kind = 0 AND state = 0 AND suppressed = 0
             GROUP BY layer, severity",
        )
        .bind(image)
        .fetch_all(&self.readers)
        .await?;
        for row in &findings {
            let entry = totals.entry(row.maybe_int("layer")?).or_default();
            *entry.counts.of(severity_of(row.int("severity")?)) += row.count("findings")?;
            entry.fixable += row.count("fixable")?;
        }
        Ok(totals)
    }
}
