//! What is in clusters, to try policies on.

use crate::{Scope, Store, StoreError, connector::unpacked, db::sql};

impl Store {
    /// Objects of the scope's clusters, or of one of them, as connectors
    /// last told of them: the cluster's name, and the object as JSON.
    /// Pods that something made are left out: what made them is there.
    pub async fn object_texts(
        &self,
        scope: &Scope,
        cluster: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let mut query = sql(
            "SELECT connector.cluster, cluster_object.body FROM cluster_object
             JOIN connector ON connector.id = cluster_object.connector_id
             WHERE cluster_object.body IS NOT NULL
               AND NOT (cluster_object.kind = 'Pod' AND cluster_object.owner_kind IS NOT NULL)
               AND ",
        );
        scope.constrain(&mut query, "connector.environment_id");
        if let Some(cluster) = cluster {
            query.push(" AND connector.cluster = ").push_bind(cluster);
        }
        query
            .push(" ORDER BY connector.cluster, cluster_object.id LIMIT ")
            .push_bind(i64::try_from(most).unwrap_or(i64::MAX));
        let mut texts = Vec::new();
        for row in &query.fetch_all(&self.readers).await? {
            let text = row.maybe_blob("body")?.as_deref().and_then(unpacked);
            if let Some(text) = text {
                texts.push((row.text("cluster")?, text));
            }
        }
        Ok(texts)
    }
}
