//! Open findings by where their assets are: cluster and namespace.

use std::collections::BTreeMap;

use crate::{
    StoreError,
    asset::{Described, Placed},
    db::{Connection, Row, insert, sql},
};

/// An environment, and the cluster and namespace in it; empty: in none.
pub(super) type Place = (i64, String, String);

/// Changes of open findings by place.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<Place, i64>);

impl Places {
    pub(super) fn change(
        &mut self,
        environment: i64,
        cluster: Option<String>,
        namespace: Option<String>,
        by: i64,
    ) {
        if cluster.is_some() || namespace.is_some() {
            let place = (
                environment,
                cluster.unwrap_or_default(),
                namespace.unwrap_or_default(),
            );
            *self.0.entry(place).or_default() += by;
        }
    }

    pub(super) async fn apply(self, connection: &mut Connection) -> Result<(), StoreError> {
        let changed = self.0.into_iter().filter(|(_, by)| *by != 0);
        insert("INSERT INTO place_count (environment_id, cluster, namespace, findings) ")
            .ending(
                " ON CONFLICT (environment_id, cluster, namespace)
                  DO UPDATE SET findings = place_count.findings + excluded.findings",
            )
            .rows(connection, changed, |row, (place, by)| {
                let (environment, cluster, namespace) = place;
                row.push_bind(environment)
                    .push_bind(cluster)
                    .push_bind(namespace)
                    .push_bind(by);
            })
            .await?;
        Ok(())
    }
}

/// An asset is about to be described anew: if that moves it, its open
/// findings count elsewhere.
pub(crate) async fn moved(
    connection: &mut Connection,
    asset: &Described,
) -> Result<(), StoreError> {
    let known = sql(
        "SELECT cluster, namespace, own_critical + own_high + own_medium + own_low + own_info
             + own_unknown AS findings
         FROM asset WHERE environment_id = ? AND kind = ? AND parent_id = ? AND identity = ?",
    )
    .bind(asset.environment_id)
    .bind(asset.kind.as_str())
    .bind(asset.parent_id)
    .bind(&asset.identity)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = known else { return Ok(()) };
    let findings = row.int("findings")?;
    let (cluster, namespace) = (row.maybe_text("cluster")?, row.maybe_text("namespace")?);
    let Placed {
        cluster: new_cluster,
        namespace: new_namespace,
        ..
    } = asset.place.clone();
    if findings == 0 || (&cluster, &namespace) == (&new_cluster, &new_namespace) {
        return Ok(());
    }
    let mut places = Places::default();
    places.change(asset.environment_id, cluster, namespace, -findings);
    places.change(asset.environment_id, new_cluster, new_namespace, findings);
    places.apply(connection).await
}

/// What the table says, and what findings say, place by place.
pub(super) async fn both(
    connection: &mut Connection,
) -> Result<[BTreeMap<Place, i64>; 2], StoreError> {
    let kept = sql(
        "SELECT environment_id, cluster, namespace, findings FROM place_count
         WHERE findings <> 0",
    )
    .fetch_all(&mut *connection)
    .await?;
    let counted = sql(
        "SELECT asset.environment_id, COALESCE(asset.cluster, '') AS cluster,
             COALESCE(asset.namespace, '') AS namespace, COUNT(*) AS findings
         FROM finding JOIN asset ON asset.id = finding.asset_id
         WHERE finding.state = 0 AND finding.suppressed = 0
             AND (asset.cluster IS NOT NULL OR asset.namespace IS NOT NULL)
         GROUP BY asset.environment_id, COALESCE(asset.cluster, ''),
             COALESCE(asset.namespace, '')",
    )
    .fetch_all(connection)
    .await?;
    Ok([read(&kept)?, read(&counted)?])
}

fn read(rows: &[Row]) -> Result<BTreeMap<Place, i64>, StoreError> {
    rows.iter()
        .map(|row| {
            let place = (
                row.int("environment_id")?,
                row.text("cluster")?,
                row.text("namespace")?,
            );
            Ok((place, row.int("findings")?))
        })
        .collect()
}
