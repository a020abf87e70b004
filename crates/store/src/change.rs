//! The change feed.

use jiff::Timestamp;

use crate::{
    Counts, ImageKey, Outcome, Page, PageRequest, Scope, Store, StoreError,
    db::{Connection, insert, sql},
    environment,
    image::maybe_key_of,
    page::{Key, Order, Total},
    row::{json, number},
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    ImageAdded,
    ImageChanged,
    ImageRemoved,
    ScanFailed,
    DatabaseUpdated,
    DatabaseFailed,
}

impl ChangeKind {
    const ALL: [Self; 6] = [
        Self::ImageAdded,
        Self::ImageChanged,
        Self::ImageRemoved,
        Self::ScanFailed,
        Self::DatabaseUpdated,
        Self::DatabaseFailed,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::ImageAdded => "image_added",
            Self::ImageChanged => "image_changed",
            Self::ImageRemoved => "image_removed",
            Self::ScanFailed => "scan_failed",
            Self::DatabaseUpdated => "database_updated",
            Self::DatabaseFailed => "database_failed",
        }
    }
}

/// One entry, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChange {
    pub time: Timestamp,
    pub kind: ChangeKind,
    pub summary: String,
    pub new: Counts,
    pub resolved: u64,
}

/// One entry, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub id: i64,
    pub environment: Option<String>,
    pub image: Option<ImageKey>,
    pub entry: NewChange,
}

const NEWEST: Order = Order {
    name: "newest",
    expression: "change.time",
    id: "change.id",
    descending: true,
};

impl Store {
    /// Tells the feed something no report tells it.
    pub async fn put_change(
        &self,
        environment: Option<&str>,
        change: NewChange,
    ) -> Result<(), StoreError> {
        let environment = environment.map(str::to_owned);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let id = match environment {
                        Some(name) => Some(environment::id(connection, &name).await?),
                        None => None,
                    };
                    append(connection, change, id, None).await
                })
            })
            .await
    }

    /// What happened, newest first.
    pub async fn changes(
        &self,
        scope: &Scope,
        request: &PageRequest,
    ) -> Result<Page<Change>, StoreError> {
        let mut query = sql(
            "SELECT change.*, environment.name AS environment, image.uid, image.kind AS image_kind,
                    image.name AS image_name
             FROM change
             LEFT JOIN environment ON environment.id = change.environment_id
             LEFT JOIN image ON image.id = change.image_id
             WHERE (change.environment_id IS NULL OR ",
        );
        scope.constrain(&mut query, "change.environment_id");
        query.push(")");
        NEWEST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows
            .iter()
            .map(|row| {
                let kind = row.text("kind")?;
                Ok(Change {
                    id: row.int("id")?,
                    environment: row.maybe_text("environment")?,
                    image: maybe_key_of(row, "uid")?,
                    entry: NewChange {
                        time: row.time("time")?,
                        kind: ChangeKind::ALL
                            .into_iter()
                            .find(|known| known.as_str() == kind)
                            .unwrap_or(ChangeKind::ImageChanged),
                        summary: row.text("summary")?,
                        new: row.json("new")?,
                        resolved: row.count("resolved")?,
                    },
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let total = Total(
            sql("SELECT COUNT(*) FROM (SELECT 1 FROM change LIMIT 10001) AS counted")
                .scalar::<i64>()
                .fetch_one(&self.readers)
                .await?
                .try_into()
                .unwrap_or(0),
        );
        Ok(NEWEST.cut(items, request, total, |change| {
            (Key::Int(change.entry.time.as_microsecond()), change.id)
        }))
    }
}

pub(crate) fn of_outcome(outcome: &Outcome, time: Timestamp) -> NewChange {
    let name = &outcome.image.name;
    let (kind, summary) = if outcome.added {
        let summary = match outcome.counts.total() {
            0 => format!("{name}: looked at, nothing found"),
            1 => format!("{name}: looked at, 1 finding"),
            count => format!("{name}: looked at, {count} findings"),
        };
        (ChangeKind::ImageAdded, summary)
    } else {
        let new = outcome.new.total();
        let resolved = outcome.resolved;
        let summary = match (new, resolved) {
            (new, 0) => format!("{name}: {new} new"),
            (0, resolved) => format!("{name}: {resolved} resolved"),
            (new, resolved) => format!("{name}: {new} new, {resolved} resolved"),
        };
        (ChangeKind::ImageChanged, summary)
    };
    NewChange {
        time,
        kind,
        summary,
        new: outcome.new,
        resolved: outcome.resolved,
    }
}

/// Entries kept; older ones are dropped as new ones come.
const KEPT: i64 = 10_000;

pub(crate) async fn append(
    connection: &mut Connection,
    change: NewChange,
    environment_id: Option<i64>,
    image_id: Option<i64>,
) -> Result<(), StoreError> {
    let id: i64 = sql(
        "INSERT INTO change (time, environment_id, image_id, kind, summary, new, resolved)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         RETURNING id",
    )
    .bind(change.time.as_microsecond())
    .bind(environment_id)
    .bind(image_id)
    .bind(change.kind.as_str())
    .bind(change.summary)
    .bind(json(&change.new))
    .bind(number(
        usize::try_from(change.resolved).unwrap_or(usize::MAX),
    ))
    .scalar()
    .fetch_one(&mut *connection)
    .await?;
    forget_before(connection, id - KEPT).await
}

async fn forget_before(connection: &mut Connection, id: i64) -> Result<(), StoreError> {
    sql("DELETE FROM change WHERE id <= ?")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries of many images of one environment at once.
pub(crate) async fn append_all(
    connection: &mut Connection,
    environment: i64,
    entries: Vec<(NewChange, i64)>,
) -> Result<(), StoreError> {
    let made = insert(
        "INSERT INTO change (time, environment_id, image_id, kind, summary, new, resolved) ",
    )
    .ending(" RETURNING id")
    .returning(connection, entries, |row, (change, image)| {
        row.push_bind(change.time.as_microsecond())
            .push_bind(environment)
            .push_bind(image)
            .push_bind(change.kind.as_str())
            .push_bind(change.summary)
            .push_bind(json(&change.new))
            .push_bind(i64::try_from(change.resolved).unwrap_or(i64::MAX));
    })
    .await?;
    let mut last = None;
    for row in &made {
        last = last.max(Some(row.int("id")?));
    }
    match last {
        Some(last) => forget_before(connection, last - KEPT).await,
        None => Ok(()),
    }
}
