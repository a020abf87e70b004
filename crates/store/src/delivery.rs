//! Deliveries: notices sorted for a sink, and what became of each.
//!
//! Sorting moves a sink's cursor and adds its deliveries in one
//! transaction, so a notice is sorted once however often the server
//! stops. A delivery is pending until its answer is written down; one
//! that was made but not written down is made again, under the same id.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::Notice;

use crate::{
    Author, Note, Page, PageRequest, Store, StoreError, audit,
    db::{Connection, Row, insert, sql},
    page::{Key, Order, Total},
    route::RouteProgress,
    row::{json, number},
    sink::{DeliveryAnswer, Sink},
};

/// Where a delivery is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up; it can be put back in line.
    Dead,
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    fn number(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Delivered => 1,
            Self::Dead => 2,
        }
    }

    fn of(number: i64) -> Self {
        Self::ALL
            .into_iter()
            .find(|state| state.number() == number)
            .unwrap_or(Self::Dead)
    }
}

/// One notice of the outbox.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its place in line.
    pub number: i64,
    /// From the demonstration.
    pub demo: bool,
    pub notice: Notice,
}

/// A delivery that is to be made.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub notices: Vec<Notice>,
    /// Names of the routes.
    pub routes: Vec<String>,
}

/// A delivery that waits.
#[derive(Clone, Debug)]
pub struct Pending {
    pub(crate) row: i64,
    pub id: String,
    pub notices: Vec<Notice>,
    pub attempts: u32,
    pub created: Timestamp,
    /// Since when it is tried: when it was made or last replayed.
    pub since: Timestamp,
    pub next_try: Timestamp,
}

/// A delivery, as it is listed.
#[derive(Clone, Debug)]
pub struct Delivery {
    row: i64,
    pub id: String,
    pub sink: String,
    pub sink_name: String,
    pub sink_kind: String,
    pub state: DeliveryState,
    pub notices: u64,
    pub headline: String,
    pub routes: Vec<String>,
    pub attempts: u32,
    pub created: Timestamp,
    pub finished: Option<Timestamp>,
    pub next_try: Option<Timestamp>,
    pub answer: Option<DeliveryAnswer>,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// The sink's id.
    pub sink: Option<String>,
    pub states: Vec<DeliveryState>,
}

/// What a try came to.
#[derive(Clone, Debug)]
pub struct Tried {
    pub state: DeliveryState,
    pub next_try: Timestamp,
    pub answer: DeliveryAnswer,
    /// What to remember, by subject.
    pub learned: Vec<(String, String)>,
}

/// What is kept of what is over.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    pub delivered_since: Timestamp,
    pub dead_since: Timestamp,
}

const NEWEST: Order = Order {
    name: "newest",
    expression: "delivery.id",
    id: "delivery.id",
    descending: true,
};

/// Whether this holder may still deliver; another may have taken over
/// while a receiver was slow.
async fn holds(connection: &mut Connection, sink: i64, holder: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = sql("SELECT id FROM sink WHERE id = ? AND lease_holder = ?")
        .bind(sink)
        .bind(holder)
        .scalar()
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

impl Store {
    /// The next notices a sink has not been sorted for, oldest first.
    pub async fn unsorted(&self, sink: &Sink, limit: u32) -> Result<Vec<Outgoing>, StoreError> {
        let rows = sql("SELECT outbox.id, outbox.demo, outbox.notice
             FROM outbox JOIN sink ON outbox.id > sink.cursor
             WHERE sink.id = ? ORDER BY outbox.id LIMIT ?")
        .bind(sink.row)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Outgoing {
                    number: row.int("id")?,
                    demo: row.flag("demo")?,
                    notice: row.json("notice")?,
                })
            })
            .collect()
    }

    /// Adds a sink's deliveries, moves its cursor to `number` (if there
    /// is one) and notes its routes' progress, all or nothing. `false`:
    /// another holder delivers now.
    pub async fn sort(
        &self,
        sink: &Sink,
        holder: &str,
        number: Option<i64>,
        deliveries: Vec<NewDelivery>,
        routes: Vec<RouteProgress>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (sink, holder) = (sink.row, holder.to_owned());
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    if !holds(connection, sink, &holder).await? {
                        return Ok(false);
                    }
                    if let Some(number) = number {
                        let moved = sql("UPDATE sink SET cursor = ? WHERE id = ? AND cursor < ?")
                            .bind(number)
                            .bind(sink)
                            .bind(number)
                            .execute(&mut *connection)
                            .await?;
                        if moved == 0 {
                            return Ok(false);
                        }
                    }
                    insert(
                        "INSERT INTO delivery (uid, sink_id, state, notices, size, headline,
                             routes, attempts, created, since, next_try) ",
                    )
                    .rows(&mut *connection, &deliveries, |row, delivery| {
                        let headline = delivery.notices.first().map(Notice::headline);
                        row.push_bind(uuid::Uuid::now_v7().to_string())
                            .push_bind(sink)
                            .push_bind(DeliveryState::Pending.number())
                            .push_bind(json(&delivery.notices))
                            .push_bind(number_of(&delivery.notices))
                            .push_bind(headline.unwrap_or_default())
                            .push_bind(json(&delivery.routes))
                            .push_bind(0_i64)
                            .push_bind(now)
                            .push_bind(now)
                            .push_bind(now);
                    })
                    .await?;
                    for route in routes {
                        sql("UPDATE route SET matched = matched + ?, held = ?,
                                 last_matched = COALESCE(?, last_matched)
                             WHERE id = ?")
                        .bind(i64::try_from(route.matched).unwrap_or(i64::MAX))
                        .bind(route.held)
                        .bind(route.last_matched.map(Timestamp::as_microsecond))
                        .bind(route.row)
                        .execute(&mut *connection)
                        .await?;
                    }
                    Ok(true)
                })
            })
            .await
    }

    /// The first delivery in a sink's line.
    pub async fn next_delivery(&self, sink: &Sink) -> Result<Option<Pending>, StoreError> {
        let row = sql(
            "SELECT id, uid, notices, attempts, created, since, next_try FROM delivery
             WHERE sink_id = ? AND state = 0 ORDER BY id LIMIT 1",
        )
        .bind(sink.row)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| {
            Ok(Pending {
                row: row.int("id")?,
                id: row.text("uid")?,
                notices: row.json("notices")?,
                attempts: row.count("attempts")?.try_into().unwrap_or(u32::MAX),
                created: row.time("created")?,
                since: row.time("since")?,
                next_try: row.time("next_try")?,
            })
        })
        .transpose()
    }

    /// What receivers asked to be remembered of these subjects.
    pub async fn remembered(
        &self,
        sink: &Sink,
        subjects: &[&str],
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let mut query = sql("SELECT subject, value FROM sink_memory WHERE sink_id = ");
        query
            .push_bind(sink.row)
            .push(" AND subject IN ")
            .push_list(subjects.iter().copied());
        let rows = query.once().fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| Ok((row.text("subject")?, row.text("value")?)))
            .collect()
    }

    /// Writes down what a try came to. `false`: another holder delivers
    /// now, and will make the delivery again.
    pub async fn tried(
        &self,
        sink: &Sink,
        holder: &str,
        delivery: &Pending,
        tried: Tried,
    ) -> Result<bool, StoreError> {
        let (sink, holder, row) = (sink.row, holder.to_owned(), delivery.row);
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    // What was learned is true whoever holds the lease.
                    for (subject, value) in &tried.learned {
                        sql(
                            "INSERT INTO sink_memory (sink_id, subject, value) VALUES (?, ?, ?)
                             ON CONFLICT (sink_id, subject) DO UPDATE SET value = excluded.value",
                        )
                        .bind(sink)
                        .bind(subject)
                        .bind(value)
                        .execute(&mut *connection)
                        .await?;
                    }
                    if !holds(connection, sink, &holder).await? {
                        return Ok(false);
                    }
                    let is_over = tried.state != DeliveryState::Pending;
                    let finished = is_over.then(|| tried.answer.time.as_microsecond());
                    let answer = json(&tried.answer);
                    sql(
                        "UPDATE delivery SET state = ?, attempts = attempts + 1, next_try = ?,
                             finished = ?, answer = ?
                         WHERE id = ? AND state = 0",
                    )
                    .bind(tried.state.number())
                    .bind(tried.next_try)
                    .bind(finished)
                    .bind(&answer)
                    .bind(row)
                    .execute(&mut *connection)
                    .await?;
                    let delivered = (tried.state == DeliveryState::Delivered)
                        .then(|| tried.answer.time.as_microsecond());
                    sql("UPDATE sink SET answer = ?,
                             last_delivered = COALESCE(?, last_delivered)
                         WHERE id = ?")
                    .bind(answer)
                    .bind(delivered)
                    .bind(sink)
                    .execute(&mut *connection)
                    .await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Deliveries, newest first.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        request: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let condition = |query: &mut crate::db::Sql| {
            query.push(" WHERE 1 = 1");
            if let Some(sink) = &filter.sink {
                query.push(" AND sink.uid = ").push_bind(sink.as_str());
            }
            if !filter.states.is_empty() {
                let states = filter.states.iter().map(|state| state.number());
                query.push(" AND delivery.state IN ").push_list(states);
            }
        };
        let mut query = sql(
            "SELECT delivery.id, delivery.uid, delivery.state, delivery.size,
                 delivery.headline, delivery.routes, delivery.attempts, delivery.created,
                 delivery.next_try, delivery.finished, delivery.answer, sink.uid AS sink,
                 sink.name AS sink_name, sink.kind AS sink_kind
             FROM delivery JOIN sink ON sink.id = delivery.sink_id",
        );
        condition(&mut query);
        NEWEST.page(&mut query, request)?;
        let rows = query.fetch_all(&self.readers).await?;
        let items = rows.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        let mut count = sql("SELECT COUNT(*) FROM (SELECT 1 AS one FROM delivery
             JOIN sink ON sink.id = delivery.sink_id");
        condition(&mut count);
        count.push(" LIMIT 10001) AS counted");
        let total: i64 = count.scalar().fetch_one(&self.readers).await?;
        let total = Total(total.try_into().unwrap_or(0));
        Ok(NEWEST.cut(items, request, total, |delivery| {
            (Key::Int(delivery.row), delivery.row)
        }))
    }

    pub async fn delivery(&self, id: &str) -> Result<Option<Delivery>, StoreError> {
        let row = sql(
            "SELECT delivery.id, delivery.uid, delivery.state, delivery.size,
                 delivery.headline, delivery.routes, delivery.attempts, delivery.created,
                 delivery.next_try, delivery.finished, delivery.answer, sink.uid AS sink,
                 sink.name AS sink_name, sink.kind AS sink_kind
             FROM delivery JOIN sink ON sink.id = delivery.sink_id WHERE delivery.uid = ?",
        )
        .bind(id)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(listed).transpose()
    }

    /// Puts dead deliveries back in line, in their old order: one by id,
    /// or all of a sink's.
    pub async fn replay(
        &self,
        author: Author,
        delivery: Option<&str>,
        sink: Option<&str>,
    ) -> Result<u64, StoreError> {
        let now = author.time;
        let (delivery, sink) = (delivery.map(str::to_owned), sink.map(str::to_owned));
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut query = sql("UPDATE delivery SET state = 0, finished = NULL, since = ");
                    query
                        .push_bind(now)
                        .push(", next_try = ")
                        .push_bind(now)
                        .push(" WHERE state = 2");
                    let object = match (&delivery, &sink) {
                        (Some(id), _) => ("delivery", id.clone()),
                        (None, Some(id)) => ("sink", id.clone()),
                        (None, None) => ("sink", String::new()),
                    };
                    if let Some(delivery) = delivery {
                        query.push(" AND uid = ").push_bind(delivery);
                    }
                    if let Some(sink) = sink {
                        query
                            .push(" AND sink_id IN (SELECT id FROM sink WHERE uid = ")
                            .push_bind(sink)
                            .push(")");
                    }
                    let count = query.execute(&mut *connection).await?;
                    if count > 0 {
                        let note = Note::of("delivery.replay", object.0, &object.1)
                            .made(&serde_json::json!({ "deliveries": count }));
                        audit::note(connection, &author, note).await?;
                    }
                    Ok(count)
                })
            })
            .await
    }

    /// Forgets what every sink has been sorted for and what was over
    /// long ago. The last notice stays, so that numbers never come again.
    pub async fn tidy_deliveries(&self, keep: Keep) -> Result<u64, StoreError> {
        self.writer
            .write(move |connection| {
                Box::pin(async move {
                    let mut removed = sql("DELETE FROM outbox
                         WHERE id < (SELECT MAX(id) FROM outbox)
                         AND id <= COALESCE((SELECT MIN(cursor) FROM sink),
                             (SELECT MAX(id) FROM outbox))")
                    .execute(&mut *connection)
                    .await?;
                    for (state, since) in [
                        (DeliveryState::Delivered, keep.delivered_since),
                        (DeliveryState::Dead, keep.dead_since),
                    ] {
                        removed += sql("DELETE FROM delivery WHERE state = ? AND finished < ?")
                            .bind(state.number())
                            .bind(since)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(removed)
                })
            })
            .await
    }
}

fn number_of(notices: &[Notice]) -> i64 {
    number(notices.len())
}

fn listed(row: &Row) -> Result<Delivery, StoreError> {
    let state = DeliveryState::of(row.int("state")?);
    let next_try = row.time("next_try")?;
    Ok(Delivery {
        row: row.int("id")?,
        id: row.text("uid")?,
        sink: row.text("sink")?,
        sink_name: row.text("sink_name")?,
        sink_kind: row.text("sink_kind")?,
        state,
        notices: row.count("size")?,
        headline: row.text("headline")?,
        routes: row.json("routes")?,
        attempts: row.count("attempts")?.try_into().unwrap_or(u32::MAX),
        created: row.time("created")?,
        finished: row.maybe_time("finished")?,
        next_try: (state == DeliveryState::Pending).then_some(next_try),
        answer: row.maybe_json("answer")?,
    })
}
