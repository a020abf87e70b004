//! Who uses each image: containers that run it, who reaches them, who
//! watches them. Where any of it changed, the priorities of its findings
//! are made anew, and of no other.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use model::{
    in_use::{self, Watched},
    priority::Reach,
};

use super::{reach_number, reach_of};
use crate::{
    Store, StoreError,
    db::{Connection, ROWS, Value, insert, sql},
    priority,
};

/// Images whose findings are looked at in one transaction.
const AT_ONCE: usize = 50;
/// The setting that says by which weights priorities were made.
const WEIGHTS: &str = "priority weights";
/// Grows whenever a weight changes, so that all are made anew.
const CURRENT: &str = "1";

/// Who reaches the containers of an image, as far as somebody told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    pub reach: Reach,
    /// By what, for people.
    pub by: String,
}

/// What changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageUse {
    /// Images of which something else is known.
    pub images: u64,
    /// Findings whose priority changed.
    pub findings: u64,
    /// Images whose most pressing finding is another now.
    pub pressing: u64,
}

/// One image's row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    running: i64,
    reach: Reach,
    by: String,
    watched: Option<Timestamp>,
    settled: bool,
}

impl Store {
    /// Notes who uses each image: what reaches its containers is said by
    /// `reached`, for images by number; the rest is in the record.
    pub async fn note_image_use(
        &self,
        mut reached: HashMap<i64, Reached>,
        now: Timestamp,
    ) -> Result<ImageUse, StoreError> {
        let mut is = self.used_by(now).await?;
        for (image, row) in &mut is {
            if row.running > 0 {
                let reached = reached.remove(image);
                row.reach = reached
                    .as_ref()
                    .map_or(Reach::NotKnown, |reached| reached.reach);
                row.by = reached.map(|reached| reached.by).unwrap_or_default();
            }
        }
        let was = self.image_uses().await?;
        let is_current = self.setting(WEIGHTS).await?.as_deref() == Some(CURRENT);
        // An image that no container was of ever has no row.
        let mut changed: Vec<(i64, Row)> = is
            .iter()
            .filter(|(image, row)| was.get(image) != Some(row))
            .map(|(image, row)| (*image, row.clone()))
            .collect();
        let is_weighed =
            |image: i64, row: &Row| was.get(&image).map(Row::weighs) != Some(row.weighs());
        let over = was.iter().filter(|(image, row)| {
            !is.contains_key(image) && (row.running > 0 || row.watched.is_some())
        });
        changed.extend(over.map(|(image, _)| (*image, Row::idle())));
        let mut outcome = ImageUse {
            images: changed.len() as u64,
            ..ImageUse::default()
        };
        for chunk in changed.chunks(AT_ONCE) {
            let chunk: Vec<(i64, Row, bool)> = chunk
                .iter()
                .map(|(image, row)| (*image, row.clone(), is_weighed(*image, row)))
                .collect();
            outcome.findings += self
                .writer
                .write(move |connection| {
                    Box::pin(async move { put(connection, &chunk, now).await })
                })
                .await?;
        }
        if !is_current {
            outcome.findings += self.make_priorities().await?;
        }
        outcome.pressing = self.note_most_pressing().await?;
        Ok(outcome)
    }

    /// Notes the highest priority among the open findings of each image
    /// that runs, where it is another than was noted.
    async fn note_most_pressing(&self) -> Result<u64, StoreError> {
        let rows = sql(
            "SELECT image_use.image_id, COALESCE(MAX(finding.priority), 0) AS priority
             FROM image_use
             JOIN asset ON asset.image_id = image_use.image_id AND asset.kind = 'image'
             LEFT JOIN finding ON finding.asset_id = asset.id AND finding.state = 0
                 AND finding.suppressed = 0
             WHERE image_use.running > 0
             GROUP BY image_use.image_id, image_use.priority
             HAVING image_use.priority IS NULL
                 OR image_use.priority <> COALESCE(MAX(finding.priority), 0)",
        )
        .fetch_all(&self.readers)
        .await?;
        let moved: Vec<Vec<Value>> = rows
            .iter()
            .map(|row| {
                Ok(vec![
                    row.int("image_id")?.into(),
                    row.int("priority")?.into(),
                ])
            })
            .collect::<Result<_, StoreError>>()?;
        let count = moved.len() as u64;
        if moved.is_empty() {
            return Ok(count);
        }
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    for chunk in moved.chunks(ROWS) {
                        let mut query = sql("UPDATE image_use SET priority = delta.column2 FROM ");
                        query.push_rows(chunk.to_vec(), connection.dialect());
                        query.push(" WHERE image_use.image_id = delta.column1");
                        query.execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(count)
    }

    /// Makes the priorities of all findings anew.
    async fn make_priorities(&self) -> Result<u64, StoreError> {
        let images: Vec<i64> = sql("SELECT id FROM image ORDER BY id")
            .scalar()
            .fetch_all(&self.readers)
            .await?;
        let mut changed = 0;
        for chunk in images.chunks(AT_ONCE) {
            let chunk = chunk.to_vec();
            changed += self
                .writer
                .write(move |connection| {
                    Box::pin(async move { priority::refresh(connection, &chunk).await })
                })
                .await?;
        }
        self.put_setting(WEIGHTS, CURRENT).await?;
        Ok(changed)
    }

    async fn image_uses(&self) -> Result<HashMap<i64, Row>, StoreError> {
        let rows = sql(
            "SELECT image_id, running, reach, reached_by, watched, settled
             FROM image_use",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let of = Row {
                    running: row.int("running")?,
                    reach: reach_of(row.int("reach")?),
                    by: row.text("reached_by")?,
                    watched: row.maybe_time("watched")?,
                    settled: row.flag("settled")?,
                };
                Ok((row.int("image_id")?, of))
            })
            .collect()
    }

    /// Images that run, or ran not long ago, with who watches them.
    async fn used_by(&self, now: Timestamp) -> Result<HashMap<i64, Row>, StoreError> {
        let rows = sql(
            "SELECT asset.image_id, asset.started, asset.gone, watched_container.began,
                 watched_container.told
             FROM asset LEFT JOIN watched_container
                 ON watched_container.environment_id = asset.environment_id
                 AND watched_container.identity = asset.identity
             WHERE asset.kind = 'container' AND asset.image_id IS NOT NULL
               AND asset.started IS NOT NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut containers: HashMap<i64, Vec<Watched>> = HashMap::new();
        let mut running: HashSet<i64> = HashSet::new();
        for row in &rows {
            let image = row.int("image_id")?;
            let ended = row.maybe_time("gone")?;
            if ended.is_none() {
                running.insert(image);
            }
            let by_sensor = match (row.maybe_time("began")?, row.maybe_time("told")?) {
                (Some(began), Some(told)) => Some((began, told)),
                _ => None,
            };
            containers.entry(image).or_default().push(Watched {
                started: row.time("started")?,
                ended,
                by_sensor,
            });
        }
        containers.retain(|image, _| running.contains(image));
        let used = containers.into_iter().map(|(image, containers)| {
            let watched = in_use::watched_since(&containers, now);
            let count = containers.iter().filter(|one| one.ended.is_none()).count();
            let row = Row {
                running: crate::row::number(count),
                reach: Reach::NotKnown,
                by: String::new(),
                settled: watched.is_some_and(|since| since + in_use::WATCHED <= now),
                watched,
            };
            (image, row)
        });
        Ok(used.collect())
    }
}

impl Row {
    /// What of it priorities are made of.
    fn weighs(&self) -> (bool, Reach, bool) {
        (self.running > 0, self.reach, self.settled)
    }

    fn idle() -> Self {
        Self {
            running: 0,
            reach: Reach::NotRunning,
            by: String::new(),
            watched: None,
            settled: false,
        }
    }
}

async fn put(
    connection: &mut Connection,
    rows: &[(i64, Row, bool)],
    now: Timestamp,
) -> Result<u64, StoreError> {
    // One may have been forgotten since it was read.
    let numbers: Vec<i64> = rows.iter().map(|(image, ..)| *image).collect();
    let mut query = sql("SELECT id FROM image WHERE id");
    query.push_in(&numbers, connection.dialect());
    let there: Vec<i64> = query.scalar().fetch_all(&mut *connection).await?;
    let rows: Vec<&(i64, Row, bool)> = rows
        .iter()
        .filter(|(image, ..)| there.contains(image))
        .collect();
    insert(
        "INSERT INTO image_use (image_id, running, reach, reached_by, watched, settled, noted) ",
    )
    .ending(
        " ON CONFLICT (image_id) DO UPDATE SET running = excluded.running,
             reach = excluded.reach, reached_by = excluded.reached_by,
             watched = excluded.watched, settled = excluded.settled, noted = excluded.noted",
    )
    .rows(&mut *connection, &rows, |insert, (image, row, _)| {
        insert
            .push_bind(*image)
            .push_bind(row.running)
            .push_bind(reach_number(row.reach))
            .push_bind(row.by.as_str())
            .push_bind(row.watched)
            .push_bind(row.settled)
            .push_bind(now);
    })
    .await?;
    let weighed = rows.iter().filter(|(.., is_weighed)| *is_weighed);
    let weighed: Vec<i64> = weighed.map(|(image, ..)| *image).collect();
    priority::refresh(connection, &weighed).await
}
