//! The score over time, and the ledger of what moved it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::score::{Move, Score};

use crate::{
    Scope, Store, StoreError,
    db::{Connection, sql},
};

/// The score at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScorePoint {
    pub time: Timestamp,
    pub score: Score,
}

/// One reason why a score moved.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreMove {
    pub time: Timestamp,
    pub environment: String,
    pub rule: String,
    /// Percent points.
    pub change: f64,
    pub text: String,
}

/// Points are kept one by one for so long, then one an hour,
const EACH: SignedDuration = SignedDuration::from_hours(7 * 24);
/// then one a day,
const HOURLY: SignedDuration = SignedDuration::from_hours(60 * 24);
/// and no longer than this; so is the ledger.
const DAILY: SignedDuration = SignedDuration::from_hours(400 * 24);

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

impl Store {
    /// When the score of an environment was last written down.
    pub async fn last_scored(&self, environment: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = sql("SELECT MAX(score.time) AS time FROM score
             JOIN environment ON environment.id = score.environment_id
             WHERE environment.name = ?")
        .bind(environment)
        .fetch_one(&self.readers)
        .await?;
        row.maybe_time("time")
    }

    /// The score of everything in scope at one moment; `None` where
    /// nothing was judged by then.
    pub async fn score_at(
        &self,
        scope: &Scope,
        time: Timestamp,
    ) -> Result<Option<Score>, StoreError> {
        let latest = self.scores_before(scope, time).await?;
        Ok((!latest.is_empty()).then(|| sum(latest.values())))
    }

    /// The newest score of each environment at `time`.
    async fn scores_before(
        &self,
        scope: &Scope,
        time: Timestamp,
    ) -> Result<BTreeMap<i64, Score>, StoreError> {
        let mut query = sql("SELECT score.environment_id, score.earned, score.possible,
                 score.exempted
             FROM environment JOIN score ON score.id = (
                 SELECT newest.id FROM score AS newest
                 WHERE newest.environment_id = environment.id AND newest.time <= ");
        query.push_bind(time);
        query.push(" ORDER BY newest.time DESC, newest.id DESC LIMIT 1) WHERE ");
        scope.constrain(&mut query, "environment.id");
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| Ok((row.int("environment_id")?, read(row)?)))
            .collect()
    }

    /// The score of everything in scope since `since`, oldest first, at
    /// most `limit` points: the last of each stretch of time.
    pub async fn score_history(
        &self,
        scope: &Scope,
        since: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ScorePoint>, StoreError> {
        let mut latest = self.scores_before(scope, since).await?;
        let mut points = Vec::new();
        if !latest.is_empty() {
            points.push(ScorePoint {
                time: since,
                score: sum(latest.values()),
            });
        }
        let mut query = sql(
            "SELECT environment_id, time, earned, possible, exempted FROM score
             WHERE time > ",
        );
        query
            .push_bind(since)
            .push(" AND time <= ")
            .push_bind(until);
        query.push(" AND ");
        scope.constrain(&mut query, "environment_id");
        query.push(" ORDER BY time, id");
        let step = (until.as_microsecond() - since.as_microsecond()) / i64::from(limit.max(1));
        let stretch = |time: Timestamp| {
            (time.as_microsecond() - since.as_microsecond()).checked_div(step.max(1))
        };
        for row in &query.fetch_all(&self.readers).await? {
            latest.insert(row.int("environment_id")?, read(row)?);
            let point = ScorePoint {
                time: row.time("time")?,
                score: sum(latest.values()),
            };
            match points.last_mut() {
                Some(last) if stretch(last.time) == stretch(point.time) && last.time > since => {
                    *last = point;
                }
                _ => points.push(point),
            }
        }
        Ok(points)
    }

    /// What moved the score, newest first.
    pub async fn score_moves(
        &self,
        scope: &Scope,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<ScoreMove>, StoreError> {
        let mut query = sql("SELECT score_move.time, environment.name AS environment,
                 score_move.rule, score_move.change, score_move.text
             FROM score_move JOIN environment ON environment.id = score_move.environment_id
             WHERE score_move.time > ");
        query.push_bind(since).push(" AND ");
        scope.constrain(&mut query, "score_move.environment_id");
        query
            .push(" ORDER BY score_move.time DESC, score_move.id DESC LIMIT ")
            .push_bind(limit);
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(ScoreMove {
                    time: row.time("time")?,
                    environment: row.text("environment")?,
                    rule: row.text("rule")?,
                    change: row.real("change")?.unwrap_or(0.0),
                    text: row.text("text")?,
                })
            })
            .collect()
    }

    /// Thins out what is old: see the constants above.
    pub async fn thin_scores(&self, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    for (older, younger, unit) in [(EACH, HOURLY, HOUR), (HOURLY, DAILY, DAY)] {
                        let mut query = sql("DELETE FROM score WHERE time < ");
                        query
                            .push_bind(now - older)
                            .push(" AND time >= ")
                            .push_bind(now - younger)
                            .push(" AND id NOT IN (SELECT MAX(id) FROM score GROUP BY ")
                            .push(format_args!("environment_id, time / {unit})"));
                        query.execute(&mut *connection).await?;
                    }
                    for text in [
                        "DELETE FROM score WHERE time < ?",
                        "DELETE FROM score_move WHERE time < ?",
                    ] {
                        sql(text)
                            .bind(now - DAILY)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

fn read(row: &crate::db::Row) -> Result<Score, StoreError> {
    Ok(Score {
        earned: row.real("earned")?.unwrap_or(0.0),
        possible: row.real("possible")?.unwrap_or(0.0),
        exempted: row.real("exempted")?.unwrap_or(0.0),
    })
}

fn sum<'a>(scores: impl Iterator<Item = &'a Score>) -> Score {
    scores.fold(Score::default(), |sum, score| Score {
        earned: sum.earned + score.earned,
        possible: sum.possible + score.possible,
        exempted: sum.exempted + score.exempted,
    })
}

/// Writes the score down.
pub(crate) async fn put(
    connection: &mut Connection,
    environment_id: i64,
    now: Timestamp,
    score: Score,
) -> Result<(), StoreError> {
    sql(
        "INSERT INTO score (environment_id, time, earned, possible, exempted)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(environment_id)
    .bind(now)
    .bind(score.earned)
    .bind(score.possible)
    .bind(score.exempted)
    .execute(connection)
    .await?;
    Ok(())
}

/// Tells the ledger why it moved.
pub(crate) async fn tell(
    connection: &mut Connection,
    environment_id: i64,
    now: Timestamp,
    step: &Move,
    text: &str,
) -> Result<(), StoreError> {
    if text.is_empty() {
        return Ok(());
    }
    sql(
        "INSERT INTO score_move (environment_id, time, rule, change, text)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(environment_id)
    .bind(now)
    .bind(&step.rule)
    .bind(step.change)
    .bind(text)
    .execute(connection)
    .await?;
    Ok(())
}
