//! What runs in a cluster: containers below pods, workloads and
//! namespaces.
//!
//! Every look replaces what ran before in that cluster. Whatever is no
//! longer there is marked gone, and goes with its findings' end.

use std::collections::HashMap;

use jiff::Timestamp;
use model::{AssetKind, RunningContainer};

use crate::{
    Store, StoreError,
    asset::{self, Described, Placed},
    container::{ContainerChanges, container_identity, facts, images},
    db::{Connection, sql},
    environment,
    scan::mint,
};

/// A container and where in its cluster it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedContainer {
    pub namespace: String,
    /// What keeps the pod running: a deployment, a daemon set.
    pub workload: Option<String>,
    pub pod: String,
    pub container: RunningContainer,
}

impl Store {
    /// Replaces what is known to run in `cluster`.
    pub async fn put_workloads(
        &self,
        environment: &str,
        cluster: &str,
        running: Vec<PlacedContainer>,
        now: Timestamp,
    ) -> Result<ContainerChanges, StoreError> {
        let (environment, cluster) = (environment.to_owned(), cluster.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(
                    async move { put(connection, &environment, &cluster, &running, now).await },
                )
            })
            .await
    }
}

/// Assets of this look, by parent, kind and identity.
struct Tree {
    environment_id: i64,
    now: Timestamp,
    met: HashMap<(i64, AssetKind, String), i64>,
}

impl Tree {
    /// An asset named by its name alone, below `parent`.
    async fn step(
        &mut self,
        connection: &mut Connection,
        parent: i64,
        kind: AssetKind,
        name: &str,
        place: &mut Placed,
    ) -> Result<i64, StoreError> {
        *place = std::mem::take(place).with(kind, name);
        let key = (parent, kind, name.to_owned());
        if let Some(id) = self.met.get(&key) {
            return Ok(*id);
        }
        let described = Described {
            place: place.clone(),
            ..Described::new(self.environment_id, parent, kind, name, name)
        };
        let id = asset::put(connection, &described, &mint(), self.now).await?;
        self.met.insert(key, id);
        Ok(id)
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    cluster: &str,
    running: &[PlacedContainer],
    now: Timestamp,
) -> Result<ContainerChanges, StoreError> {
    let environment_id = environment::id(connection, environment).await?;
    let top = asset::of_environment(connection, environment_id, environment).await?;
    let mut tree = Tree {
        environment_id,
        now,
        met: HashMap::new(),
    };
    let mut at_cluster = Placed::default();
    let cluster_id = tree
        .step(
            connection,
            top,
            AssetKind::Cluster,
            cluster,
            &mut at_cluster,
        )
        .await?;
    let containers: Vec<RunningContainer> = running
        .iter()
        .map(|placed| placed.container.clone())
        .collect();
    let images = images(connection, environment_id, &containers).await?;
    // All that this cluster is known to hold, and whether it is gone.
    let mut known: HashMap<i64, bool> = HashMap::new();
    let rows = sql(
        "SELECT id, gone FROM asset WHERE environment_id = ? AND cluster = ?
           AND kind IN ('namespace', 'workload', 'pod', 'container')
           AND (kind <> 'container' OR started IS NOT NULL)",
    )
    .bind(environment_id)
    .bind(cluster)
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        known.insert(row.int("id")?, row.maybe_int("gone")?.is_some());
    }
    let mut changes = ContainerChanges::default();
    for placed in running {
        let mut place = at_cluster.clone();
        let mut parent = cluster_id;
        let steps = [
            (AssetKind::Namespace, Some(&placed.namespace)),
            (AssetKind::Workload, placed.workload.as_ref()),
            (AssetKind::Pod, Some(&placed.pod)),
        ];
        for (kind, name) in steps {
            let Some(name) = name else { continue };
            parent = tree
                .step(connection, parent, kind, name, &mut place)
                .await?;
            known.remove(&parent);
        }
        let container = &placed.container;
        let described = Described {
            place,
            labels: container.labels.clone(),
            facts: facts(container),
            image_id: container
                .image_digests
                .iter()
                .find_map(|digest| images.get(&digest.to_string()).copied()),
            started: container.started.or(Some(now)),
            ..Described::new(
                environment_id,
                parent,
                AssetKind::Container,
                &container_identity(&container.id, container.namespace.as_deref()),
                &container.name,
            )
        };
        let id = asset::put(connection, &described, &mint(), now).await?;
        if known.remove(&id) != Some(false) {
            changes.started += 1;
        }
    }
    for (id, _) in known.into_iter().filter(|(_, is_gone)| !is_gone) {
        sql("UPDATE asset SET gone = ? WHERE id = ?")
            .bind(now)
            .bind(id)
            .execute(&mut *connection)
            .await?;
        changes.ended += 1;
    }
    Ok(changes)
}
