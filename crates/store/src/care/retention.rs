//! Letting go of what is over and done with, a little at a time.

use jiff::Timestamp;

use crate::{
    Store, StoreError,
    admission::PRUNE,
    db::{Sql, sql},
    rollup::{Deltas, WEIGHT, Weight},
};

/// What is older than these may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Findings resolved before.
    pub resolved: Timestamp,
    /// What happened to findings, and incidents that are closed, before.
    pub history: Timestamp,
    /// Entries of the change feed before.
    pub changes: Timestamp,
    /// Scans that ended before.
    pub scans: Timestamp,
    /// Decisions of admission before.
    pub decisions: Timestamp,
}

/// Rows that went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub resolved: u64,
    pub history: u64,
    pub changes: u64,
    pub scans: u64,
    pub incidents: u64,
    pub decisions: u64,
}

impl Pruned {
    pub fn total(&self) -> u64 {
        self.resolved + self.history + self.changes + self.scans + self.incidents + self.decisions
    }
}

impl std::ops::AddAssign for Pruned {
    fn add_assign(&mut self, more: Self) {
        self.resolved += more.resolved;
        self.history += more.history;
        self.changes += more.changes;
        self.scans += more.scans;
        self.incidents += more.incidents;
        self.decisions += more.decisions;
    }
}

/// Rows of one statement: others write in between.
const BATCH: i64 = 500;

/// Removes findings by the index that is kept for it.
pub(crate) fn resolved_before(time: Timestamp) -> Sql {
    let mut query = sql("DELETE FROM finding WHERE id IN (
             SELECT id FROM finding WHERE state = 1 AND resolved < ? LIMIT ?) RETURNING ")
    .bind(time)
    .bind(BATCH);
    query.push(WEIGHT);
    query
}

impl Store {
    /// Removes one batch of each kind; nothing more to do when
    /// [`Pruned::total`] is nought.
    pub async fn prune(&self, retention: Retention) -> Result<Pruned, StoreError> {
        Ok(Pruned {
            resolved: self.prune_findings(retention.resolved).await?,
            history: self
                .prune_one(
                    "DELETE FROM finding_event WHERE time < ?
                         AND id < (SELECT COALESCE(MIN(id), 0) FROM finding_event) + ?",
                    retention.history,
                )
                .await?,
            // Ids follow time: the oldest few are all there is to look at.
            changes: self
                .prune_one(
                    "DELETE FROM change WHERE time < ?
                         AND id < (SELECT COALESCE(MIN(id), 0) FROM change) + ?",
                    retention.changes,
                )
                .await?
                + self
                    .prune_one(
                        "DELETE FROM image_event WHERE time < ?
                             AND id < (SELECT COALESCE(MIN(id), 0) FROM image_event) + ?",
                        retention.changes,
                    )
                    .await?
                + self
                    .prune_one(
                        "DELETE FROM trust_event WHERE time < ?
                             AND id < (SELECT COALESCE(MIN(id), 0) FROM trust_event) + ?",
                        retention.changes,
                    )
                    .await?
                + self
                    .prune_one(
                        "DELETE FROM referrer WHERE id IN (
                             SELECT id FROM referrer WHERE gone < ? LIMIT ?)",
                        retention.changes,
                    )
                    .await?
                // What is attached to images nobody knows any longer.
                + self
                    .prune_one(
                        "DELETE FROM referrer WHERE id IN (
                             SELECT id FROM referrer WHERE first_seen < ?
                               AND subject NOT IN (SELECT digest FROM image
                                   WHERE digest IS NOT NULL)
                               AND subject NOT IN (SELECT digest FROM tag
                                   WHERE digest IS NOT NULL)
                               AND subject NOT IN (SELECT digest FROM tag_image) LIMIT ?)",
                        retention.changes,
                    )
                    .await?,
            scans: self
                .prune_one(
                    "DELETE FROM scan WHERE id IN (
                         SELECT id FROM scan
                         WHERE state NOT IN ('queued', 'running') AND finished < ? LIMIT ?)",
                    retention.scans,
                )
                .await?,
            // One that is open waits for somebody, however long.
            incidents: self
                .prune_one(
                    "DELETE FROM incident WHERE id IN (
                         SELECT id FROM incident
                         WHERE last_seen < ? AND (state >= 2 OR shown = 0) LIMIT ?)",
                    retention.history,
                )
                .await?,
            decisions: self.prune_one(PRUNE, retention.decisions).await?,
        })
    }

    /// Removes resolved findings, and from the roll-ups what they counted.
    async fn prune_findings(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let gone = resolved_before(before).fetch_all(&mut *connection).await?;
                    let mut deltas = Deltas::default();
                    for row in &gone {
                        deltas.change(Some(&Weight::read(row)?), None);
                    }
                    deltas.apply(connection, before).await?;
                    Ok(gone.len() as u64)
                })
            })
            .await
    }

    async fn prune_one(&self, text: &'static str, before: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(sql(text).bind(before).bind(BATCH).execute(connection))
            })
            .await
    }
}
