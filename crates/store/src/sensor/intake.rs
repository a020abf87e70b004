//! What sensors send, taken once.
//!
//! A sensor numbers its items within a run and sends each sort of them in
//! order, so that how far a run got says which are known: written in the
//! same transaction as what came of them.

use jiff::{SignedDuration, Timestamp};
use model::Alert;

use crate::{
    Scope, Store, StoreError, TakenAlerts, alert,
    db::{Connection, insert, sql},
    environment,
};

/// How long it is remembered how far a run got: longer than a node's
/// spool can lie in a drawer.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Gaps kept of one sensor.
const KEPT: u64 = 200;

/// Items of one run of a sensor, each sort ascending by number.
#[derive(Clone, Debug, Default)]
pub struct SensorItems {
    pub node: String,
    pub boot: String,
    pub run: String,
    /// The last numbers there are of each sort, kept or not: what is up
    /// to here is dealt with.
    pub last_alert: u64,
    pub last_gap: u64,
    pub alerts: Vec<(u64, Alert)>,
    pub gaps: Vec<(u64, SensorGap)>,
}

/// Something a sensor lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensorGap {
    pub stage: String,
    pub class: String,
    pub reason: String,
    pub count: u64,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What became of items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenItems {
    pub alerts: TakenAlerts,
    /// Gaps that were not known.
    pub gaps: u64,
    /// Alerts and gaps delivered before.
    pub repeated: u64,
}

impl Store {
    /// Keeps what a sensor sent; answered once it is durable.
    pub async fn put_sensor_items(
        &self,
        environment: &str,
        items: SensorItems,
        now: Timestamp,
    ) -> Result<TakenItems, StoreError> {
        let environment = environment.to_owned();
        let taken = self
            .writer
            .write(move |connection| {
                Box::pin(async move { put(connection, &environment, items, now).await })
            })
            .await?;
        self.grew(taken.alerts.opened).await;
        Ok(taken)
    }

    /// What a sensor lost, with when it was heard of, the latest first.
    pub async fn sensor_gaps(
        &self,
        scope: &Scope,
        environment: &str,
        node: &str,
    ) -> Result<Vec<(Timestamp, SensorGap)>, StoreError> {
        let mut query = sql("SELECT sensor_gap.* FROM sensor_gap
             JOIN environment ON environment.id = sensor_gap.environment_id
             WHERE environment.name = ");
        query
            .push_bind(environment)
            .push(" AND sensor_gap.node = ")
            .push_bind(node)
            .push(" AND ");
        scope.constrain(&mut query, "sensor_gap.environment_id");
        query.push(" ORDER BY sensor_gap.id DESC LIMIT ").push(KEPT);
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                let gap = SensorGap {
                    stage: row.text("stage")?,
                    class: row.text("subject")?,
                    reason: row.text("reason")?,
                    count: row.count("lost")?,
                    from: row.time("began")?,
                    to: row.time("ended")?,
                };
                Ok((row.time("received")?, gap))
            })
            .collect()
    }
}

async fn put(
    connection: &mut Connection,
    environment: &str,
    mut items: SensorItems,
    now: Timestamp,
) -> Result<TakenItems, StoreError> {
    let id = environment::id(connection, environment).await?;
    let known = sql("SELECT alerts, gaps FROM sensor_run
         WHERE environment_id = ? AND node = ? AND boot = ? AND run = ?")
    .bind(id)
    .bind(&items.node)
    .bind(&items.boot)
    .bind(&items.run)
    .fetch_optional(&mut *connection)
    .await?;
    let (alerts, gaps) = match &known {
        Some(row) => (row.count("alerts")?, row.count("gaps")?),
        None => (0, 0),
    };
    let sent = items.alerts.len() + items.gaps.len();
    items.alerts.retain(|(number, _)| *number > alerts);
    items.gaps.retain(|(number, _)| *number > gaps);
    let fresh = items.alerts.len() + items.gaps.len();
    if known.is_none() {
        sql("DELETE FROM sensor_run WHERE seen < ?")
            .bind(now - REMEMBERED)
            .execute(&mut *connection)
            .await?;
    }
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sql(
        "INSERT INTO sensor_run (environment_id, node, boot, run, alerts, gaps, seen)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (environment_id, node, boot, run) DO UPDATE SET
             alerts = excluded.alerts, gaps = excluded.gaps, seen = excluded.seen",
    )
    .bind(id)
    .bind(&items.node)
    .bind(&items.boot)
    .bind(&items.run)
    .bind(number(alerts.max(items.last_alert)))
    .bind(number(gaps.max(items.last_gap)))
    .bind(now)
    .execute(&mut *connection)
    .await?;
    put_gaps(connection, id, &items, now).await?;
    let new: Vec<Alert> = items.alerts.into_iter().map(|(_, alert)| alert).collect();
    let taken = if new.is_empty() {
        TakenAlerts::default()
    } else {
        alert::keep(connection, id, environment, new, now).await?
    };
    Ok(TakenItems {
        alerts: taken,
        gaps: items.gaps.len() as u64,
        repeated: (sent - fresh) as u64,
    })
}

async fn put_gaps(
    connection: &mut Connection,
    environment: i64,
    items: &SensorItems,
    now: Timestamp,
) -> Result<(), StoreError> {
    if items.gaps.is_empty() {
        return Ok(());
    }
    insert(
        "INSERT INTO sensor_gap (environment_id, node, received, stage, subject, reason, lost,
             began, ended) ",
    )
    .rows(connection, &items.gaps, |row, (_, gap)| {
        row.push_bind(environment)
            .push_bind(items.node.as_str())
            .push_bind(now)
            .push_bind(gap.stage.as_str())
            .push_bind(gap.class.as_str())
            .push_bind(gap.reason.as_str())
            .push_bind(i64::try_from(gap.count).unwrap_or(i64::MAX))
            .push_bind(gap.from)
            .push_bind(gap.to);
    })
    .await?;
    let mut query = sql("DELETE FROM sensor_gap WHERE environment_id = ");
    query
        .push_bind(environment)
        .push(" AND node = ")
        .push_bind(items.node.as_str())
        .push(" AND id <= (SELECT COALESCE(MAX(id), 0) FROM (SELECT id FROM sensor_gap WHERE environment_id = ")
        .push_bind(environment)
        .push(" AND node = ")
        .push_bind(items.node.as_str())
        .push(format_args!(
            " ORDER BY id DESC LIMIT 1 OFFSET {KEPT}) AS older)"
        ));
    query.execute(connection).await?;
    Ok(())
}
