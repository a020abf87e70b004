//! Scans: the queue and its history, in one table.

mod queue;
mod take;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Counts, ImageKey, Page, PageRequest, Scope, Store, StoreError,
    db::{Row, Sql, sql},
    image::maybe_key_of,
    page::{Key, Order, Total},
};

pub use queue::{QueueCount, QueueCounts, Queued};
pub use take::Lease;
#[cfg(test)]
pub(crate) use take::next;

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

/// Why a scan was started, or an image judged again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScanOrigin {
    /// Somebody asked for it.
    #[default]
    User,
    /// The server found it on this machine at start.
    Start,
    /// It was due.
    Schedule,
    Demo,
    /// It was pushed to a registry.
    Push,
    /// It was copied into a registry from elsewhere.
    Import,
    /// It was pulled, or run, not long ago.
    RecentPull,
    /// Containers run it.
    Running,
    /// Somebody asked a cluster to run it.
    Admission,
    /// What is known of its vulnerabilities changed; nothing is read.
    Advisory,
    /// A pipeline read it, and told.
    Ci,
}

impl ScanOrigin {
    pub const ALL: [Self; 11] = [
        Self::User,
        Self::Start,
        Self::Schedule,
        Self::Demo,
        Self::Push,
        Self::Import,
        Self::RecentPull,
        Self::Running,
        Self::Admission,
        Self::Advisory,
        Self::Ci,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Start => "start",
            Self::Schedule => "schedule",
            Self::Demo => "demo",
            Self::Push => "push",
            Self::Import => "import",
            Self::RecentPull => "recent_pull",
            Self::Running => "running",
            Self::Admission => "admission",
            Self::Advisory => "advisory",
            Self::Ci => "ci",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text)
    }

    /// Somebody who waits goes first; then what runs and can be reached
    /// from outside, what runs, what is new, and what was seen before.
    fn priority(self, exposed: bool) -> i64 {
        match self {
            Self::User => 0,
            Self::Demo => 1,
            Self::Running if exposed => 2,
            Self::Running | Self::Admission => 3,
            Self::Push => 4,
            Self::Import | Self::Ci | Self::Advisory => 5,
            Self::Start => 6,
            Self::RecentPull => 7,
            Self::Schedule => 8,
        }
    }
}

/// Up to here, somebody waits.
const AWAITED: i64 = 1;
/// The last of all.
const LAST: i64 = 8;

/// A scan to queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewScan {
    pub environment: String,
    pub target: String,
    pub name: String,
    pub platform: Option<String>,
    pub origin: ScanOrigin,
    pub created: Timestamp,
    /// Why, in words, for the image's timeline; empty: the origin says it.
    pub reason: String,
    /// Where it was copied from.
    pub source: Option<String>,
    /// The image's digest, where it is known before it is read.
    pub digest: Option<String>,
    /// The registry it is in, by id.
    pub registry: Option<String>,
    /// What runs it can be reached from outside.
    pub exposed: bool,
    /// When what is known of it will do.
    pub unless: Unless,
}

/// When a scan is not needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unless {
    /// The image of this digest was read since then, by these extractors.
    pub read: Option<(Timestamp, String)>,
    /// The same target was tried since then, however that ended.
    pub tried: Option<Timestamp>,
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
    pub digest: Option<String>,
    /// The registry it is in: id and name.
    pub registry: Option<(String, String)>,
    /// Tries that failed so far.
    pub attempts: u32,
    /// Not taken before, where a try failed.
    pub next_try: Option<Timestamp>,
    /// Given up, and neither tried again nor overtaken since.
    pub dead: bool,
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
        /// Those it was read by.
        extractors: String,
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
    pub origins: Vec<ScanOrigin>,
    /// Those that were given up.
    pub dead: bool,
    /// The registry's id.
    pub registry: Option<String>,
}

const NEWEST: Order = Order {
    name: "newest",
    expression: "scan.id",
    id: "scan.id",
    descending: true,
};

const SELECT: &str = "SELECT scan.*, environment.name AS environment, image.uid AS image_uid,
    image.kind AS image_kind, image.name AS image_name, registry.uid AS registry_uid,
    registry.name AS registry_name
    FROM scan JOIN environment ON environment.id = scan.environment_id
    LEFT JOIN image ON image.id = scan.image_id
    LEFT JOIN registry ON registry.id = scan.registry_id WHERE ";

/// A new public id, ordered by time.
pub(crate) fn mint() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Store {
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
            if !filter.origins.is_empty() {
                query
                    .push(" AND scan.origin IN ")
                    .push_list(filter.origins.iter().map(|origin| origin.as_str()));
            }
            if filter.dead {
                query.push(" AND scan.dead = 1");
            }
            if let Some(registry) = &filter.registry {
                query
                    .push(" AND scan.registry_id = (SELECT id FROM registry WHERE uid = ")
                    .push_bind(registry.clone())
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
    ScanOrigin::parse(word).unwrap_or_default()
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
        digest: row.maybe_text("digest")?,
        registry: row
            .maybe_text("registry_uid")?
            .zip(row.maybe_text("registry_name")?),
        attempts: row.count("attempts")?.try_into().unwrap_or(u32::MAX),
        next_try: row
            .maybe_time("next_try")?
            .filter(|time| *time > Timestamp::UNIX_EPOCH),
        dead: row.flag("dead")?,
        number: row.int("id")?,
    })
}
