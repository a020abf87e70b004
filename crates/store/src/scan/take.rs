//! Who takes scans off the queue, and how they end.
//!
//! A scan that is taken is leased to the server that took it. A server
//! that dies leaves the lease to run out (or, where the record is one
//! server's own file, the next start takes it back), and the same scan is
//! taken again: one row ends once, however often it began.

use jiff::{SignedDuration, Timestamp};

use super::{AWAITED, LAST, Scan, ScanEnd, ScanState};
use crate::{
    Counts, Dialect, Store, StoreError,
    change::{self, ChangeKind, NewChange},
    db::{Connection, Sql, sql},
    image_event,
    registry::RegistrySettings,
    row::json,
};

/// How often servers may end under one scan before it is given up: it
/// may be what ends them.
const INTERRUPTIONS: i64 = 10;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Who takes scans, and until when they are that server's.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    pub holder: &'a str,
    pub until: Timestamp,
}

/// Takes the next scan off the queue, but none of these registries'.
pub(crate) fn next(now: Timestamp, last: i64, held: &[i64], lease: Lease<'_>) -> Sql {
    let mut query = sql("UPDATE scan SET state = 'running', started = ");
    query
        .push_bind(now)
        .push(", lease_holder = ")
        .push_bind(lease.holder)
        .push(", lease_until = ")
        .push_bind(lease.until)
        .push(
            " WHERE id = (SELECT id FROM scan
                 WHERE state IN ('queued', 'running') AND state = 'queued' AND priority <= ",
        )
        .push_bind(last)
        .push(" AND next_try <= ")
        .push_bind(now);
    if !held.is_empty() {
        query
            .push(" AND (registry_id IS NULL OR registry_id NOT IN ")
            .push_list(held.iter().copied())
            .push(")");
    }
    query.push(" ORDER BY priority, id LIMIT 1) RETURNING uid, registry_id");
    query
}

/// Registries nothing may be taken from now: they said so, as many are
/// read as may be, or the minute's share is used up.
async fn held(connection: &mut Connection, now: Timestamp) -> Result<Vec<i64>, StoreError> {
    let rows = sql("SELECT registry.id, registry.settings, registry.hold_until,
             registry.minute_began, registry.minute_taken, registry.paused,
             (SELECT COUNT(*) FROM scan WHERE scan.registry_id = registry.id
                AND scan.state IN ('queued', 'running') AND scan.state = 'running') AS running
         FROM registry")
    .fetch_all(connection)
    .await?;
    let mut held = Vec::new();
    for row in &rows {
        let settings: RegistrySettings = row.json("settings")?;
        let is_new_minute = row.time("minute_began")? + MINUTE <= now;
        let is_used_up = settings.per_minute > 0
            && !is_new_minute
            && row.count("minute_taken")? >= u64::from(settings.per_minute);
        let is_busy = row.count("running")? >= u64::from(settings.concurrency.max(1));
        if row.time("hold_until")? > now || is_used_up || is_busy || row.flag("paused")? {
            held.push(row.int("id")?);
        }
    }
    Ok(held)
}

async fn take(
    connection: &mut Connection,
    now: Timestamp,
    last: i64,
    lease: Lease<'_>,
) -> Result<Option<String>, StoreError> {
    let held = held(connection, now).await?;
    let taken = next(now, last, &held, lease)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = taken else { return Ok(None) };
    if let Some(registry) = row.maybe_int("registry_id")? {
        sql("UPDATE registry SET
                 minute_taken = CASE WHEN minute_began <= ? THEN 1 ELSE minute_taken + 1 END,
                 minute_began = CASE WHEN minute_began <= ? THEN ? ELSE minute_began END
             WHERE id = ?")
        .bind(now - MINUTE)
        .bind(now - MINUTE)
        .bind(now)
        .bind(registry)
        .execute(connection)
        .await?;
    }
    row.text("uid").map(Some)
}

/// Scans whose server is gone: queued again, but for those that outlived
/// too many.
async fn put_back(connection: &mut Connection, of: Sql, now: Timestamp) -> Result<u64, StoreError> {
    let mut back = 0;
    for row in &of.fetch_all(&mut *connection).await? {
        let id = row.int("id")?;
        if row.int("interrupted")? + 1 < INTERRUPTIONS {
            back += sql(
                "UPDATE scan SET state = 'queued', started = NULL, lease_holder = '',
                     lease_until = 0, interrupted = interrupted + 1 WHERE id = ?",
            )
            .bind(id)
            .execute(&mut *connection)
            .await?;
            continue;
        }
        sql(
            "UPDATE scan SET state = 'failed', dead = 1, finished = ?, error = ?, advice = ?
             WHERE id = ?",
        )
        .bind(now)
        .bind(format!(
            "the server ended {INTERRUPTIONS} times while this was read"
        ))
        .bind("look into the server's log for why it ended; then try again")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(back)
}

impl Store {
    /// Takes the next scan off the queue and marks it running; with
    /// `awaited`, only one that somebody waits for.
    pub async fn take_scan(
        &self,
        now: Timestamp,
        awaited: bool,
        lease: Lease<'_>,
    ) -> Result<Option<Scan>, StoreError> {
        let last = if awaited { AWAITED } else { LAST };
        let (holder, until) = (lease.holder.to_owned(), lease.until);
        let uid = self
            .writer
            .write(move |connection| {
                Box::pin(async move {
                    let lease = Lease {
                        holder: &holder,
                        until,
                    };
                    take(connection, now, last, lease).await
                })
            })
            .await?;
        match uid {
            Some(uid) => {
                let scope = self.scope(None).await?;
                self.scan(&scope, &uid).await
            }
            None => Ok(None),
        }
    }

    /// Keeps what a server is reading its own for longer.
    pub async fn renew_scans(&self, lease: Lease<'_>) -> Result<u64, StoreError> {
        let (holder, until) = (lease.holder.to_owned(), lease.until);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql("UPDATE scan SET lease_until = ?
                         WHERE state IN ('queued', 'running') AND state = 'running'
                           AND lease_holder = ?")
                    .bind(until)
                    .bind(holder)
                    .execute(connection)
                    .await
                })
            })
            .await
    }

    /// Puts back what a server that is gone left running. Where the
    /// record is a file it is one server's own, so that at its start
    /// nobody else can be reading.
    pub async fn requeue_scans(&self, now: Timestamp, starting: bool) -> Result<u64, StoreError> {
        let is_own = starting && self.dialect() == Dialect::Sqlite;
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut lost = sql("SELECT id, interrupted FROM scan
                         WHERE state IN ('queued', 'running') AND state = 'running'");
                    if !is_own {
                        lost.push(" AND lease_until < ").push_bind(now);
                    }
                    put_back(connection, lost, now).await
                })
            })
            .await
    }

    /// Puts a server's own scans back, which it stops reading.
    pub async fn release_scans(&self, holder: &str) -> Result<u64, StoreError> {
        let holder = holder.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    sql(
                        "UPDATE scan SET state = 'queued', started = NULL, lease_holder = '',
                             lease_until = 0
                         WHERE state = 'running' AND lease_holder = ?",
                    )
                    .bind(holder)
                    .execute(connection)
                    .await
                })
            })
            .await
    }

    /// Puts a scan back whose try failed, to be taken again from `next`.
    /// Where its registry asked for patience (`hold`), nothing is taken
    /// from there before, and the try does not count.
    pub async fn retry_scan_at(
        &self,
        id: &str,
        error: String,
        next: Timestamp,
        hold: bool,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let row = sql(
                        "UPDATE scan SET state = 'queued', started = NULL, lease_holder = '',
                             lease_until = 0, error = ?, next_try = ?, attempts = attempts + ?
                         WHERE uid = ? AND state = 'running' RETURNING registry_id",
                    )
                    .bind(error)
                    .bind(next)
                    .bind(!hold)
                    .bind(&id)
                    .fetch_optional(&mut *connection)
                    .await?;
                    let Some(row) = row else { return Ok(false) };
                    if hold && let Some(registry) = row.maybe_int("registry_id")? {
                        sql("UPDATE registry SET hold_until = ? WHERE id = ? AND hold_until < ?")
                            .bind(next)
                            .bind(registry)
                            .bind(next)
                            .execute(connection)
                            .await?;
                    }
                    Ok(true)
                })
            })
            .await
    }

    /// Writes down how a scan ended. `false`: it had ended before.
    pub async fn end_scan(
        &self,
        id: &str,
        end: ScanEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move { ended(connection, &id, &end, now).await })
            })
            .await
    }
}

async fn ended(
    connection: &mut Connection,
    id: &str,
    end: &ScanEnd,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (state, image, error, advice, outcome) = match end {
        ScanEnd::Done { image, outcome, .. } => (
            ScanState::Done,
            Some(image),
            None,
            None,
            Some(json(outcome)),
        ),
        ScanEnd::Failed { error, advice } => {
            (ScanState::Failed, None, Some(error), advice.as_ref(), None)
        }
        ScanEnd::Cancelled => (ScanState::Cancelled, None, None, None, None),
    };
    let row = sql(
        "UPDATE scan SET state = ?, finished = ?, error = ?, advice = ?,
             outcome = ?, dead = ?, lease_holder = '', lease_until = 0,
             image_id = COALESCE((SELECT id FROM image WHERE uid = ?), image_id)
         WHERE uid = ? AND state IN ('queued', 'running')
         RETURNING id, environment_id, image_id, target, name",
    )
    .bind(state.as_str())
    .bind(now)
    .bind(error)
    .bind(advice)
    .bind(outcome)
    .bind(state == ScanState::Failed)
    .bind(image)
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(false) };
    let image = row.maybe_int("image_id")?;
    if let Some(image) = image {
        image_event::belong(connection, row.int("id")?, image).await?;
    }
    if let (ScanEnd::Done { extractors, .. }, Some(image)) = (end, image) {
        sql("UPDATE image SET extractors = ? WHERE id = ?")
            .bind(extractors)
            .bind(image)
            .execute(&mut *connection)
            .await?;
        sql("UPDATE scan SET dead = 0 WHERE dead = 1 AND environment_id = ? AND target = ?")
            .bind(row.int("environment_id")?)
            .bind(row.text("target")?)
            .execute(&mut *connection)
            .await?;
        place(connection, image).await?;
    }
    if let Some(error) = error {
        sql("UPDATE image SET last_error = ? WHERE id = ?")
            .bind(error)
            .bind(image)
            .execute(&mut *connection)
            .await?;
        let entry = NewChange {
            time: now,
            kind: ChangeKind::ScanFailed,
            summary: format!("{}: {error}", row.text("name")?),
            new: Counts::default(),
            resolved: 0,
        };
        let environment = Some(row.int("environment_id")?);
        change::append(connection, entry, environment, image).await?;
    }
    Ok(true)
}

/// Containers that run an image by its digest belong to it from now on.
async fn place(connection: &mut Connection, image: i64) -> Result<(), StoreError> {
    sql("UPDATE asset SET image_id = ?
         WHERE kind = 'container' AND gone IS NULL AND image_id IS NULL
           AND environment_id = (SELECT environment_id FROM image WHERE id = ?)
           AND EXISTS (SELECT 1 FROM image WHERE image.id = ? AND image.digest IS NOT NULL
               AND asset.facts LIKE '%' || image.digest || '%')")
    .bind(image)
    .bind(image)
    .bind(image)
    .execute(connection)
    .await?;
    Ok(())
}
