//! Sinks: the other systems that are told, and who delivers to each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Author, Note, Store, StoreError, audit,
    db::{Connection, Row, sql},
    row::json,
};

/// A sink, its secrets sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    pub(crate) row: i64,
    pub id: String,
    pub name: String,
    pub kind: String,
    /// JSON without secrets.
    pub settings: String,
    pub secret_names: Vec<String>,
    /// As the vault gave it; this room cannot read it.
    pub sealed: Option<String>,
    pub paused: bool,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub last_delivered: Option<Timestamp>,
    pub answer: Option<DeliveryAnswer>,
}

/// What is written of a sink.
#[derive(Clone, Debug)]
pub struct SinkRecord {
    pub name: String,
    pub kind: String,
    pub settings: String,
    pub secret_names: Vec<String>,
    pub sealed: Option<String>,
    pub paused: bool,
}

/// What a receiver said, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAnswer {
    pub time: Timestamp,
    /// `delivered`, `retry` or `rejected`.
    pub verdict: String,
    pub status: Option<u16>,
    pub text: String,
    pub milliseconds: u64,
}

/// What waits at a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkQueue {
    pub pending: u64,
    pub dead: u64,
    /// Since when the oldest of them waits, and when it is tried next.
    pub oldest: Option<Timestamp>,
    pub next_try: Option<Timestamp>,
    /// Tries of the oldest so far.
    pub attempts: u32,
}

fn read(row: &Row) -> Result<Sink, StoreError> {
    Ok(Sink {
        row: row.int("id")?,
        id: row.text("uid")?,
        name: row.text("name")?,
        kind: row.text("kind")?,
        settings: row.text("settings")?,
        secret_names: row.json("secret_names")?,
        sealed: row.maybe_text("sealed")?,
        paused: row.flag("paused")?,
        created: row.time("created")?,
        updated: row.time("updated")?,
        last_delivered: row.maybe_time("last_delivered")?,
        answer: row.maybe_json("answer")?,
    })
}

async fn find(connection: &mut Connection, id: &str) -> Result<Option<Sink>, StoreError> {
    let row = sql("SELECT * FROM sink WHERE uid = ?")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// What the audit trail shows of a sink: never a secret, sealed or not.
#[derive(Serialize)]
struct Shown {
    name: String,
    kind: String,
    settings: serde_json::Value,
    secrets: Vec<String>,
    secrets_changed: bool,
    paused: bool,
}

fn shown(sink: &Sink) -> Shown {
    Shown {
        name: sink.name.clone(),
        kind: sink.kind.clone(),
        settings: serde_json::from_str(&sink.settings).unwrap_or_default(),
        secrets: sink.secret_names.clone(),
        secrets_changed: false,
        paused: sink.paused,
    }
}

/// No other sink or route has the name.
pub(crate) async fn name_is_free(
    connection: &mut Connection,
    table: &'static str,
    name: &str,
    but: &str,
) -> Result<bool, StoreError> {
    let mut query = sql("SELECT uid FROM ");
    query
        .push(table)
        .push(" WHERE name = ")
        .push_bind(name)
        .push(" AND uid <> ")
        .push_bind(but);
    let taken: Option<String> = query.scalar().fetch_optional(connection).await?;
    Ok(taken.is_none())
}

impl Store {
    /// Every sink, by name.
    pub async fn sinks(&self) -> Result<Vec<Sink>, StoreError> {
        let rows = sql("SELECT * FROM sink ORDER BY name")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    pub async fn sink(&self, id: &str) -> Result<Option<Sink>, StoreError> {
        let row = sql("SELECT * FROM sink WHERE uid = ?")
            .bind(id)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Adds a sink, which is told of what happens from now on. `None`:
    /// the name is taken.
    pub async fn add_sink(
        &self,
        author: Author,
        record: SinkRecord,
    ) -> Result<Option<Sink>, StoreError> {
        let now = author.time;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    if !name_is_free(connection, "sink", &record.name, "").await? {
                        return Ok(None);
                    }
                    let row = sql("INSERT INTO sink (uid, name, kind, settings, secret_names,
                             sealed, paused, created, updated, cursor, lease_holder, lease_until)
                         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?,
                             (SELECT COALESCE(MAX(id), 0) FROM outbox), '', 0)
                         RETURNING *")
                    .bind(uuid::Uuid::now_v7().to_string())
                    .bind(record.name)
                    .bind(record.kind)
                    .bind(record.settings)
                    .bind(json(&record.secret_names))
                    .bind(record.sealed)
                    .bind(record.paused)
                    .bind(now)
                    .bind(now)
                    .fetch_one(&mut *connection)
                    .await?;
                    let sink = read(&row)?;
                    let note = Note::of("sink.create", "sink", &sink.id).made(&shown(&sink));
                    audit::note(connection, &author, note).await?;
                    Ok(Some(sink))
                })
            })
            .await
    }

    /// Changes a sink. `Ok(None)`: the name is another's, or the sink is
    /// gone.
    pub async fn change_sink(
        &self,
        author: Author,
        id: &str,
        record: SinkRecord,
    ) -> Result<Option<Sink>, StoreError> {
        let (id, now) = (id.to_owned(), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    if !name_is_free(connection, "sink", &record.name, &id).await? {
                        return Ok(None);
                    }
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(None);
                    };
                    let row = sql("UPDATE sink SET name = ?, settings = ?, secret_names = ?,
                             sealed = ?, paused = ?, updated = ?
                         WHERE uid = ? RETURNING *")
                    .bind(record.name)
                    .bind(record.settings)
                    .bind(json(&record.secret_names))
                    .bind(record.sealed)
                    .bind(record.paused)
                    .bind(now)
                    .bind(&id)
                    .fetch_one(&mut *connection)
                    .await?;
                    let sink = read(&row)?;
                    let mut after = shown(&sink);
                    // That a secret is another one shows; which it is does not.
                    after.secrets_changed = before.sealed != sink.sealed;
                    let note =
                        Note::of("sink.change", "sink", &id).changed(&shown(&before), &after);
                    audit::note(connection, &author, note).await?;
                    Ok(Some(sink))
                })
            })
            .await
    }

    pub async fn pause_sink(
        &self,
        author: Author,
        id: &str,
        paused: bool,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let touched = sql("UPDATE sink SET paused = ? WHERE uid = ?")
                        .bind(paused)
                        .bind(&id)
                        .execute(&mut *connection)
                        .await?;
                    if touched > 0 {
                        let action = if paused { "sink.pause" } else { "sink.resume" };
                        audit::note(connection, &author, Note::of(action, "sink", &id)).await?;
                    }
                    Ok(touched > 0)
                })
            })
            .await
    }

    /// Removes a sink with its routes and deliveries.
    pub async fn remove_sink(&self, author: Author, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(false);
                    };
                    sql("DELETE FROM sink WHERE uid = ?")
                        .bind(&id)
                        .execute(&mut *connection)
                        .await?;
                    let note = Note::of("sink.remove", "sink", &id).removed(&shown(&before));
                    audit::note(connection, &author, note).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Puts the secrets under another seal, if they still are as they
    /// were read.
    pub async fn reseal_sink(&self, sink: &Sink, sealed: String) -> Result<bool, StoreError> {
        let (row, before) = (sink.row, sink.sealed.clone().unwrap_or_default());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let touched = sql("UPDATE sink SET sealed = ? WHERE id = ? AND sealed = ?")
                        .bind(sealed)
                        .bind(row)
                        .bind(before)
                        .execute(connection)
                        .await?;
                    Ok(touched > 0)
                })
            })
            .await
    }

    /// Takes, or keeps, the right to deliver to a sink until `until`.
    /// One holder at a time has it.
    pub async fn lease_sink(
        &self,
        sink: &Sink,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        self.claim("sink", sink.row, holder, now, until).await
    }

    /// Takes every lease away where that is nobody else's.
    pub async fn free_leases(&self) -> Result<(), StoreError> {
        self.free_claims("sink").await
    }

    /// Gives up every lease of a holder, so that another need not wait.
    pub async fn release_sinks(&self, holder: &str) -> Result<(), StoreError> {
        let holder = holder.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql(
                        "UPDATE sink SET lease_until = 0, lease_holder = '' WHERE lease_holder = ?",
                    )
                    .bind(holder)
                    .execute(connection)
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// What waits at a sink.
    pub async fn sink_queue(&self, sink: &Sink) -> Result<SinkQueue, StoreError> {
        let counts = sql("SELECT
                 (SELECT COUNT(*) FROM delivery WHERE sink_id = ? AND state = 0) AS pending,
                 (SELECT COUNT(*) FROM delivery WHERE sink_id = ? AND state = 2) AS dead")
        .bind(sink.row)
        .bind(sink.row)
        .fetch_one(&self.readers)
        .await?;
        let oldest = sql("SELECT created, next_try, attempts FROM delivery
             WHERE sink_id = ? AND state = 0 ORDER BY id LIMIT 1")
        .bind(sink.row)
        .fetch_optional(&self.readers)
        .await?;
        let mut queue = SinkQueue {
            pending: counts.count("pending")?,
            dead: counts.count("dead")?,
            ..SinkQueue::default()
        };
        if let Some(oldest) = oldest {
            queue.oldest = Some(oldest.time("created")?);
            queue.attempts = oldest.count("attempts")?.try_into().unwrap_or(u32::MAX);
            if queue.attempts > 0 {
                queue.next_try = Some(oldest.time("next_try")?);
            }
        }
        Ok(queue)
    }
}
