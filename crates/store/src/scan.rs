//! Scans: the queue and its history, in one table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Counts, ImageKey, Page, PageRequest, Scope, Store, StoreError,
    change::{self, ChangeKind, NewChange},
    db::{Row, Sql, sql},
    environment,
    image::maybe_key_of,
    page::{Key, Order, Total},
    row::json,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl ScanState {
    const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why a scan was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanOrigin {
    User,
    Start,
    Schedule,
    Demo,
}

impl ScanOrigin {
    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Start => "start",
            Self::Schedule => "schedule",
            Self::Demo => "demo",
        }
    }

    /// Somebody who waits goes first.
    fn priority(self) -> i64 {
        match self {
            Self::User => 0,
            Self::Demo => 1,
            Self::Start => 2,
            Self::Schedule => 3,
        }
    }
}

/// A scan to queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewScan {
    pub environment: String,
    pub target: String,
    pub name: String,
    pub platform: Option<String>,
    pub origin: ScanOrigin,
    pub created: Timestamp,
}

/// One scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub id: String,
    pub environment: String,
    pub target: String,
    pub name: String,
    pub platform: Option<String>,
    pub origin: ScanOrigin,
    pub state: ScanState,
    pub error: Option<String>,
    pub advice: Option<String>,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    pub image: Option<ImageKey>,
    pub outcome: Option<ScanOutcome>,
    number: i64,
}

/// What a finished scan found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanOutcome {
    pub packages: u64,
    pub counts: Counts,
    pub new: u64,
    pub resolved: u64,
    pub warnings: u64,
}

/// How a scan ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanEnd {
    Done {
        image: String,
        outcome: ScanOutcome,
    },
    Failed {
        error: String,
        advice: Option<String>,
    },
    Cancelled,
}

/// Which scans.
#[derive(Clone, Debug, Default)]
pub struct ScanFilter {
    pub states: Vec<ScanState>,
    pub image: Option<String>,
}

const NEWEST: Order = Order {
    name: "newest",
    expression: "scan.id",
    id: "scan.id",
    descending: true,
};

const SELECT: &str = "SELECT scan.*, environment.name AS environment, image.uid AS image_uid,
    image.kind AS image_kind, image.name AS image_name
    FROM scan JOIN environment ON environment.id = scan.environment_id
    LEFT JOIN image ON image.id = scan.image_id WHERE ";

/// A new public id, ordered by time.
pub(crate) fn mint() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Takes the next scan off the queue.
pub(crate) fn next(now: Timestamp, last: ScanOrigin) -> Sql {
    sql("UPDATE scan SET state = 'running', started = ?
         WHERE id = (SELECT id FROM scan
                     WHERE state IN ('queued', 'running') AND state = 'queued' AND priority <= ?
                     ORDER BY priority, id LIMIT 1)
         RETURNING uid")
    .bind(now)
    .bind(last.priority())
}

impl Store {
    /// Queues a scan, or answers the one already waiting for the same
    /// target. `true`: it is new.
    pub async fn queue_scan(&self, scan: NewScan) -> Result<(Scan, bool), StoreError> {
        let (uid, new) = self
            .writer
            .write(move |connection| {
                Box::pin(async move {
                    let environment = environment::id(connection, &scan.environment).await?;
                    let waiting: Option<String> =
                        sql("SELECT uid FROM scan WHERE state IN ('queued', 'running')
                           AND environment_id = ? AND target = ?
                           AND COALESCE(platform, '') = ?")
                        .bind(environment)
                        .bind(&scan.target)
                        .bind(scan.platform.as_deref().unwrap_or_default())
                        .scalar()
                        .fetch_optional(&mut *connection)
                        .await?;
                    if let Some(uid) = waiting {
                        sql("UPDATE scan SET priority = ? WHERE uid = ? AND priority > ?")
                            .bind(scan.origin.priority())
                            .bind(&uid)
                            .bind(scan.origin.priority())
                            .execute(&mut *connection)
                            .await?;
                        return Ok((uid, false));
                    }
                    let uid = mint();
                    sql(
                        "INSERT INTO scan (uid, environment_id, image_id, target, name,
                             platform, origin, state, priority, created)
                         VALUES (?, ?,
                             (SELECT MAX(id) FROM image WHERE environment_id = ? AND target = ?),
                             ?, ?, ?, ?, 'queued', ?, ?)",
                    )
                    .bind(&uid)
                    .bind(environment)
                    .bind(environment)
                    .bind(&scan.target)
                    .bind(&scan.target)
                    .bind(&scan.name)
                    .bind(&scan.platform)
                    .bind(scan.origin.as_str())
                    .bind(scan.origin.priority())
                    .bind(scan.created.as_microsecond())
                    .execute(&mut *connection)
                    .await?;
                    Ok((uid, true))
                })
            })
            .await?;
        let scope = self.scope(None).await?;
        let scan = self.scan(&scope, &uid).await?;
        Ok((scan.ok_or(StoreError::Closed)?, new))
    }

    /// Takes the next scan off the queue and marks it running; with
    /// `awaited`, only one that somebody waits for.
    pub async fn take_scan(
        &self,
        now: Timestamp,
        awaited: bool,
    ) -> Result<Option<Scan>, StoreError> {
        let last = if awaited {
            ScanOrigin::Demo
        } else {
            ScanOrigin::Schedule
        };
        let uid: Option<String> = self
            .writer
            .write(move |connection| {
                Box::pin(async move { next(now, last).scalar().fetch_optional(connection).await })
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

    /// When `target` was last read whole in an environment.
    pub async fn last_scanned(
        &self,
        environment: &str,
        target: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let micros: Option<i64> = sql("SELECT MAX(image.last_scanned) FROM image
             JOIN environment ON environment.id = image.environment_id
             WHERE environment.name = ? AND image.target = ?")
        .bind(environment)
        .bind(target)
        .scalar()
        .fetch_one(&self.readers)
        .await?;
        Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Puts back what a stopped server left running.
    pub async fn requeue_scans(&self) -> Result<u64, StoreError> {
        self.writer
            .write(|connection| {
                Box::pin(async move {
                    sql("UPDATE scan SET state = 'queued', started = NULL WHERE state = 'running'")
                        .execute(connection)
                        .await
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
                Box::pin(async move {
                    let (state, image, error, advice, outcome) = match &end {
                        ScanEnd::Done { image, outcome } => {
                            ("done", Some(image), None, None, Some(json(outcome)))
                        }
                        ScanEnd::Failed { error, advice } => {
                            ("failed", None, Some(error), advice.as_ref(), None)
                        }
                        ScanEnd::Cancelled => ("cancelled", None, None, None, None),
                    };
                    let row = sql(
                        "UPDATE scan SET state = ?, finished = ?, error = ?, advice = ?,
                             outcome = ?,
                             image_id = COALESCE((SELECT id FROM image WHERE uid = ?), image_id)
                         WHERE uid = ? AND state IN ('queued', 'running')
                         RETURNING environment_id, image_id, name",
                    )
                    .bind(state)
                    .bind(now.as_microsecond())
                    .bind(error)
                    .bind(advice)
                    .bind(outcome)
                    .bind(image)
                    .bind(&id)
                    .fetch_optional(&mut *connection)
                    .await?;
                    let Some(row) = row else { return Ok(false) };
                    if let Some(error) = error {
                        let image = row.maybe_int("image_id")?;
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
                })
            })
            .await
    }

    pub async fn scan(&self, scope: &Scope, id: &str) -> Result<Option<Scan>, StoreError> {
        let mut query = sql(SELECT);
        scope.constrain(&mut query, "scan.environment_id");
        query.push(" AND scan.uid = ").push_bind(id.to_owned());
        query
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Scans, newest first.
    pub async fn scans(
        &self,
        scope: &Scope,
        filter: &ScanFilter,
        request: &PageRequest,
    ) -> Result<Page<Scan>, StoreError> {
        let narrow = |query: &mut Sql| {
            scope.constrain(query, "scan.environment_id");
            if !filter.states.is_empty() {
                query
                    .push(" AND scan.state IN ")
                    .push_list(filter.states.iter().map(|state| state.as_str()));
            }
            if let Some(image) = &filter.image {
                query
                    .push(" AND scan.image_id = (SELECT id FROM image WHERE uid = ")
                    .push_bind(image.clone())
                    .push(")");
            }
        };
        let mut query = sql(SELECT);
        narrow(&mut query);
        NEWEST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 FROM scan WHERE ");
        narrow(&mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        Ok(NEWEST.cut(
            items,
            request,
            Total(total.try_into().unwrap_or(0)),
            |scan| (Key::Int(scan.number), scan.number),
        ))
    }
}

pub(crate) fn origin_of(word: &str) -> ScanOrigin {
    [
        ScanOrigin::User,
        ScanOrigin::Start,
        ScanOrigin::Schedule,
        ScanOrigin::Demo,
    ]
    .into_iter()
    .find(|known| known.as_str() == word)
    .unwrap_or(ScanOrigin::User)
}

fn read(row: &Row) -> Result<Scan, StoreError> {
    let origin = row.text("origin")?;
    Ok(Scan {
        id: row.text("uid")?,
        environment: row.text("environment")?,
        target: row.text("target")?,
        name: row.text("name")?,
        platform: row.maybe_text("platform")?,
        origin: origin_of(&origin),
        state: ScanState::parse(&row.text("state")?).unwrap_or(ScanState::Failed),
        error: row.maybe_text("error")?,
        advice: row.maybe_text("advice")?,
        created: row.time("created")?,
        started: row.maybe_time("started")?,
        finished: row.maybe_time("finished")?,
        image: maybe_key_of(row, "image_uid")?,
        outcome: row.maybe_json("outcome")?,
        number: row.int("id")?,
    })
}
