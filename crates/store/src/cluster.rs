//! Clusters as assets, before anything was found in them.

use jiff::Timestamp;
use model::AssetKind;

use crate::{
    Store, StoreError,
    asset::{self, Described},
    db::sql,
    environment,
    scan::mint,
};

impl Store {
    /// Notes that a cluster was seen; makes it an asset at first sight.
    /// What others have described of it stays.
    pub async fn put_cluster(
        &self,
        environment: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (environment, name) = (environment.to_owned(), name.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = environment::id(connection, &environment).await?;
                    let top =
                        asset::of_environment(connection, environment_id, &environment).await?;
                    let seen = sql(
                        "UPDATE asset SET last_seen = CASE WHEN last_seen > ? THEN last_seen
                             ELSE ? END
                         WHERE environment_id = ? AND kind = ? AND parent_id = ? AND identity = ?
                         RETURNING id",
                    )
                    .bind(now)
                    .bind(now)
                    .bind(environment_id)
                    .bind(AssetKind::Cluster.as_str())
                    .bind(top)
                    .bind(&name)
                    .fetch_optional(&mut *connection)
                    .await?;
                    if seen.is_some() {
                        return Ok(());
                    }
                    let kind = AssetKind::Cluster;
                    let mut cluster = Described::new(environment_id, top, kind, &name, &name);
                    cluster.place = cluster.place.with(kind, &name);
                    asset::put(connection, &cluster, &mint(), now).await?;
                    Ok(())
                })
            })
            .await
    }
}
