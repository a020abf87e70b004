//! Routes: which notices go to which sink.

use jiff::Timestamp;
use model::NoticeEvent;
use serde::Serialize;

use crate::{
    Author, Note, Store, StoreError, audit,
    db::{Connection, Row, sql},
    row::json,
    sink::{Sink, name_is_free},
};

/// A route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub(crate) row: i64,
    pub id: String,
    pub record: RouteRecord,
    pub sink_name: String,
    pub sink_kind: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    /// Notices that matched so far.
    pub matched: u64,
    pub last_matched: Option<Timestamp>,
    /// What a digest has gathered, as whoever routes wrote it.
    pub held: Option<String>,
}

/// What is written of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteRecord {
    pub name: String,
    /// The sink's id.
    pub sink: String,
    pub enabled: bool,
    pub query: String,
    /// Empty: all but the demonstration.
    pub environments: Vec<String>,
    pub events: Vec<NoticeEvent>,
    pub digest_seconds: u32,
    pub max_per_minute: u32,
}

/// What became of a route while notices were sorted.
#[derive(Clone, Debug)]
pub struct RouteProgress {
    pub(crate) row: i64,
    pub(crate) matched: u64,
    pub(crate) last_matched: Option<Timestamp>,
    pub(crate) held: Option<String>,
}

impl Route {
    pub fn progress(
        &self,
        matched: u64,
        last_matched: Option<Timestamp>,
        held: Option<String>,
    ) -> RouteProgress {
        RouteProgress {
            row: self.row,
            matched,
            last_matched,
            held,
        }
    }
}

const SELECT: &str = "SELECT route.*, sink.uid AS sink, sink.name AS sink_name,
        sink.kind AS sink_kind
     FROM route JOIN sink ON sink.id = route.sink_id ";

fn read(row: &Row) -> Result<Route, StoreError> {
    let small = |column| -> Result<u32, StoreError> {
        Ok(row.count(column)?.try_into().unwrap_or(u32::MAX))
    };
    Ok(Route {
        row: row.int("id")?,
        id: row.text("uid")?,
        record: RouteRecord {
            name: row.text("name")?,
            sink: row.text("sink")?,
            enabled: row.flag("enabled")?,
            query: row.text("query")?,
            environments: row.json("environments")?,
            events: row.json("events")?,
            digest_seconds: small("digest_seconds")?,
            max_per_minute: small("max_per_minute")?,
        },
        sink_name: row.text("sink_name")?,
        sink_kind: row.text("sink_kind")?,
        created: row.time("created")?,
        updated: row.time("updated")?,
        matched: row.count("matched")?,
        last_matched: row.maybe_time("last_matched")?,
        held: row.maybe_text("held")?,
    })
}

async fn find(connection: &mut Connection, id: &str) -> Result<Option<Route>, StoreError> {
    let row = sql(format!("{SELECT} WHERE route.uid = ?"))
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Why a route was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteRefusal {
    NameTaken,
    NoSink,
    NoRoute,
}

impl Store {
    /// Every route, by name.
    pub async fn routes(&self) -> Result<Vec<Route>, StoreError> {
        let rows = sql(format!("{SELECT} ORDER BY route.name"))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    pub async fn route(&self, id: &str) -> Result<Option<Route>, StoreError> {
        let row = sql(format!("{SELECT} WHERE route.uid = ?"))
            .bind(id)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The routes that lead to a sink, oldest first.
    pub async fn routes_to(&self, sink: &Sink) -> Result<Vec<Route>, StoreError> {
        let rows = sql(format!(
            "{SELECT} WHERE route.sink_id = ? AND route.enabled = 1 ORDER BY route.id"
        ))
        .bind(sink.row)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Makes a route, or changes the one with this id.
    pub async fn put_route(
        &self,
        author: Author,
        id: Option<&str>,
        record: RouteRecord,
    ) -> Result<Result<String, RouteRefusal>, StoreError> {
        let (id, now) = (id.map(str::to_owned), author.time);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let but = id.as_deref().unwrap_or_default();
                    if !name_is_free(connection, "route", &record.name, but).await? {
                        return Ok(Err(RouteRefusal::NameTaken));
                    }
                    let sink: Option<i64> = sql("SELECT id FROM sink WHERE uid = ?")
                        .bind(&record.sink)
                        .scalar()
                        .fetch_optional(&mut *connection)
                        .await?;
                    let Some(sink) = sink else {
                        return Ok(Err(RouteRefusal::NoSink));
                    };
                    let statement = if id.is_some() {
                        sql(
                            "UPDATE route SET name = ?, sink_id = ?, enabled = ?, query = ?,
                                 environments = ?, events = ?, digest_seconds = ?,
                                 max_per_minute = ?, updated = ?
                             WHERE uid = ?",
                        )
                    } else {
                        sql(
                            "INSERT INTO route (name, sink_id, enabled, query, environments,
                                 events, digest_seconds, max_per_minute, updated, uid, created,
                                 matched)
                             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                        )
                    };
                    let is_new = id.is_none();
                    let before = match &id {
                        Some(id) => find(connection, id).await?,
                        None => None,
                    };
                    let written = record.clone();
                    let uid = id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
                    let mut statement = statement
                        .bind(record.name)
                        .bind(sink)
                        .bind(record.enabled)
                        .bind(record.query)
                        .bind(json(&record.environments))
                        .bind(json(&record.events))
                        .bind(i64::from(record.digest_seconds))
                        .bind(i64::from(record.max_per_minute))
                        .bind(now)
                        .bind(&uid);
                    if is_new {
                        statement = statement.bind(now);
                    }
                    if statement.execute(&mut *connection).await? == 0 {
                        return Ok(Err(RouteRefusal::NoRoute));
                    }
                    let note = match before {
                        Some(before) => Note::of("route.change", "route", &uid)
                            .changed(&before.record, &written),
                        None => Note::of("route.create", "route", &uid).made(&written),
                    };
                    audit::note(connection, &author, note).await?;
                    Ok(Ok(uid))
                })
            })
            .await
    }

    pub async fn remove_route(&self, author: Author, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let Some(before) = find(connection, &id).await? else {
                        return Ok(false);
                    };
                    sql("DELETE FROM route WHERE uid = ?")
                        .bind(&id)
                        .execute(&mut *connection)
                        .await?;
                    let note = Note::of("route.remove", "route", &id).removed(&before.record);
                    audit::note(connection, &author, note).await?;
                    Ok(true)
                })
            })
            .await
    }
}
