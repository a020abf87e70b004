//! Sensors on nodes: how each is, what each sent and lost, and what they
//! are to do.

mod intake;
mod policy;

use jiff::Timestamp;

pub use self::{
    intake::{SensorGap, SensorItems, TakenItems},
    policy::{SensorPolicy, StalePolicy},
};
use crate::{
    Author, Scope, Store, StoreError,
    audit::{self, Note},
    db::{Row, insert, sql},
    environment,
};

/// A sensor as it last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorRecord {
    pub environment: String,
    pub node: String,
    /// JSON, as it was sent.
    pub status: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
}

impl SensorRecord {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            environment: row.text("environment")?,
            node: row.text("node")?,
            status: row.text("status")?,
            first_seen: row.time("first_seen")?,
            last_seen: row.time("last_seen")?,
        })
    }
}

impl Store {
    /// Keeps how sensors are; the latest of each counts. One whose
    /// environment is gone is left out.
    pub async fn put_sensors(&self, sensors: Vec<SensorRecord>) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut rows = Vec::with_capacity(sensors.len());
                    for sensor in sensors {
                        match environment::id(connection, &sensor.environment).await {
                            Ok(id) => rows.push((id, sensor)),
                            Err(StoreError::NoEnvironment(_)) => {}
                            Err(error) => return Err(error),
                        }
                    }
                    insert(
                        "INSERT INTO sensor (environment_id, node, status, first_seen, last_seen) ",
                    )
                    .ending(
                        " ON CONFLICT (environment_id, node) DO UPDATE SET
                             status = excluded.status, last_seen = excluded.last_seen
                         WHERE excluded.last_seen >= sensor.last_seen",
                    )
                    .rows(connection, &rows, |row, (id, sensor)| {
                        row.push_bind(*id)
                            .push_bind(sensor.node.as_str())
                            .push_bind(sensor.status.as_str())
                            .push_bind(sensor.first_seen)
                            .push_bind(sensor.last_seen);
                    })
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Every sensor in scope, by environment and node.
    pub async fn sensors(&self, scope: &Scope) -> Result<Vec<SensorRecord>, StoreError> {
        let mut query = sql("SELECT environment.name AS environment, sensor.node,
                 sensor.status, sensor.first_seen, sensor.last_seen
             FROM sensor JOIN environment ON environment.id = sensor.environment_id
             WHERE ");
        scope.constrain(&mut query, "sensor.environment_id");
        query.push(" ORDER BY environment.name, sensor.node");
        let rows = query.fetch_all(&self.readers).await?;
        rows.iter().map(SensorRecord::read).collect()
    }

    /// Forgets a sensor whose node is gone for good, and what it lost.
    /// `false`: there was none.
    pub async fn forget_sensor(
        &self,
        author: Author,
        environment: &str,
        node: &str,
    ) -> Result<bool, StoreError> {
        let (environment, node) = (environment.to_owned(), node.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = environment::id(connection, &environment).await?;
                    let gone = sql("DELETE FROM sensor WHERE environment_id = ? AND node = ?")
                        .bind(id)
                        .bind(&node)
                        .execute(&mut *connection)
                        .await?;
                    if gone == 0 {
                        return Ok(false);
                    }
                    sql("DELETE FROM sensor_gap WHERE environment_id = ? AND node = ?")
                        .bind(id)
                        .bind(&node)
                        .execute(&mut *connection)
                        .await?;
                    let entry = Note::of("sensor.forget", "sensor", &node).within(&environment);
                    audit::note(connection, &author, entry).await?;
                    Ok(true)
                })
            })
            .await
    }
}
