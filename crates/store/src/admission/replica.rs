//! Replicas of admission, as they last told how they are.

use jiff::{SignedDuration, Timestamp};

use super::intake::forget_replicas;
use crate::{
    Scope, Store, StoreError,
    db::{Row, sql},
    environment,
};

/// A replica not heard of for so long was replaced by another.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);

/// One replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdmissionReplica {
    pub environment: String,
    pub cluster: String,
    pub replica: String,
    /// JSON, as it was sent.
    pub status: String,
    pub last_seen: Timestamp,
}

fn read(row: &Row) -> Result<AdmissionReplica, StoreError> {
    Ok(AdmissionReplica {
        environment: row.text("environment")?,
        cluster: row.text("cluster")?,
        replica: row.text("replica")?,
        status: row.text("status")?,
        last_seen: row.time("last_seen")?,
    })
}

impl Store {
    /// Keeps how a replica is.
    pub async fn put_admission_replica(&self, told: AdmissionReplica) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = environment::id(connection, &told.environment).await?;
                    sql(
                        "INSERT INTO admission_replica (environment_id, cluster, replica, status,
                             last_seen)
                         VALUES (?, ?, ?, ?, ?)
                         ON CONFLICT (environment_id, cluster, replica) DO UPDATE SET
                             status = excluded.status, last_seen = excluded.last_seen",
                    )
                    .bind(id)
                    .bind(&told.cluster)
                    .bind(&told.replica)
                    .bind(&told.status)
                    .bind(told.last_seen)
                    .execute(&mut *connection)
                    .await?;
                    forget_replicas(connection, told.last_seen - FORGOTTEN).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Every replica in scope, by place and name.
    pub async fn admission_replicas(
        &self,
        scope: &Scope,
    ) -> Result<Vec<AdmissionReplica>, StoreError> {
        let mut query = sql(
            "SELECT admission_replica.*, environment.name AS environment FROM admission_replica
             JOIN environment ON environment.id = admission_replica.environment_id WHERE ",
        );
        scope.constrain(&mut query, "admission_replica.environment_id");
        query.push(
            " ORDER BY environment.name, admission_replica.cluster, admission_replica.replica",
        );
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }
}
