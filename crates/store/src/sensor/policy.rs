//! What an environment's sensors are to do.

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Author, Store, StoreError,
    audit::{self, Note},
    db::{Connection, sql},
    environment,
    row::json,
};

/// What sensors are to do, and who said so.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorPolicy {
    /// Grows with every change.
    pub revision: u64,
    pub policy: Value,
    pub changed: Timestamp,
    pub changed_by: String,
}

/// Somebody else changed it meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StalePolicy {
    /// The revision there is.
    pub revision: u64,
}

impl Store {
    /// `None`: nobody ever said.
    pub async fn sensor_policy(
        &self,
        environment: &str,
    ) -> Result<Option<SensorPolicy>, StoreError> {
        let row = sql("SELECT sensor_policy.* FROM sensor_policy
             JOIN environment ON environment.id = sensor_policy.environment_id
             WHERE environment.name = ?")
        .bind(environment)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| {
            Ok(SensorPolicy {
                revision: row.count("revision")?,
                policy: row.json("policy")?,
                changed: row.time("changed")?,
                changed_by: row.text("changed_by")?,
            })
        })
        .transpose()
    }

    /// Changes it, if `revision` is still the one there is; 0: nobody
    /// ever said. The new revision.
    pub async fn put_sensor_policy(
        &self,
        author: Author,
        environment: &str,
        revision: u64,
        policy: Value,
    ) -> Result<Result<u64, StalePolicy>, StoreError> {
        let environment = environment.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(
                    async move { put(connection, &author, &environment, revision, policy).await },
                )
            })
            .await
    }
}

async fn put(
    connection: &mut Connection,
    author: &Author,
    environment: &str,
    revision: u64,
    policy: Value,
) -> Result<Result<u64, StalePolicy>, StoreError> {
    let id = environment::id(connection, environment).await?;
    let known = sql("SELECT revision, policy FROM sensor_policy WHERE environment_id = ?")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
    let (there, before) = match known {
        Some(row) => (row.count("revision")?, row.json("policy")?),
        None => (0, Value::Null),
    };
    if there != revision {
        return Ok(Err(StalePolicy { revision: there }));
    }
    if before == policy {
        return Ok(Ok(there));
    }
    let next = there + 1;
    sql(
        "INSERT INTO sensor_policy (environment_id, revision, policy, changed, changed_by)
         VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (environment_id) DO UPDATE SET revision = excluded.revision,
             policy = excluded.policy, changed = excluded.changed,
             changed_by = excluded.changed_by",
    )
    .bind(id)
    .bind(i64::try_from(next).unwrap_or(i64::MAX))
    .bind(json(&policy))
    .bind(author.time)
    .bind(&author.name)
    .execute(&mut *connection)
    .await?;
    let entry = Note::of("drift.change", "drift policy", environment)
        .within(environment)
        .changed(&before, &policy);
    audit::note(connection, author, entry).await?;
    Ok(Ok(next))
}
