//! What registries told by themselves: kept before it is acknowledged,
//! once each, and worked on after.

use jiff::Timestamp;

use super::Registry;
use crate::{
    Store, StoreError,
    db::{Row, insert, sql},
};

/// Something a registry told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRegistryEvent {
    /// What the registry calls it; the same twice is a replay.
    pub event: String,
    /// `push`, `pull`, `delete` or `import`.
    pub kind: String,
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
    /// Where it was copied from.
    pub source: Option<String>,
    pub time: Timestamp,
}

/// One that waits to be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryEvent {
    pub(crate) row: i64,
    pub told: NewRegistryEvent,
    pub heard: Timestamp,
    pub attempts: u32,
}

fn read(row: &Row) -> Result<RegistryEvent, StoreError> {
    Ok(RegistryEvent {
        row: row.int("id")?,
        told: NewRegistryEvent {
            event: row.text("event")?,
            kind: row.text("kind")?,
            repository: row.text("repository")?,
            tag: row.maybe_text("tag")?,
            digest: row.maybe_text("digest")?,
            source: row.maybe_text("source")?,
            time: row.time("time")?,
        },
        heard: row.time("heard")?,
        attempts: row.count("attempts")?.try_into().unwrap_or(u32::MAX),
    })
}

impl Store {
    /// Keeps what a registry told; how much of it was new.
    pub async fn put_told(
        &self,
        registry: &Registry,
        mut events: Vec<NewRegistryEvent>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        // One statement must not meet a row twice.
        events.sort_by(|one, other| one.event.cmp(&other.event));
        events.dedup_by(|one, other| one.event == other.event);
        let row = registry.row;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let new = insert(
                        "INSERT INTO registry_event (registry_id, event, kind, repository, tag,
                             digest, source, time, heard, attempts, next_try) ",
                    )
                    .ending(" ON CONFLICT (registry_id, event) DO NOTHING")
                    .rows(&mut *connection, &events, |values, event| {
                        values
                            .push_bind(row)
                            .push_bind(&event.event)
                            .push_bind(&event.kind)
                            .push_bind(&event.repository)
                            .push_bind(&event.tag)
                            .push_bind(&event.digest)
                            .push_bind(&event.source)
                            .push_bind(event.time)
                            .push_bind(now)
                            .push_bind(0_i64)
                            .push_bind(0_i64);
                    })
                    .await?;
                    sql("UPDATE registry SET told = ? WHERE id = ?")
                        .bind(now)
                        .bind(row)
                        .execute(connection)
                        .await?;
                    Ok(new)
                })
            })
            .await
    }

    /// Notes that so many deliveries could not be read, and why the last
    /// could not.
    pub async fn note_misread(
        &self,
        registry: &Registry,
        count: u64,
        why: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = registry.row;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE registry SET misread = misread + ?, misread_at = ?,
                             misread_why = ? WHERE id = ?")
                    .bind(i64::try_from(count).unwrap_or(i64::MAX))
                    .bind(now)
                    .bind(why)
                    .bind(row)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// What a registry told and nobody worked on yet, in its order.
    pub async fn told_waiting(
        &self,
        registry: &Registry,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<RegistryEvent>, StoreError> {
        let rows = sql("SELECT * FROM registry_event
             WHERE registry_id = ? AND done IS NULL AND next_try <= ? ORDER BY id LIMIT ?")
        .bind(registry.row)
        .bind(now)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// It was worked on; with an error, to no avail.
    pub async fn end_told(
        &self,
        event: &RegistryEvent,
        error: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = event.row;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE registry_event SET done = ?, error = ? WHERE id = ?")
                        .bind(now)
                        .bind(error)
                        .bind(row)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// It could not be worked on, and is to be tried again from `next`.
    pub async fn put_off_told(
        &self,
        event: &RegistryEvent,
        error: String,
        next: Timestamp,
    ) -> Result<(), StoreError> {
        let row = event.row;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql(
                        "UPDATE registry_event SET attempts = attempts + 1, next_try = ?,
                             error = ? WHERE id = ?",
                    )
                    .bind(next)
                    .bind(error)
                    .bind(row)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Forgets what was worked on and heard before.
    pub async fn forget_told(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql(
                        "DELETE FROM registry_event WHERE id IN (SELECT id FROM registry_event
                             WHERE heard < ? AND done IS NOT NULL LIMIT 1000)",
                    )
                    .bind(before)
                    .execute(connection)
                    .await
                })
            })
            .await
    }
}
