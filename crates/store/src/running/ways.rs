//! What tells who reaches the containers of an image: services and
//! ingresses of clusters beside the labels of pods, published ports of
//! hosts.

use std::collections::{BTreeMap, HashMap};

use crate::{ObjectName, ObjectText, Store, StoreError, connector::unpacked, db::sql};

/// Containers of one image and one set of labels, and where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterWays {
    pub cluster: String,
    /// Services and ingresses.
    pub objects: Vec<ObjectText>,
    /// Workloads, and pods of their own, by namespace and name, as far as
    /// their texts are kept.
    pub bodies: HashMap<(String, String), String>,
    pub pods: Vec<PodWays>,
}

/// A pod and the images its containers run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodWays {
    pub namespace: String,
    pub name: String,
    /// What made it.
    pub owner: Option<String>,
    /// JSON, as it was sent.
    pub told: String,
    pub images: Vec<i64>,
    /// Ids of its containers whose images are not known.
    pub unknown: Vec<String>,
}

/// A container of a host, by how its engine told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostWays {
    pub image: i64,
    pub host: String,
    pub container: String,
    pub facts: BTreeMap<String, String>,
}

impl Store {
    /// What leads to the containers of each cluster with a connector.
    pub async fn cluster_ways(&self) -> Result<Vec<ClusterWays>, StoreError> {
        let connectors = sql("SELECT id, environment_id, cluster FROM connector ORDER BY id")
            .fetch_all(&self.readers)
            .await?;
        let mut all = Vec::with_capacity(connectors.len());
        for connector in &connectors {
            let id = connector.int("id")?;
            let mut ways = ClusterWays {
                cluster: connector.text("cluster")?,
                ..ClusterWays::default()
            };
            let rows = sql(
                "SELECT kind, api_group, namespace, name, body FROM cluster_object
                 WHERE connector_id = ? AND body IS NOT NULL AND kind IN ('Service', 'Ingress',
                     'Deployment', 'DaemonSet', 'StatefulSet', 'ReplicaSet', 'Job', 'CronJob',
                     'Pod') ORDER BY namespace, kind, name",
            )
            .bind(id)
            .fetch_all(&self.readers)
            .await?;
            for row in &rows {
                let Some(body) = unpacked(&row.blob("body")?) else {
                    continue;
                };
                let name = ObjectName {
                    group: row.text("api_group")?,
                    kind: row.text("kind")?,
                    namespace: row.text("namespace")?,
                    name: row.text("name")?,
                };
                if matches!(name.kind.as_str(), "Service" | "Ingress") {
                    ways.objects.push(ObjectText { name, body });
                } else if is_of_host(&body) {
                    ways.bodies.insert((name.namespace, name.name), body);
                }
            }
            let rows = sql(
                "SELECT cluster_object.id, cluster_object.namespace, cluster_object.name,
                     cluster_object.owner_name, cluster_object.pod, asset.image_id, asset.uid
                 FROM cluster_object JOIN asset ON asset.parent_id = cluster_object.asset_id
                     AND asset.kind = 'container' AND asset.gone IS NULL
                 WHERE cluster_object.connector_id = ? AND cluster_object.kind = 'Pod'
                   AND cluster_object.api_group = '' ORDER BY cluster_object.id",
            )
            .bind(id)
            .fetch_all(&self.readers)
            .await?;
            let mut last = None;
            for row in &rows {
                let id = row.int("id")?;
                if last != Some(id) {
                    last = Some(id);
                    ways.pods.push(PodWays {
                        namespace: row.text("namespace")?,
                        name: row.text("name")?,
                        owner: row.maybe_text("owner_name")?,
                        told: row.maybe_text("pod")?.unwrap_or_default(),
                        ..PodWays::default()
                    });
                }
                let pod = ways.pods.last_mut().expect("invariant: one was added");
                match row.maybe_int("image_id")? {
                    Some(image) => pod.images.push(image),
                    None => pod.unknown.push(row.text("uid")?),
                }
            }
            all.push(ways);
        }
        Ok(all)
    }

    /// Containers directly on hosts, and what their engines tell of ways
    /// to them.
    pub async fn host_ways(&self) -> Result<Vec<HostWays>, StoreError> {
        let rows = sql(
            "SELECT asset.image_id, asset.name, asset.facts, parent.name AS host
             FROM asset JOIN asset AS parent ON parent.id = asset.parent_id
                 AND parent.kind = 'host'
             WHERE asset.kind = 'container' AND asset.gone IS NULL
               AND asset.started IS NOT NULL AND asset.image_id IS NOT NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(HostWays {
                    image: row.int("image_id")?,
                    host: row.text("host")?,
                    container: row.text("name")?,
                    facts: row.json("facts")?,
                })
            })
            .collect()
    }
}

/// Whether a text may say something of the node's own ports.
fn is_of_host(body: &str) -> bool {
    body.contains("\"hostNetwork\"") || body.contains("\"hostPort\"")
}
