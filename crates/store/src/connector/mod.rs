//! Clusters as their connectors see them: every object of interest, what
//! policies say of it, and how the connector is.

mod detail;
mod intake;
mod list;
mod pod;
mod standing;

use jiff::Timestamp;

pub(crate) use self::detail::unpacked;
pub use self::{
    detail::{ObjectText, PodRow, RunImage, WorkloadRow},
    intake::{ClusterBatch, NewNode, NewObject, NewPod, PodContainer, TakenBatch},
    list::{ClusterTotals, ConnectorRecord, ObjectFilter, ObjectRow},
    standing::PolicyCount,
};
use crate::{
    AssetStep, Store, StoreError,
    asset::{self, Described, Placed},
    db::{Connection, sql},
    environment,
    scan::mint,
};

/// What names an object within its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// Empty for the core group.
    pub group: String,
    pub kind: String,
    /// Empty for what is in no namespace.
    pub namespace: String,
    pub name: String,
}

impl ObjectName {
    /// As findings of it name it: `Deployment.apps/web`. Where it is is
    /// said by their asset.
    pub fn path(&self) -> String {
        match self.group.as_str() {
            "" => format!("{}/{}", self.kind, self.name),
            group => format!("{}.{group}/{}", self.kind, self.name),
        }
    }
}

impl Store {
    /// Keeps how a connector is; makes the cluster at first sight.
    pub async fn put_connector(
        &self,
        environment: &str,
        cluster: &str,
        status: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (environment, cluster) = (environment.to_owned(), cluster.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment_id = environment::id(connection, &environment).await?;
                    let known = known(connection, environment_id, &cluster, now).await?;
                    sql("UPDATE connector SET status = ?, last_seen = ? WHERE id = ?")
                        .bind(status)
                        .bind(now)
                        .bind(known.id)
                        .execute(&mut *connection)
                        .await?;
                    put_cluster(connection, environment_id, &environment, &cluster, now).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// A connector's row.
struct Known {
    id: i64,
    session: String,
    number: i64,
    picture: i64,
}

/// The connector's row, made where there is none.
async fn known(
    connection: &mut Connection,
    environment_id: i64,
    cluster: &str,
    now: Timestamp,
) -> Result<Known, StoreError> {
    sql(
        "INSERT INTO connector (environment_id, cluster, status, session, number, picture,
             first_seen, last_seen)
         VALUES (?, ?, '{}', '', 0, 0, ?, ?)
         ON CONFLICT (environment_id, cluster) DO NOTHING",
    )
    .bind(environment_id)
    .bind(cluster)
    .bind(now)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    let row = sql("SELECT id, session, number, picture FROM connector
         WHERE environment_id = ? AND cluster = ?")
    .bind(environment_id)
    .bind(cluster)
    .fetch_one(&mut *connection)
    .await?;
    Ok(Known {
        id: row.int("id")?,
        session: row.text("session")?,
        number: row.int("number")?,
        picture: row.int("picture")?,
    })
}

/// The cluster's asset, seen at `now`.
async fn put_cluster(
    connection: &mut Connection,
    environment_id: i64,
    environment: &str,
    cluster: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let step = AssetStep {
        kind: model::AssetKind::Cluster,
        identity: cluster.to_owned(),
        name: cluster.to_owned(),
    };
    let path = [step];
    let mut paths = std::collections::BTreeMap::from([(path.as_slice(), None)]);
    asset::find_paths(
        connection,
        (environment_id, environment),
        &mut paths,
        now,
        false,
    )
    .await
}

/// A container, or a node: an asset with facts of its own.
async fn describe(
    connection: &mut Connection,
    described: &Described,
    now: Timestamp,
) -> Result<i64, StoreError> {
    asset::put(connection, described, &mint(), now).await
}

fn placed(path: &[AssetStep]) -> Placed {
    path.iter().fold(Placed::default(), |place, step| {
        place.with(step.kind, &step.name)
    })
}
